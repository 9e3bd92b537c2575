r"""The JSON object in what a language model wrote.

Models wrap an answer in prose, fences and thoughts, write JSON as they would write Python or
JavaScript, and forget to escape quotes and LaTeX. An answer is read in this order:

1. `_values` finds what begins like JSON.
2. `_as_strict_json` rewrites it, token by token, up to the bracket that closes it.
3. `_decode` reads it with a strict parser, so that nothing is guessed and nothing is lost.
4. `_chosen` picks the object that was asked for.
5. `clean_object` restores LaTeX and checks bounds. Hosts that decode JSON themselves begin here.

What the parser does not take is refused with a message for the model, which is asked once more.
Half an answer never passes for a whole one with fewer operations.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator
from typing import cast

from experience_store.errors import AnswerRefusedError
from experience_store.learning.latex import escape_commands, restore_text
from experience_store.thoughts import split_thoughts

MAX_CHARS = 200_000
MAX_DEPTH = 64
MAX_DIGITS = 40

_ONE_OBJECT = "Answer with one JSON object and nothing else"
_WELL_FORMED = (
    "Send all of it again as JSON that a strict parser reads: double quotes around keys and "
    "strings, quotes inside strings escaped, commas between members, every bracket closed."
)
_SHORTER = "Say less if it did not fit."
_WRAPPED_LIST = "operations"  # the key of a list that came without the object around it

_NO_THOUGHTS = re.compile(r"\s*(?:\{|`|\[\s*[{\]\"])")

# Where JSON seems to begin: a brace in prose or in LaTeX is not followed by a key.
_BEGINNING = re.compile(r"""\{\s*(?:["'}]|/[/*]|\#\s|\w+\s*:)|\[\s*\{""")
# What follows JSON that was closed too early, or opened too late.
_GOES_ON = {
    "{": re.compile(r"""[\s}\]]*,\s*["'“{\[]"""),
    "[": re.compile(r"\s*[,{}\]]"),
}

_BLANK = r"(?:\s++|//[^\n]*+|\#[^\n]*+|/\*.*?(?:\*/|\Z))"
_PLAIN = r'(?:[^"\\]|\\.)*+'  # text without bare double quotes
_KEY = rf"""(?:"{_PLAIN}"|'[^'\n]*+'|\w++)\s*:"""
# Models forget to escape quotes, so one ends a member only before what may follow a member. Double
# quotes inside come in pairs; apostrophes need not, and "#" after one is no comment.
_ENDS = rf"\s*(?:}}|//|/\*|\#|,\s*(?:}}|//|/\*|\#|{_KEY}))"
_ENDS_SINGLE = rf"\s*(?:}}|,\s*(?:}}|{_KEY}))"
_INNER = rf'"(?!{_ENDS}){_PLAIN}'
_MEMBER = (
    rf'"{_PLAIN}(?:{_INNER}{_INNER})*+"(?={_ENDS})'
    rf"|'(?:[^'\\]|\\.|'(?!{_ENDS_SINGLE}))*+'(?={_ENDS_SINGLE})"
)
_TOKEN = re.compile(
    rf"""(?P<blank>{_BLANK}|,(?={_BLANK}*+[}}\]]))
      | (?P<opens>[{{\[])
      | (?P<closes>[}}\]])
      | (?P<member>:\s*(?:{_MEMBER}))
      | (?P<string>"{_PLAIN}"|'(?:[^'\\]|\\.)*+')
      | (?P<unclosed>:?\s*["'])
      | (?P<key>\w++(?=\s*:))
      | (?P<word>[\w.+-]++)
      | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
# What looks like a key within a string: it has swallowed its neighbours, for a quote is missing.
_SWALLOWED = re.compile(r"""[,{"']\s*["']\w+["']*\s*:|\w["']+\s*:""")
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_QUOTE = re.compile(r"\\.|\"", re.DOTALL)
_QUOTED = {r"\'": "'", '"': r"\""}


def parse_object(text: str, expected: Collection[str]) -> dict[str, object]:
    """The JSON object that a model's answer holds, with its LaTeX as it was meant.

    Of several objects the one with the most `expected` keys is taken, the last of equals, since
    models correct themselves downwards. If "operations" is expected, a bare list of objects is
    taken for the value of that key. A list of one object is taken for that object.

    Raises:
        AnswerRefusedError: If there is no such object, or it is incomplete, malformed, too long
            or too deep. The message is written for the model.
    """
    if len(text) > MAX_CHARS:
        raise AnswerRefusedError(
            f"The answer has {len(text)} characters; at most {MAX_CHARS} are read. Shorten it."
        )
    values = list(_values(_without_thoughts(text), expected))
    return clean_object(_chosen(values, expected))


def clean_object(value: dict[str, object]) -> dict[str, object]:
    r"""A decoded object with its LaTeX restored, and without control characters.

    Raises:
        AnswerRefusedError: If it is too deep, or holds a number that is not finite or too long.
    """
    return cast("dict[str, object]", _clean(value, MAX_DEPTH))


def _without_thoughts(text: str) -> str:
    if _NO_THOUGHTS.match(text):
        return text  # marks in it are part of what it says
    thoughts, answer = split_thoughts(text)
    if thoughts and not answer:
        raise AnswerRefusedError(f"The answer breaks off while thinking. {_ONE_OBJECT}.")
    return answer


def _values(text: str, expected: Collection[str]) -> Iterator[object]:
    """The value of each outermost stretch that begins like JSON.

    Braces in prose may read like malformed JSON: without an expected key they are passed over.
    """
    position = 0
    while beginning := _BEGINNING.search(text, position):
        source, position = _as_strict_json(text, beginning.start())
        if goes_on := _GOES_ON[source[0]].match(text, position):
            raise AnswerRefusedError(
                f"The JSON goes on after it was closed, with {goes_on[0][-40:]!r}. {_WELL_FORMED}"
            )
        try:
            value = _decode(source)
        except AnswerRefusedError:
            if source[0] == "[" or any(key in source for key in expected):
                raise
        else:
            yield value


def _as_strict_json(text: str, start: int) -> tuple[str, int]:
    """A stretch of JSON as a strict parser would have it written, and where it ends."""
    depth = 0
    source: list[str] = []
    for token in _TOKEN.finditer(text, start):
        if token.lastgroup == "unclosed" or _is_swallowing(token):
            raise AnswerRefusedError(
                "A string in the JSON does not end: the answer breaks off, or a quote is missing "
                f"or not escaped, near {text[token.start() :][:40]!r}. {_WELL_FORMED} {_SHORTER}"
            )
        source.append(_strict_token(token))
        depth += (token.lastgroup == "opens") - (token.lastgroup == "closes")
        if depth > MAX_DEPTH:
            raise _too_deep()
        if depth == 0:
            return "".join(source), token.end()
    raise AnswerRefusedError(
        f"The answer breaks off before its JSON is complete. {_WELL_FORMED} {_SHORTER}"
    )


def _is_swallowing(token: re.Match[str]) -> bool:
    """Whether a string with unescaped quotes in it holds what looks like the next key."""
    if token.lastgroup != "member":
        return False
    written = token[0][1:].lstrip()
    quote, text = written[0], written[1:-1]
    unescaped = quote in text.replace(f"\\{quote}", "")
    return unescaped and _SWALLOWED.search(written) is not None


def _strict_token(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "blank":  # a trailing comma, too
            return " "
        case "member":
            return ":" + _strict_string(token[0][1:].lstrip())
        case "string":
            return _strict_string(token[0])
        case "key":
            return f'"{token[0]}"'
        case _:
            return _LITERALS.get(token[0], token[0])


def _strict_string(written: str) -> str:
    text = _QUOTE.sub(lambda found: _QUOTED.get(found[0], found[0]), written[1:-1])
    return f'"{escape_commands(text)}"'


def _decode(source: str) -> object:
    try:
        return cast("object", _DECODER.decode(source))
    except json.JSONDecodeError as error:
        near = source[max(0, error.pos - 30) : error.pos + 10]
        raise AnswerRefusedError(f"The JSON is malformed near {near!r}. {_WELL_FORMED}") from error


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise AnswerRefusedError(f"A key occurs twice in one object. {_ONE_OBJECT}, each key once.")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise _too_many_digits()
    return int(digits)


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer, object_pairs_hook=_members)


def _chosen(values: list[object], expected: Collection[str]) -> dict[str, object]:
    objects = [found for value in values if (found := _as_object(value)) is not None]
    fitting = [found for found in objects if any(key in found for key in expected)]
    if fitting:
        # max() keeps the first of equals
        return max(reversed(fitting), key=lambda found: sum(key in found for key in expected))
    lists = [value for value in values if _is_list_of_objects(value)]
    if lists and _WRAPPED_LIST in expected:
        return {_WRAPPED_LIST: lists[-1]}
    raise AnswerRefusedError(_missing(objects, lists, expected))


def _as_object(value: object) -> dict[str, object] | None:
    match value:
        case dict():
            return cast("dict[str, object]", value)
        case [dict()]:
            return cast("list[dict[str, object]]", value)[0]
        case _:
            return None


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) for item in cast("list[object]", value)
    )


def _missing(
    objects: list[dict[str, object]], lists: list[object], expected: Collection[str]
) -> str:
    """What to say when nothing in the answer is the object that was asked for."""
    if objects:
        found = ", ".join(list(objects[-1])[:8])[:200] or "no keys"
        wrong = f"The JSON object in the answer has other keys than the expected ones: {found}"
    elif lists:
        wrong = "The answer is a JSON list"
    else:
        wrong = "There is no JSON object in the answer"
    return f"{wrong}. {_ONE_OBJECT} with the keys {', '.join(sorted(expected))}."


def _clean(value: object, depth: int) -> object:
    if depth < 0:
        raise _too_deep()
    match value:
        case str():
            return restore_text(value)
        case list():
            return [_clean(item, depth - 1) for item in cast("list[object]", value)]
        case dict():
            members = cast("dict[str, object]", value)
            return {restore_text(key): _clean(item, depth - 1) for key, item in members.items()}
        case float() if not math.isfinite(value):
            raise AnswerRefusedError(f"{value} is not a JSON number. Use a finite number or null.")
        case int() if abs(value) >= 10**MAX_DIGITS:
            raise _too_many_digits()
        case _:
            return value


def _too_deep() -> AnswerRefusedError:
    return AnswerRefusedError(
        f"The answer is nested more than {MAX_DEPTH} levels deep. Make it flatter."
    )


def _too_many_digits() -> AnswerRefusedError:
    return AnswerRefusedError(
        f"A number in the answer has more than {MAX_DIGITS} digits. Use a smaller number."
    )
