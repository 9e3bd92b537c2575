"""TOML as people write it: inline tables and split tables keep their formatting."""

from __future__ import annotations

import tomllib

import pytest

from server.cli.hosts.toml_document import TomlDocument
from server.json_values import as_object
from tests.server.cli.hosts.workspace import CODEX, URL, Workspace, data

INLINE = """# mine
mcp_servers = { other = { command = 'C:\\x', args = [ "a,b", # why a, {
   'b' ], n = 0xFF, f = 1e3 } }   # trailing
"""
SPLIT = """[mcp_servers.experience]
command = "a"

[other]
x=1

[mcp_servers.experience.env]
A="b"
# tail
"""
TIGHT = '[mcp_servers.experience]\ncommand = "a"\n[t]\nx = 1\n'
OWN_INLINE = '[mcp_servers]\nexperience = { command = "x", n = 0xFF, env = { A = "1" } } # c\n'


def test_other_entries_in_an_inline_table_stay_as_they_are_written(workspace: Workspace) -> None:
    path = workspace.write("codex", INLINE)
    workspace.install("codex")
    assert path.read_text().startswith(INLINE.partition(" } }")[0])
    assert set(as_object(data(path).at("mcp_servers")) or {}) == {"other", "experience"}
    path.write_text(path.read_text() + "[x]\n")
    workspace.undo("codex")
    assert path.read_text() == INLINE + "[x]\n"


@pytest.mark.parametrize(
    "own", [SPLIT, TIGHT, OWN_INLINE, f"a = 1\n\n{SPLIT}", f"{TIGHT}{INLINE[:7]}"]
)
@pytest.mark.parametrize("served", [(), ("--url", URL)])
def test_undo_restores_the_replaced_entry_in_place(
    workspace: Workspace, own: str, served: tuple[str, ...]
) -> None:
    path = workspace.write("codex", own)
    workspace.install("codex", *served)
    path.write_text(path.read_text() + "[later]\ny = 2\n")
    workspace.undo("codex")
    assert path.read_text() == own + "[later]\ny = 2\n"


@pytest.mark.parametrize("later", ["", "[later]\ny = 2\n", "\n[later]\ny = 2\n"])
def test_no_empty_line_is_left_behind(workspace: Workspace, later: str) -> None:
    path = workspace.write("codex", CODEX)
    workspace.install("codex")
    path.write_text(path.read_text() + later)
    workspace.undo("codex")
    assert path.read_text() == CODEX + later


@pytest.mark.parametrize(
    "text",
    [
        "s = {}\n",
        "s = { }\n",
        "s = { a = 1, b.c = 2 }\n",
        's = {a={x="}"},"e.f"=[{y=1},{z=2}]} # c\n',
        "[s]\ne = { a = 1, b = 2, c = 3 }\n",
    ],
)
def test_an_inline_table_is_changed_in_one_place(text: str) -> None:
    document = TomlDocument(text)
    before = tomllib.loads(text)
    document.set("s", "e", "x", value={"y": [1]})
    assert document.get("s", "e", "x") == {"y": [1]}
    document.set("s", "e", "x", value=2)
    document.remove("s", "e", "x")
    if not document.get("s", "e"):
        document.remove("s", "e")
    assert tomllib.loads(document.text) == before
    assert "".join(document.text.split()) == "".join(text.split())


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_any_member_of_an_inline_table_can_be_removed(key: str) -> None:
    document = TomlDocument("[s]\ne = { a = 1, b.x = 2, b.y = 3, c = 4 } # c\n")
    document.remove("s", "e", key)
    assert document.get("s", "e", key) is None
    assert document.text.endswith(" } # c\n")
