"""The program as a whole: imports, help, errors and output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from server.child_process import cli_command
from server.cli.main import SUMMARIES, Commands, main
from tests.processes import starting
from tests.server.cli.program import Program

SLOW = {"mcp", "openai", "pydantic", "aiosqlite", "sqlite3", "platformdirs", "asyncio"}
COMMANDS = Commands().list_commands(click.Context(main))


@pytest.mark.parametrize("args", [[], ["--help"], ["--version"]])
def test_slow_imports_wait_until_a_command_runs(args: list[str]) -> None:
    code = (
        "import sys, server.cli.main\n"
        f"if {args}: server.cli.main.main({args}, standalone_mode=False)\n"
        f"print('slow:', sorted({SLOW} & sys.modules.keys()))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.decode().endswith("slow: []\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_summary_of_each_command(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    first, _, _ = (command.help or "").partition("\n\n")
    assert SUMMARIES[name] == " ".join(first.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_the_environment_variable_of_every_option(program: Program, name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    parts = [(name, command)]
    if isinstance(command, click.Group):
        parts = [(f"{name} {part}", of) for part, of in command.commands.items()]
    for args, of in parts:
        text = "".join(program.run(*args.split(), "--help").output.split())
        for option in [p for p in of.params if isinstance(p, click.Option)]:
            variable = (
                option.envvar or f"EXPERIENCE_MCP_{args} {option.name}".replace(" ", "_").upper()
            )
            shown = [variable] if isinstance(variable, str) else list(variable)
            assert "".join(f"[envvar:{shown[0]}"[:12]) in text
            assert all(one in text for one in shown), option


def test_api_keys_are_never_options() -> None:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = {p.name or "" for p in command.params} - {"tls_key"}  # the name of a file
        assert not any("key" in option for option in options)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_no_command_in_a_terminal_prints_help(program: Program) -> None:
    ours, theirs = os.openpty()
    process = subprocess.run(
        cli_command(),
        env=program.environment(),
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert "Usage: experience-mcp" in process.stdout + process.stderr
    assert "submit" in process.stdout + process.stderr


def test_an_option_before_the_command_is_an_error_that_shows_its_place(program: Program) -> None:
    result = program.run("--library", "x", "show", fails=2)
    assert "experience-mcp show --library …" in result.stderr


def test_a_misspelt_command_gets_a_suggestion(program: Program) -> None:
    assert "Did you mean 'history'?" in program.run("histroy", fails=2).stderr


@pytest.mark.parametrize("args", ["show", "libraries", "history", "export", "why G1", "describe"])
def test_a_command_that_only_reads_creates_no_database(fresh_program: Program, args: str) -> None:
    result = fresh_program.run(*args.split(), fails=1)
    assert result.stderr.startswith("Error: there is no database")
    assert not fresh_program.database.exists()


def test_an_unknown_library_is_a_one_line_error_with_a_suggestion(program: Program) -> None:
    program.run("edit", "add", "When x, do y.", "--library", "airline")
    suggested = "library 'airlin' does not exist; did you mean 'airline' (1 experience)?"
    for command in (
        "show airlin",
        "show airlin --task x",
        "history airlin",
        "diff airlin",
        "why airlin G1",
        "describe airlin",
        "edit revise airlin G1 x",
        "edit retire airlin G1",
        "review airlin",
        "review airlin --publish u-1",
        "rollback airlin 0",
        "delete airlin --yes",
        "export airlin",
        "export airlin --format markdown",
        "export airlin skills --format skill",
    ):
        result = program.run(*command.split(), fails=1)
        assert result.stderr == f"Error: {suggested}\n", command


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("history lib --limit 0", 2, "'--limit': 0 is not in the range x>=1."),
        (f"history lib --limit {10**10}", 2, "'--limit': 10000000000 is more than 1,000,000,000."),
        (f"history lib --before {10**30}", 2, "'--before': 1"),
        ("history lib --limit many", 2, "'--limit': 'many' is not a valid whole number."),
        (f"show lib --version {10**30}", 1, "it has 0 to 1"),
        (f"describe lib --max-words {10**30}", 2, "'--max-words': 1"),
        ("describe lib --min-spread nan", 2, "'--min-spread': nan is not a finite number."),
        ("serve --timeout inf", 2, "inf is not a finite number."),
        ("serve --timeout soon", 2, "'soon' is not a valid number."),
        ("serve Bad-Name", 1, "'Bad-Name' is not a valid library name"),
        ("why lib", 1, "'lib' is not a valid experience id: use one such as G3"),
        ("edit add lib", 1, "'lib' is the name of a library: give the text of the experience"),
        ("review lib --publish u-1", 1, "`experience-mcp review lib` lists what is awaiting"),
        ("libraries --database=", 2, "'--database'"),
        ("describe --library= --review", 2, "the name of the LIBRARY is empty"),
    ],
)
def test_an_odd_argument_is_refused_in_plain_words(
    program: Program, command: str, code: int, reason: str
) -> None:
    program.run("edit", "add", "lib", "When x, do y.")
    assert reason in program.run(*command.split(), fails=code).stderr


def test_arguments_that_are_not_utf_8_are_refused(program: Program) -> None:
    program.run("edit", "add", "lib", "When x, do y.")
    odd = b"a\xff".decode(errors="surrogateescape")
    for command in (
        ("show", odd),
        ("edit", "add", "lib", odd),
        ("edit", "add", "lib", "When z, do q.", "--note", odd),
        ("describe", "lib", "--agent-objective", odd),
        ("token", "revoke", odd),
    ):
        refused = program.run(*command, fails=1)
        assert refused.stderr == "Error: an argument has bytes that are not UTF-8 text\n", command
    assert program.json("show", "lib").at("version") == 1


def test_an_empty_library_is_not_taken_for_the_default_one(program: Program) -> None:
    for command in (("describe", "", "--review"), ("rollback", "", "0"), ("export", "")):
        refused = program.run(*command, fails=2)
        assert "the name of the LIBRARY is empty" in refused.stderr
    assert program.json("libraries").at("libraries") == []


def test_a_place_where_no_database_can_be_is_named_once(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for database, reason in (
        (tmp_path, "Is a directory"),
        (file / "x.db", f"{file} is not a folder"),
    ):
        refused = program.run("edit", "add", "lib", "x", "--database", str(database), fails=1)
        assert refused.stderr == f"Error: cannot open the database {database}: {reason}\n"


def test_a_file_that_is_not_a_database_is_an_error_without_traceback(program: Program) -> None:
    program.database.write_text("this is a text, and a long one " * 100)
    result = program.run("libraries", fails=1)
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_variables_named_version_and_help_do_not_change_the_command(program: Program) -> None:
    program.run("edit", "add", "When x, do y.")
    process = subprocess.run(
        starting.cli_command("libraries"),
        env=program.environment(EXPERIENCE_MCP_VERSION="1", EXPERIENCE_MCP_HELP="1"),
        capture_output=True,
        check=True,
    )
    assert process.stdout.startswith(b"library")


@pytest.mark.parametrize(
    ("start", "command"), [(cli_command, "export"), (starting.cli_command, "demo")]
)
def test_a_closed_pipe_is_not_an_error(
    program: Program, tmp_path: Path, start: Callable[..., list[str]], command: str
) -> None:
    program.run("edit", "add", "When x, do y.")
    with (tmp_path / "errors").open("w+") as errors:
        process = subprocess.Popen(
            start(command),
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        errors.seek(0)
        assert errors.read() == ""


def test_output_has_no_control_characters_of_stored_text(program: Program) -> None:
    program.run("describe", "lib", "--agent-objective", "Reads \x1b[31mred\x1b[0m \x07\u202etext")
    for command in ("show lib", "describe lib", "libraries"):
        output = program.run(*command.split()).stdout
        assert "Reads" in output
        assert not {"\x1b", "\x07", "\u202e"} & set(output)


def test_output_is_wrapped_to_the_width_of_the_terminal(program: Program) -> None:
    program.run("edit", "add", "When " + "many words stand here " * 6 + "do y.")
    for command in ("show", "history", "diff"):
        output = program.run(command).stdout
        assert max(len(line) for line in output.splitlines()) <= 80
