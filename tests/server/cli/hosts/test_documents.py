"""Editing a text in one place: everything else stays as it is written."""

from __future__ import annotations

import re
import tomllib

import pytest

from experience_store.errors import BadInputError
from server.cli.hosts.document import MalformedError, as_object
from server.cli.hosts.json_document import JsonDocument
from server.cli.hosts.toml_document import TomlDocument

ENTRY: dict[str, object] = {"command": "uvx", "args": ["experience-mcp", "serve"]}
JSON_TEXTS = [
    "{}",
    "{ }\n",
    '{"s": {}}',
    '{"s": {"a": {"command": "x"}}}',
    '{ "s" : { "a" : 1 } , "t" : [ ] }\n',
    '{\n  "s": {\n    "a": {"command": "x"} // last, with a } and a "\n  }\n}\n',
    '{\n  "s": {\n    "a": {"command": "x"}, // trailing\n  },\n}\n',
    '{\n  // nothing yet\n  "s": {\n    // none\n  }\n}',
    '/* head */ {\n\t"s": { "a": 1,\n\t\t"b": 2 /* tail */ } } // end\n',
    '{"s":\n{\n"a": "\\"\\u00e9\\\\"\n}\n}',
    '{\r\n    "x": [1, 2.5e-3, true, null],\r\n    "s": {\r\n        "a": {}\r\n    }\r\n}\r\n',
]
TOML_TEXTS = [
    "",
    "# only a comment",
    'model = "x"',
    '[s]\na = { command = "x" }\n',
    's = { a = { command = "x" } } # on one line\n',
    's.a.command = "x"\n[t]\nx = 1\n',
    "[s.a]\ncommand = \"x\"\n[t]\nx = [\n  \"[s.e]\", # ]\n  '''\n[s.e]''',\n]\n[s.b]\ny = 1\n",
    '[[t]]\nx = 1\n[[t]]\nx = 2\n\n[s."a b"]\nc = 1979-05-27T07:32:00Z\n',
    '[s.a]\r\nx = """\r\nlong\r\n"""\r\n# about t\r\n[t]\r\n',
]


@pytest.mark.parametrize("text", JSON_TEXTS)
def test_json_is_changed_in_one_place_and_back(text: str) -> None:
    document = JsonDocument(text)
    document.set("s", "e", value=ENTRY)
    expected = as_object(JsonDocument(text).data) or {}
    members = as_object(expected.setdefault("s", {})) or {}
    expected["s"] = {**members, "e": ENTRY}
    assert JsonDocument(document.text).data == expected
    assert comments(text) == comments(document.text)
    document.set("s", "e", "args", value=[])
    document.set("s", "e", "env", value={"A": "b"})
    assert document.get("s", "e") == {"command": "uvx", "args": [], "env": {"A": "b"}}
    document.remove("s", "e")
    if '"s"' not in text:
        document.remove("s")
    assert (document.get("s") or {}) == members
    assert "".join(document.text.split()) == "".join(text.split())
    assert comments(text) == comments(document.text)


@pytest.mark.parametrize("text", TOML_TEXTS)
def test_toml_is_changed_in_one_place_and_back(text: str) -> None:
    document = TomlDocument(text)
    document.set("s", "e", value={**ENTRY, "env": {"A B": 'q"\\'}})
    expected = tomllib.loads(text)
    expected.setdefault("s", {})["e"] = {**ENTRY, "env": {"A B": 'q"\\'}}
    assert tomllib.loads(document.text) == expected
    document.set("s", "e", "args", value=[])
    document.set("s", "e", "cwd", value="/x")
    assert document.get("s", "e", "args") == []
    document.remove("s", "e")
    assert document.text.strip() == text.strip()


def test_members_of_a_list_are_added_and_removed() -> None:
    text = '{\n  "inputs": [\n    {"id": "a"} // first\n  ]\n}\n'
    document = JsonDocument(text)
    document.set("inputs", 1, value={"id": "b"})
    document.set("inputs", 2, value={"id": "c"})
    document.remove("inputs", 1)
    assert document.get("inputs") == [{"id": "a"}, {"id": "c"}]
    document.remove("inputs", 1)
    assert document.text == text


@pytest.mark.parametrize(
    "text",
    [
        "//",
        "{",
        '{"a" 1}',
        '{"a": 1,, "b": 2}',
        "{a: 1}",
        '{"a": 01}',
        '{"a": "\n"}',
        '{"a": "\\x"}',
        "{/* }",
        "[1 2]",
        "[" * 100_000,
    ],
)
def test_invalid_json_is_refused_with_its_position(text: str) -> None:
    with pytest.raises(MalformedError, match=r"line \d+, column \d+: "):
        JsonDocument(text)


def test_toml_that_cannot_be_edited_safely_is_refused() -> None:
    text = "s = 1\n"
    document = TomlDocument(text)
    with pytest.raises(BadInputError, match="must be a table"):
        document.set("s", "e", value=ENTRY)
    assert document.text == text
    array = TomlDocument("[[s]]\nx = 1\n")
    with pytest.raises(BadInputError, match="must be a table"):
        array.set("s", "e", value=ENTRY)


def test_only_real_headers_count_as_headers() -> None:
    text = '[a."b.c"]  # t\n\nx.y = [ # c\n[1],\n]\nz = """\n[d]\n"""\n# z\n[[d]]\n'
    document = TomlDocument(text)
    document.set("a", "b.c", "x", "y", value=1)
    document.set("a", "b.c", "w", value="v")
    assert document.text == '[a."b.c"]  # t\n\nx.y = 1\nz = """\n[d]\n"""\nw = "v"\n# z\n[[d]]\n'
    document.remove("a", "b.c")
    assert document.text == "# z\n[[d]]\n"


def comments(text: str) -> list[str]:
    """The comments of a text; none of these texts has their marks in a string."""
    return re.findall(r"//[^\n]*|/\*.*?\*/", text)
