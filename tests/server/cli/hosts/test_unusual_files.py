"""Unusual files: install, edit and undo in any order, and everything else is as before."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.server.cli.hosts.workspace import URL, Workspace, data

TOML = {
    "comments everywhere": """# top
model = 'x' # m

# about docs
[mcp_servers.docs] # h
# in docs
command = 'npx'
# end of docs

# about slow
[profiles.slow]
x = 1
# end
""",
    "dotted keys": """mcp_servers.docs.command = 'npx' # c
# about p
[p]
x=1
""",
    "our entry in dotted keys": """mcp_servers.experience.command = 'a' # c
mcp_servers.experience.env.A = 'b'
[p]
x=1
""",
    "dotted keys in a table": """[mcp_servers]
experience.command = 'a' # c
other.command = 'o'
# about p
[p]
x=1
""",
    "inline tables": """mcp_servers = { docs = { command = 'npx' } } # c
[p]
x = 1
""",
    "our entry in an inline table": """[mcp_servers]
# ours
experience = { command = 'x', args = [
 'a', # why
] } # c
# other
other = { command = 'o' }
""",
    "arrays of tables": """[[agents]]
name = 'a'
# between
[[agents]]
name = 'b'
[agents.sub]
y = 1
[mcp_servers.docs]
command='x'
[[agents]]
name='c'
""",
    "a table of an array out of order": """[[fruit]]
x=1
[potato]
[fruit.apple]
y=1
[mcp_servers.experience]
command='o'
# z
""",
    "another server behind ours": """[mcp_servers.experience]
command = 'old'
[mcp_servers.other]
command='o'
""",
    "ours in the middle": """[mcp_servers.a]
command='a'

# ours
[mcp_servers.experience]
# way
command = 'old'

[mcp_servers.experience.env]
K = 'v'

# z
[mcp_servers.z]
command='z'
""",
    "unusual quoting": """["mcp_servers".'experience']
"command" = 'old' # q
'args' = ['''a''', 'b']
[ mcp_servers . "ex perience" ]
command='n'
""",
    "a table after its own tables": """[mcp_servers.experience.env]
A='b'
[mcp_servers.experience]
command='c'
[mcp_servers]
""",
    "indented": """  [mcp_servers.docs]
  command = 'x'
    [mcp_servers.docs.env]
    A = 'b'
\t# tab
""",
    "headers in strings and lists": """x = '''
[mcp_servers.experience]
'''
y = [
[1],
["mcp_servers"],
]
[mcp_servers.experience]
command='yes'
""",
    "every type": """[mcp_servers.experience]
command='x'
startup_timeout_sec = 1_0.5
at = 1979-05-27T07:32:00Z
n = 0xFF
tools = [{a=1},{b=2}]
""",
    "windows line endings": (
        "model = 'x'\r\n[mcp_servers.experience] # c\r\ncommand = 'old' # d\r\n# about p\r\n"
        "[p]\r\nx = '''\r\n[mcp_servers.x]\r\n'''\r\n"
    ),
    "no newline at the end": "model = 'x'\n[mcp_servers.docs]\ncommand = 'npx'",
    "a comment at the end": "model = 'x' # c\n# last",
    "blank": "\n\n",
}
JSON = {
    "comments everywhere": """// top
{
  // before
  "mcpServers": { // open
    // docs
    "docs": {"command": "x"} // tail
    // end
  } // close
}
// bottom
""",
    "trailing commas": """{
  "mcpServers": {
    "docs": {"args": [1,2,],},
  },
}
""",
    "ours in the middle": """{
  "mcpServers": {
    "a": {},
    /* ours */ "experience": {"command": "o", /* c */ "env": {"K": "v"}}, // o
    "z": {}
  }
}
""",
    "comments in strings": r"""{
  "a // b": "/* no */ , } \" \\",
  "mcpServers": {"\u0065xperience": {"command": "old"}}
}
""",
    "commas on their own lines": """{"mcpServers":
{
"a":{}
,
"experience":{}
}
,
"q":[
]}""",
    "a comment before a comma": """{
  "mcpServers": {
    "experience": {} /* x */ , // y
    "b": {}
  }
}
""",
    "ours on one line": '{"mcpServers": {"a": {}, "experience": {"command": "old"}}}',
    "windows line endings": '{\r\n\t"mcpServers": {\r\n\t\t"a": {} // c\r\n\t}\r\n}\r\n',
    "a byte order mark": '\ufeff{\n  "mcpServers": {}\n}\n',
    "blank": "",
}
FILES = [
    *(pytest.param("codex", text, id=f"toml: {name}") for name, text in TOML.items()),
    *(pytest.param("cursor", text, id=f"json: {name}") for name, text in JSON.items()),
]
COMMENT = re.compile(r"#[^\n\r]*|//[^\n\r]*|/\*.*?\*/")


@pytest.mark.parametrize(("host", "text"), FILES)
@pytest.mark.parametrize("served", [(), ("--url", URL)], ids=["stdio", "http"])
def test_undo_restores_the_exact_file(
    workspace: Workspace, host: str, text: str, served: tuple[str, ...]
) -> None:
    path = workspace.write(host, text)
    workspace.install(host, *served)
    assert "Nothing to change" in workspace.install(host, *served)
    workspace.undo(host)
    assert path.read_bytes() == text.encode()
    assert "nothing to undo" in workspace.run(host, "--yes", "--undo", fails=1)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(("host", "text"), FILES)
@pytest.mark.exhaustive
def test_undo_keeps_a_later_comment(workspace: Workspace, host: str, text: str) -> None:
    path = workspace.write(host, text)
    workspace.install(host)
    comment = "# new\n" if host == "codex" else "// new\n"
    path.write_bytes(comment.encode() + path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    workspace.undo(host)
    expected = comment + (text.removeprefix("\ufeff") or "{}\n")
    assert path.read_bytes().strip() == expected.encode().strip()


@pytest.mark.parametrize(("host", "text"), FILES)
@pytest.mark.parametrize("order", [("experience", "second"), ("second", "experience")])
@pytest.mark.exhaustive
def test_two_entries_are_undone_in_any_order(
    workspace: Workspace, host: str, text: str, order: tuple[str, str]
) -> None:
    path = workspace.write(host, text)
    workspace.install(host)
    workspace.install(host, "--name", "second")
    for name in order:
        workspace.undo(host, "--name", name)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(("host", "text"), FILES)
@pytest.mark.exhaustive
def test_undo_of_a_changed_entry_restores_its_values(
    workspace: Workspace, host: str, text: str
) -> None:
    path = workspace.write(host, text)
    before = data(path).value
    workspace.install(host)
    path.write_bytes(path.read_bytes().replace(b'"serve"', b'"serve", "--changed"'))
    assert "was changed since it was installed" in workspace.undo(host)
    assert data(path).value == before
    lost = Counter(COMMENT.findall(text)) - Counter(COMMENT.findall(path.read_text()))
    assert not lost - Counter(["# why"])  # it was in a list that was replaced


def test_tomlkit_is_loaded_for_toml_only() -> None:
    code = "import sys, server.cli.commands.install; print('tomlkit' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert printed.stdout.strip() == b"False"
