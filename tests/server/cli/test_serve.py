"""The server as a host starts it: a child process with pipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from server.child_process import cli_command
from server.cli.commands.serve import serve
from server.cli.option_sections import section_of
from server.cli.serving_options import HTTP_SECTIONS
from tests.processes import starting
from tests.server.cli.program import Json, Program

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


class Host:
    """A host that talks to the child process in JSON lines."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child

    def send(self, message: Mapping[str, object]) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(message) + "\n")
        self.child.stdin.flush()

    def ask(self, message: Mapping[str, object]) -> Json:
        self.send(message)
        assert self.child.stdout is not None
        return Json(json.loads(self.child.stdout.readline()))

    def call(self, tool: str, **arguments: object) -> Json:
        params: dict[str, object] = {"name": tool, "arguments": arguments}
        return self.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})

    def finish(self) -> tuple[int, str]:
        """The exit code and stderr of the child, once it has ended."""
        _, errors = self.child.communicate(timeout=20)
        return self.child.returncode, errors


@contextmanager
def host(
    program: Program,
    *args: str,
    start: Callable[..., list[str]] = starting.cli_command,
    **environment: str,
) -> Generator[Host]:
    child = subprocess.Popen(
        start(*args),
        env=program.environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = Host(child)
        if found.ask(INITIALIZE).at("result", "serverInfo", "name") == "experience-mcp":
            found.send(READY)
        yield found
    finally:
        child.kill()
        child.communicate()


def serves(found: Host) -> bool:
    answer = found.call("get_experiences", task="x", library="lib")
    return answer.at("result", "structuredContent", "library") == "lib"


def test_serve_is_the_default_command_and_takes_options(program: Program) -> None:
    with host(program, "--max-tokens", "500", start=cli_command) as found:
        assert serves(found)


def test_settings_come_from_the_environment(program: Program) -> None:
    with host(program, EXPERIENCE_MCP_LIBRARY="airline") as found:
        answer = found.call("get_experiences", task="x")
        assert answer.at("result", "structuredContent", "library") == "airline"


def test_end_of_file_on_stdin_shuts_down_silently(program: Program) -> None:
    with host(program) as found:
        assert serves(found)
        assert found.finish() == (0, "")


@posix_only
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_shuts_down_while_stdin_is_open(
    program: Program, number: signal.Signals, code: int
) -> None:
    with host(program) as found:
        trajectories = [{"output": "w", "reward": 1}, {"output": "l", "reward": 0}]
        found.call("submit_group", task="t", library="lib", trajectories=trajectories)
        started = time.monotonic()
        found.child.send_signal(number)
        assert found.child.wait(20) == code
        assert time.monotonic() - started < 5
        assert found.child.stderr is not None
        assert found.child.stderr.read() == ""
    assert program.json("libraries").at("libraries", 0, "waiting") == 1


def test_a_database_that_cannot_be_opened_is_a_one_line_error(fresh_program: Program) -> None:
    fresh_program.database.mkdir()
    process = subprocess.run(
        starting.cli_command("serve"),
        env=fresh_program.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith("Error: cannot open the database")
    assert process.stderr.count("\n") == 1


def test_a_model_without_an_api_key_is_an_error_at_start_up(program: Program) -> None:
    result = program.run("serve", "--model", "some-model", fails=1)
    assert "the model some-model needs an API key: set OPENAI_API_KEY" in result.stderr


def test_a_misspelt_option_gets_a_suggestion(program: Program) -> None:
    result = program.run("serve", "--libary", "x", fails=2)
    assert "--library" in result.stderr


def test_logs_go_to_stderr(program: Program) -> None:
    with host(program, "serve", "--log-level", "debug") as found:
        assert serves(found)
        code, errors = found.finish()
        assert code == 0
        assert "DEBUG" in errors


@posix_only
@pytest.mark.parametrize(("given", "is_json"), [("auto", False), ("text", False), ("json", True)])
def test_on_a_terminal_the_log_is_text_unless_json_is_asked_for(
    program: Program, given: str, is_json: bool
) -> None:
    terminal, its_end = os.openpty()
    child = subprocess.Popen(
        starting.cli_command("serve", "--http", "0", "--log-format", given),
        env=program.environment(),
        stdin=subprocess.DEVNULL,
        stderr=its_end,
    )
    try:
        with os.fdopen(terminal, encoding="utf-8") as lines:
            os.close(its_end)
            first = lines.readline()
    finally:
        child.kill()
        child.wait()
    assert first.startswith("{") is is_json
    assert first.count("listening on http://127.0.0.1:") == 1
    assert first.count("http://127.0.0.1:") == (2 if is_json else 1)


def test_options_for_http_are_refused_without_it(program: Program, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch()
    options = [
        option
        for option in serve.params
        if section_of(option) in HTTP_SECTIONS and option.name != "http"
    ]
    assert len(options) > 10
    for option in options:
        value = [] if isinstance(option, click.Option) and option.is_flag else ["3"]
        given = [str(key)] if option.name in {"tls_cert", "tls_key"} else value
        refused = program.run("serve", option.opts[0], *given, fails=2)
        assert f"{option.opts[0]} has no effect without --http" in " ".join(refused.stderr.split())
