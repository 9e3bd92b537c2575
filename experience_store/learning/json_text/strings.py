"""Strings of JSON as models write them: between quotes of any kind, with quotes in them.

Models forget to escape quotes, so one ends a string only before what must follow a string in its
place. Keys, members and elements are told apart; a comma may be missing at the end of a line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from experience_store.learning.json_text.latex import escape_commands

Place: TypeAlias = Literal["key", "member", "element"]

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"))
_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^'\n]*'|“[^”\n]*”|\w+)\s*:"""
_COMMENT = r"(?://|/\*|\#)"
_LITERAL = r"(?:true|false|null|True|False|None|NaN|Infinity)\b"
_FOLLOWS = {
    "key": "",  # any quote ends a key
    "member": rf"\s*(?:}}|{_COMMENT}|,\s*(?:{_KEY}|}}|{_COMMENT}))|[^\S\n]*\n\s*{_KEY}",
    "element": rf"""\s*(?:\]|{_COMMENT}|,\s*(?:["'“{{[\]\d-]|{_LITERAL}|{_COMMENT}))
        |[^\S\n]*\n\s*["'“]""",
}
_STRING = {
    (opening, place): re.compile(
        rf"{opening}((?:[^{closing}\\]|\\.|{closing}(?!{follows}))*){closing}",
        re.DOTALL | re.VERBOSE,
    )
    for opening, closing in _QUOTES
    for place, follows in _FOLLOWS.items()
}
# A string that holds its own quote like this has swallowed its neighbours: its end is missing.
_SWALLOWED = {
    opening: re.compile(
        rf"(?<!\\){closing}\s*(?::|,\s*{opening}\w+:)|\{{\s*{opening}",
    )
    for opening, closing in _QUOTES
}
_QUOTE = re.compile(r"\\.|\"", re.DOTALL)
_QUOTED = {r"\'": "'", '"': r"\""}
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Written:
    """A string as it is written between its quotes, and where it ends behind the closing one."""

    quote: str
    text: str
    end: int

    def swallowed(self) -> bool:
        """Whether it holds its neighbours, for its own end is missing."""
        return _SWALLOWED[self.quote].search(self.text) is not None

    def meaning(self) -> str:
        """What it says."""
        text = _QUOTE.sub(lambda found: _QUOTED.get(found[0], found[0]), self.text)
        return cast("str", _DECODER.decode(f'"{escape_commands(text)}"'))


def string_at(text: str, position: int, place: Place) -> Written | None:
    """The string that opens at a position of the answer, if it ends."""
    quote = text[position]
    found = _STRING[quote, place].match(text, position)
    return Written(quote, found[1], found.end()) if found else None
