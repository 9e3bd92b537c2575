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
