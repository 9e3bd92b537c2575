"""The blocks in docs/hosts.md are what `install` writes, and a real client can use them."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from server.cli.hosts import catalogue
from server.cli.hosts.catalogue import HOSTS, Host, host_of_file
from server.cli.hosts.config_file import open_document
from server.cli.hosts.document import ConfigDocument
from server.json_values import as_list, as_object
from server.mcp.tools import core_tools
from tests.packaging.installed import (
    run,
    started,
    tools_of,
    uv,
)
from tests.paths import ROOT
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import Served

URL = "http://127.0.0.1:8000/mcp"
_BLOCK = re.compile(r"<!-- block: (\S+) (stdio|http) -->\n```(\w+)\n(.*?)```", re.DOTALL)
BLOCKS = {
    (host, kind): (language, text)
    for host, kind, language, text in _BLOCK.findall(
        (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
    )
}
KNOWN = {**HOSTS, "mcp.json": host_of_file(Path("mcp.json"))}
EVERY_HOST = pytest.mark.parametrize("host", list(KNOWN))


def block(host: str, kind: str) -> ConfigDocument:
    """A block, read in the format of its host."""
    language, text = BLOCKS[host, kind]
    assert language == {"codex": "toml", "vscode": "jsonc"}.get(host, "json")
    return open_document(text, Path(f"block.{language}"))


def entry(host: str, kind: str) -> dict[str, object]:
    found = as_object(block(host, kind).get(KNOWN[host].servers, "experience"))
    assert found
    return found


def local(found: dict[str, object]) -> list[str]:
    """The command of an entry, with the program from here in place of the package index's."""
    arguments = as_list(found["args"]) or []
    assert [found["command"], arguments[0]] == ["uvx", "experience-mcp"]
    return [sys.executable, "-m", "server.cli", *map(str, arguments[1:])]


def test_every_host_has_both_blocks() -> None:
    assert set(BLOCKS) == {(host, kind) for host in KNOWN for kind in ("stdio", "http")}


def test_readme_names_every_host() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^uv run experience-mcp install (\S+)", readme, re.MULTILINE)
    assert named == [*HOSTS, "path/to/mcp.json"]


@EVERY_HOST
def test_a_block_is_what_install_writes(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType]
    known: Host = KNOWN[host]
    planned = catalogue.stdio_entry(known, ["uvx", "experience-mcp", "serve"])
    assert entry(host, "stdio") == planned.entry
    planned = catalogue.http_entry(
        known, URL, "EXPERIENCE_TOKEN", {"EXPERIENCE_TOKEN": "YOUR_TOKEN"}
    )
    assert entry(host, "http") == planned.entry
    assert (block(host, "http").get("inputs") or []) == list(planned.inputs)


async def test_a_client_starts_the_server_from_every_block(database: Path) -> None:
    commands = {tuple(local(entry(host, "stdio"))) for host in KNOWN}
    for program, *arguments in commands:  # most are the same
        await start(program, arguments, database)


async def start(program: str, arguments: list[str], database: Path) -> None:
    parameters = StdioServerParameters(
        command=program,
        args=arguments,
        cwd=ROOT,
        env={"EXPERIENCE_MCP_DATABASE": str(database)},
    )
    async with Client(parameters) as client:
        assert await tools_of(client) == [tool.name for tool in core_tools()]


async def test_a_client_reaches_the_server_of_every_block(database: Path) -> None:
    async with served_in_process(database) as server:
        for host in KNOWN:
            if host != "claude-desktop":
                await reach(server, entry(host, "http"))


async def reach(server: Served, found: dict[str, object]) -> None:
    """Call the server as an entry says, with its address in place of the documented one."""
    assert found["url"] == URL
    headers = as_object(found.get("headers")) or {"Authorization": "Bearer token"}
    filled = {name: re.sub(r"\$\{.*?\}", "token", str(value)) for name, value in headers.items()}
    assert filled == {"Authorization": "Bearer token"}
    async with (
        httpx2.AsyncClient(headers=filled) as http,
        Client(streamable_http_client(server.url, http_client=http)) as client,
    ):
        assert await tools_of(client) == [tool.name for tool in core_tools()]


@pytest.mark.index
async def test_claude_desktop_reaches_a_server_through_the_program_in_its_block(
    database: Path, tmp_path: Path
) -> None:
    found = entry("claude-desktop", "http")
    words = [str(word) for word in as_list(found["args"]) or []]
    run([uv(), "tool", "run", words[0], "--version"], tmp_path)  # says so if there is no index
    variables = {name: str(value) for name, value in (as_object(found["env"]) or {}).items()}
    async with served_in_process(database) as server:
        command = [uv(), "tool", "run", *(server.url if word == URL else word for word in words)]
        async with started(command, tmp_path, variables) as client:
            assert await tools_of(client) == [tool.name for tool in core_tools()]
