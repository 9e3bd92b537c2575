"""Random files: after adding and removing an entry, everything else is as before."""

from __future__ import annotations

import json
import re
import tomllib
from random import Random

import pytest

from server.cli.hosts.json_document import JsonDocument
from server.cli.hosts.toml_document import TomlDocument
from server.json_values import as_object
from tests.parameters import first_of

ENTRY: dict[str, object] = {"command": "u", "args": ["a", "b"]}
TEXTS = 150
SEEDS = first_of(*range(9))
BETWEEN = ("", "", " ", "\n", "\n  ", "\t", " // c\n", "/* d */", "\r\n")
SCALARS = ("1", "-2.5e3", "true", "null", '"a"', '"x,}]{"')
VALUES = ('"v" # t', "[1,\n 2, # in\n]", "'''\n[s.e]\n'''", "{ a = 1 }", '"""x\\"""" # c')


def json_value(random: Random, depth: int) -> str:
    kind = random.random()
    if depth > 3 or kind < 0.4:
        return random.choice(SCALARS)
    names = [""] * random.randint(0, 3) if kind < 0.6 else random.sample("abcd", 3)
    return json_container(random, names, depth)


def json_container(random: Random, names: list[str], depth: int) -> str:
    def space() -> str:
        return random.choice(BETWEEN)

    members = [
        f"{space()}{json.dumps(name) + space() + ':' + space() if name else ''}"
        f"{json_value(random, depth + 1)}{space()}"
        for name in names
    ]
    last = random.choice((",", "")) if members else ""
    opening, closing = "{}" if any(names) else "[]"
    return f"{opening}{','.join(members)}{last}{space()}{closing}"


def toml_text(random: Random) -> str:
    text = random.choice(("", "# top\nm = 1\n"))
    for name in random.sample("abcd", random.randint(0, 4)):
        text += random.choice(("", "\n", f"# about {name}\n"))
        text += random.choice((f"[s.{name}] # h\n", f"[s.{name}.env]\n", f"[{name}]\n"))
        for key in random.sample(("command", "args", "x"), random.randint(0, 3)):
            above = random.choice(("", "# c\n", "\n"))
            text += f"{above}{key} = {random.choice(VALUES)}\n"
    text = text.rstrip() if random.random() < 0.2 else text
    return text.replace("\n", "\r\n") if random.random() < 0.3 else text


@pytest.mark.parametrize("seed", SEEDS)
def test_editing_any_json_keeps_everything_else(seed: int) -> None:
    random = Random(seed)
    for _ in range(TEXTS):
        text = json_container(random, ["x", random.choice("sy"), "z"], 0).replace("[]", "{}")
        before = as_object(JsonDocument(text).data) or {}
        if as_object(before.get("s", {})) is None:
            continue
        document = JsonDocument(text)
        document.set("s", "e", value=ENTRY)
        members = as_object(before.get("s", {})) or {}
        assert JsonDocument(document.text).data == {**before, "s": {**members, "e": ENTRY}}, text
        assert comments(document.text) == comments(text), text
        document.set("s", "e", "env", value={"x": "y"})
        document.remove("s", "e")
        if "s" not in before:
            document.remove("s")
        assert JsonDocument(document.text).data == before, text
        assert comments(document.text) == comments(text), text


@pytest.mark.parametrize("seed", SEEDS)
def test_editing_any_toml_keeps_everything_else(seed: int) -> None:
    random = Random(seed)
    for _ in range(TEXTS):
        text = toml_text(random)
        document = TomlDocument(text)
        document.set("s", "e", value=ENTRY)
        document.set("s", "e", "args", value=["c"])
        before = tomllib.loads(text)
        entry = {**ENTRY, "args": ["c"]}
        expected = {**before, "s": {**(as_object(before.get("s", {})) or {}), "e": entry}}
        assert tomllib.loads(document.text) == expected, text
        document.remove("s", "e")
        assert document.text.strip() == text.strip()


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"// c|/\* d \*/", text))
