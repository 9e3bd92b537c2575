"""A user's home and project for tests of `install`, and hosts' files as people have them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli.hosts.catalogue import HOSTS, Machine, Scope
from server.cli.hosts.json_document import JsonDocument
from server.cli.main import main
from tests.server.cli.program import Json

CLAUDE_DESKTOP = """{
  "globalShortcut": "Alt+Space",
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/Users/ada/Documents"]
    }
  },
  "preferences": {"menuBarEnabled": false}
}
"""
CLAUDE_CODE = """{
  "numStartups": 184,
  "projects": {
    "/home/ada/shop": {"allowedTools": [], "mcpServers": {}, "history": ["fix \\u00e9"]}
  },
  "mcpServers": {"github": {"type": "http", "url": "https://mcp.example.com/mcp"}},
  "userID": "0f3a"
}"""
CURSOR = '{\n\t"mcpServers": {\n\t\t"docs": {\n\t\t\t"command": "npx"\n\t\t}\n\t}\n}\n'
VSCODE = """// MCP servers of this profile
{
  "inputs": [
    // asked once
    {"type": "promptString", "id": "jira-key", "description": "Jira", "password": true},
  ],
  "servers": {
    "jira": {
      "type": "stdio",
      "command": "uvx", // from the index
      "args": ["mcp-jira"],
      "env": {"JIRA_KEY": "${input:jira-key}"},
    },
    /* "old": {"command": "x"}, */
  },
}
"""
CODEX = """# how I like it
model = "gpt-6"        # the fast one
approval_policy = "on-request"
notify = ["sh", "-c", "echo [done]"]

[mcp_servers.docs]
command = "npx"
args = [
  "-y",   # yes
  "docs-mcp",
]

[mcp_servers.docs.env]
TOKEN = "x#y"

# for long evenings
[profiles.slow]
model = "gpt-6-max"
text = '''
[mcp_servers.experience]
'''
"""
FILES = {
    "claude-desktop": CLAUDE_DESKTOP,
    "claude-code": CLAUDE_CODE,
    "cursor": CURSOR,
    "vscode": VSCODE,
    "codex": CODEX,
}


EVERY_HOST = pytest.mark.parametrize("host", list(HOSTS))
URL = "http://127.0.0.1:8000/mcp"


def servers(host: str) -> str:
    """The table of servers in a host's file."""
    return HOSTS[host].servers


@dataclass(frozen=True)
class Workspace:
    """A user's home and project, and the program run there."""

    home: Path
    project: Path

    def file(self, host: str, scope: Scope = "user") -> Path:
        return HOSTS[host].file(Machine.here(), scope)

    def write(self, host: str, text: str | bytes, scope: Scope = "user") -> Path:
        """The host's file with some content."""
        path = self.file(host, scope)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run(self, *args: str, fails: int = 0, stdin: str = "") -> str:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["install", *args], input=stdin)
        assert result.exit_code == fails, f"{args}: {result.output}\n{result.exc_info}"
        return result.output

    def install(self, host: str, *args: str) -> str:
        return self.run(host, "--yes", *args)

    def undo(self, host: str, *args: str) -> str:
        return self.run(host, "--yes", "--undo", *args)


def data(path: Path) -> Json:
    """What a host reads in a file."""
    text = path.read_text(encoding="utf-8-sig")
    return Json(tomllib.loads(text) if path.suffix == ".toml" else JsonDocument(text).data)


def strict(path: Path) -> Json:
    """What a host reads that takes no comments."""
    return Json(json.loads(path.read_text(encoding="utf-8-sig")))


def lines_kept(before: str, after: str) -> bool:
    """Whether every line is still there, in order; one may have got a comma at its end."""
    rest = iter(after.splitlines())
    return all(any(new in (old, f"{old},") for new in rest) for old in before.splitlines())
