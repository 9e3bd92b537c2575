"""The program as a whole: what it imports, what it says, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from server.cli.main import COMMANDS, Commands, main
from tests.cli.program import Program

HEAVY = {"mcp", "openai", "pydantic", "aiosqlite", "sqlite3", "platformdirs", "asyncio"}
INSTALLED = Commands().list_commands(click.Context(main))


@pytest.mark.parametrize("args", [[], ["--help"], ["--version"]])
def test_nothing_heavy_is_imported_before_a_command_runs(args: list[str]) -> None:
    code = (
        "import sys, server.cli.main\n"
        f"if {args}: server.cli.main.main({args}, standalone_mode=False)\n"
        f"print('heavy:', sorted({HEAVY} & sys.modules.keys()))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.decode().endswith("heavy: []\n")


@pytest.mark.parametrize("name", INSTALLED)
def test_the_help_of_the_program_says_what_the_help_of_the_command_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    first, _, _ = (command.help or "").partition("\n\n")
    assert COMMANDS[name].summary == " ".join(first.split())


@pytest.mark.parametrize("name", INSTALLED)
def test_every_option_has_a_twin_in_the_environment_and_the_help_shows_it(
    program: Program, name: str
) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    parts = [(name, command)]
    if isinstance(command, click.Group):
        parts = [(f"{name} {part}", of) for part, of in command.commands.items()]
    for args, of in parts:
        text = "".join(program.run(*args.split(), "--help").output.split())
        for option in [p for p in of.params if isinstance(p, click.Option)]:
            twin = option.envvar or f"EXPERIENCE_MCP_{args} {option.name}".replace(" ", "_").upper()
            shown = [twin] if isinstance(twin, str) else list(twin)
            assert "".join(f"[envvar:{shown[0]}"[:12]) in text
            assert all(one in text for one in shown), option


def test_keys_are_never_options() -> None:
    for name in INSTALLED:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = {p.name or "" for p in command.params} - {"tls_key"}  # the name of a file
        assert not any("key" in option for option in options)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_without_a_command_a_person_at_a_terminal_is_helped(program: Program) -> None:
    ours, theirs = os.openpty()
    process = subprocess.run(
        program.command(),
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


def test_options_before_the_command_are_told_where_to_stand(program: Program) -> None:
    result = program.run("--library", "x", "show", fails=2)
    assert "experience-mcp show --library …" in result.stderr


def test_a_misspelt_command_gets_a_suggestion(program: Program) -> None:
    assert "Did you mean 'history'?" in program.run("histroy", fails=2).stderr


@pytest.mark.parametrize("args", ["show", "libraries", "history", "export", "why G1", "describe"])
def test_a_command_that_reads_makes_no_database(program: Program, args: str) -> None:
    result = program.run(*args.split(), fails=1)
    assert result.stderr.startswith("Error: there is no database")
    assert not program.database.exists()


def test_an_unknown_library_is_one_line_with_those_that_come_close(program: Program) -> None:
    program.run("edit", "add", "When x, do y.", "--library", "airline")
    result = program.run("show", "airlin", fails=1)
    assert result.stderr == "Error: there is no library 'airlin'; did you mean airline?\n"


def test_a_file_that_is_no_database_is_one_line(program: Program) -> None:
    program.database.write_text("this is a text, and a long one " * 100)
    result = program.run("libraries", fails=1)
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_version_in_the_environment_does_not_hijack_the_program(program: Program) -> None:
    program.run("edit", "add", "When x, do y.")
    process = subprocess.run(
        program.command("libraries"),
        env=program.environment(EXPERIENCE_MCP_VERSION="1", EXPERIENCE_MCP_HELP="1"),
        capture_output=True,
        check=True,
    )
    assert process.stdout.startswith(b"library")


def test_a_reader_that_goes_away_is_no_error(program: Program, tmp_path: Path) -> None:
    program.run("edit", "add", "When x, do y.")
    with (tmp_path / "errors").open("w+") as errors:
        process = subprocess.Popen(
            program.command("export"),
            env=program.environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        errors.seek(0)
        assert errors.read() == ""


def test_what_comes_from_outside_cannot_steer_the_terminal(program: Program) -> None:
    program.run("describe", "lib", "--agent-objective", "Reads \x1b[31mred\x1b[0m \x07\u202etext")
    for command in ("show lib", "describe lib", "libraries"):
        output = program.run(*command.split()).stdout
        assert "Reads" in output
        assert not {"\x1b", "\x07", "\u202e"} & set(output)


def test_text_is_wrapped_to_the_width_of_the_terminal(program: Program) -> None:
    program.run("edit", "add", "When " + "many words stand here " * 6 + "do y.")
    for command in ("show", "history", "diff"):
        output = program.run(command).stdout
        assert max(len(line) for line in output.splitlines()) <= 80
