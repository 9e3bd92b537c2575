"""The hosts, and how each of them writes down a server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from experience_store.errors import BadInputError
from server.cli.hosts import places
from server.cli.hosts.places import Machine

Scope: TypeAlias = Literal["user", "project"]
Entry: TypeAlias = dict[str, object]

BRIDGE = ("mcp-proxy", "--transport", "streamablehttp")
BRIDGE_TOKEN = "API_ACCESS_TOKEN"  # noqa: S105  # a variable's name


@dataclass(frozen=True, slots=True)
class Host:
    """A program that starts or calls the server.

    Attributes:
        servers: The table of servers in its file.
        user: Its file for everything that the user does.
        project: Its file in a project's folder, None if it has none.
        typed: Whether an entry says what it is by `type`.
        reference: How an entry says that a token stands in an environment variable.
        afterwards: What makes the host read the file.
    """

    name: str
    title: str
    servers: str
    user: Callable[[Machine], Path] | None
    project: str | None
    typed: bool
    reference: Literal["${NAME}", "${env:NAME}", "input", "variable", "bridge"]
    afterwards: str

    def file(self, machine: Machine, scope: Scope) -> Path:
        """Its file.

        Raises:
            BadInputError: It has none of this scope.
        """
        if scope == "project":
            if self.project is None:
                raise BadInputError(f"{self.title} has no files of projects: leave out --scope")
            return machine.project / self.project
        assert self.user, "hosts of a path have no scopes"
        return self.user(machine)


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to stand in a host's file.

    Attributes:
        entry: Of the server.
        inputs: What the host is to ask its user for (VS Code).
        notes: What its user should know.
    """

    entry: Entry
    inputs: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


HOSTS: Mapping[str, Host] = {
    host.name: host
    for host in (
        Host(
            "claude-desktop",
            "Claude Desktop",
            "mcpServers",
            places.claude_desktop,
            None,
            typed=False,
            reference="bridge",
            afterwards="Quit Claude Desktop and start it again.",
        ),
        Host(
            "claude-code",
            "Claude Code",
            "mcpServers",
            places.claude_code,
            ".mcp.json",
            typed=True,
            reference="${NAME}",
            afterwards="Start Claude Code again; `claude mcp list` shows the server.",
        ),
        Host(
            "cursor",
            "Cursor",
            "mcpServers",
            places.cursor,
            ".cursor/mcp.json",
            typed=False,
            reference="${env:NAME}",
            afterwards="Start Cursor again, or switch the server on in its MCP settings.",
        ),
        Host(
            "vscode",
            "VS Code",
            "servers",
            places.vscode,
            ".vscode/mcp.json",
            typed=True,
            reference="input",
            afterwards="Run `MCP: List Servers` in VS Code and start the server.",
        ),
        Host(
            "codex",
            "Codex",
            "mcp_servers",
            places.codex,
            ".codex/config.toml",
            typed=False,
            reference="variable",
            afterwards="Start Codex again; `codex mcp list` shows the server.",
        ),
    )
}


def host_of_file(path: Path) -> Host:
    """The host of a file that is given by its path: what most `mcp.json` have."""
    return Host(
        "mcp.json",
        path.name,
        "mcp_servers" if path.suffix == ".toml" else "mcpServers",
        None,
        None,
        typed=False,
        reference="${NAME}" if path.suffix != ".toml" else "variable",
        afterwards="Start the host again.",
    )


def stdio(host: Host, command: list[str]) -> Planned:
    """A server that the host starts."""
    kind: Entry = {"type": "stdio"} if host.typed else {}
    return Planned({**kind, "command": command[0], "args": command[1:]})


def over_http(
    host: Host, url: str, variable: str | None, environment: Mapping[str, str]
) -> Planned:
    """A server that runs already.

    Args:
        host: The program that calls it.
        url: Where it is.
        variable: The environment variable with its token, None if it wants none.
        environment: Where the token is read if the host cannot be told to do so.

    Raises:
        BadInputError: The token is needed and not there.
    """
    entry: Entry = {"type": "http", "url": url} if host.typed else {"url": url}
    match host.reference:
        case "bridge":
            return _bridged(url, variable, environment)
        case "variable":
            if variable:
                entry["bearer_token_env_var"] = variable
            return Planned(entry)
        case "input":
            return _asking(entry, variable)
        case form:
            if variable:
                in_form = form.replace("NAME", variable)
                entry["headers"] = {"Authorization": f"Bearer {in_form}"}
            return Planned(entry)


def _asking(entry: Entry, variable: str | None) -> Planned:
    """VS Code does not replace `${env:…}` in headers, but asks and keeps the answer safe."""
    if variable is None:
        return Planned(entry)
    name = variable.lower().replace("_", "-")
    entry["headers"] = {"Authorization": f"Bearer ${{input:{name}}}"}
    asked: Entry = {
        "type": "promptString",
        "id": name,
        "description": "Token of the experience server",
        "password": True,
    }
    note = f"VS Code will ask for the token ({variable}) once and keep it in its secret storage."
    return Planned(entry, (asked,), notes=(note,))


def _bridged(url: str, variable: str | None, environment: Mapping[str, str]) -> Planned:
    """Claude Desktop's file knows programs only, so a program speaks to the server for it."""
    entry: Entry = {"command": shutil.which("uvx") or "uvx", "args": [*BRIDGE, url]}
    note = "Claude Desktop starts programs only: mcp-proxy, which uv fetches, calls the server."
    if variable is None:
        return Planned(entry, notes=(note,))
    token = environment.get(variable)
    if not token:
        raise BadInputError(
            f"Claude Desktop cannot read the token from {variable}, so it has to stand in its "
            f"file: set {variable} and run this again"
        )
    entry["env"] = {BRIDGE_TOKEN: token}
    warning = f"The token itself is in the file, in {BRIDGE_TOKEN}: the host knows no other way."
    return Planned(entry, notes=(note, warning))
