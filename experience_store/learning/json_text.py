r"""The JSON object in what a language model wrote.

Models wrap their answers in prose, fences and thoughts, write JSON as they would write Python or
JavaScript, and forget to escape LaTeX. All of that can be mended without guessing at what was
meant. What cannot is refused, with a message that tells the model how to answer better: an answer
that breaks off in the middle, crossed brackets, or a repair that would lose an object. Half an
answer must never pass for a whole one with fewer operations.

LaTeX deserves its own care, since `\frac`, `\times`, `\neq`, `\binom` and `\right` begin with what
JSON reads as a form feed, tab, newline, backspace and carriage return. Nothing fails; the text is
silently bent. A decoded form feed or backspace is therefore always turned back. A decoded tab,
newline or carriage return may be meant, so it is turned back only where it completes a command
from a table.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from experience_store.errors import AnswerRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MAX_CHARS = 200_000
MAX_DEPTH = 64
MAX_DIGITS = 40

_WRAPPED_LIST = "operations"  # the key of a list that came without the object around it

# LaTeX commands that begin like a JSON escape. Those after "|" complete an English word when
# the escape is real ("\nless" may be a line that begins with "less"): maths must follow them.
_COMMANDS = {
    "\n": r"""
        nabla natural ncong ne(?![.-]\w) nearrow neq newcommand newenvironment newline newpage
        newtheorem ngeq ngeqslant ngtr nleftarrow nleftrightarrow nleq nleqslant nobreak nocite
        noindent nolimits nolinebreak nonumber nopagebreak norm normalfont normalsize not notag
        notin nprec npreceq nrightarrow nshortmid nsubseteq nsubseteqq nsucc nsucceq nsupseteq
        ntriangleleft ntriangleright nu null number nvdash nvDash nVdash nVDash nwarrow
        | neg nexists ni nless nmid nparallel nsim nsubset nsupset""",
    "\t": r"""
        tableofcontents tag tan tanh tau tbinom text textasciitilde textbackslash textbf
        textcolor textit textmd textnormal textrm textsc textsf textsl textstyle textsubscript
        textsuperscript texttt textup textwidth tfrac thanks therefore theta thickapprox thicksim
        thickspace thinspace tilde times tiny to today top tr(?=[({\\]) triangle triangledown
        triangleleft trianglelefteq triangleq triangleright trianglerighteq twoheadleftarrow
        twoheadrightarrow |""",
    "\r": r"""
        raisebox rangle rank rbrace rbrack rceil ref renewcommand rfloor rgroup rho right
        rightarrow rightarrowtail rightharpoondown rightharpoonup rightleftarrows
        rightleftharpoons rightrightarrows rightsquigarrow rightthreetimes risingdotseq rlap rm
        rmoustache root rotatebox rtimes rule rvert rVert |""",
}
_ENDS = r"(?![^\W\d_])"  # no further letter
_MATHS = r"(?=\s*(?:[\\{(|$^_\d]|[b-zB-HJ-Z](?![a-z])|[aAI](?!\w|\s+[a-z]{2})))"


def _commands(escape: str) -> str:
    """A pattern for what follows the control character where a LaTeX command was meant."""
    sure, _, unsure = _COMMANDS[escape].partition("|")
    rests = [word[1:] + _ENDS for word in sure.split()]
    rests += [word[1:] + _ENDS + _MATHS for word in unsure.split()]
    return "(?:" + "|".join(rests) + ")"


_AFTER = {"n": _commands("\n"), "t": _commands("\t"), "r": _commands("\r")}
_BENT = re.compile(
    rf"\n(?={_AFTER['n']})|\t(?={_AFTER['t']})|\r(?={_AFTER['r']})|\f(?=[A-Za-z])|\x08"
)
_LETTER = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "\f": r"\f", "\b": r"\b"}
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

# A backslash that JSON does not know, behind any number of escaped ones. \' is left to the repair.
_BAD_ESCAPE = re.compile(r"""(?<!\\)((?:\\\\)*)\\(?![\\"'/bfnrt]|u[0-9a-fA-F]{4})""")
_BARE_COMMAND = re.compile(
    r"(?<!\\)\\(?:[A-Zac-eg-mo-qsv-z]|u(?![0-9a-fA-F]{4})|[bf][A-Za-z]|"
    + "|".join(letter + rest for letter, rest in _AFTER.items())
    + ")"
)
_ROW_BREAK = re.compile(r"(?<!\\)\\\\(?=[\s&]|\\[A-Za-z])")

_THOUGHTS_OPEN = re.compile(r"\s*<think(?:ing)?>")
_THOUGHTS_CLOSE = re.compile(r"</think(?:ing)?>")
_THOUGHTS_CLOSE_ALONE = re.compile(r"</think(?:ing)?>(?=\s*[\[{`]|[^\S\n]*\n)")

# Where JSON seems to begin: a brace in prose or in LaTeX is not followed by a key.
_BEGINNING = re.compile(r"""\{\s*(?:["'“}]|/[/*]|\#\s|\w+\s*:)|\[\s*\{|\[\]""")
_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*(?:.*?\*/|.*)|\#[^\n]*)
      | (?P<mark>[{}\[\],:])
      | (?P<quote>["'“])
      | (?P<word>[^\s{}\[\],:"'“/\#]+|/)""",
    re.DOTALL | re.VERBOSE,
)
# A string ends at a quote that something structural follows: models forget to escape quotes.
_STRING = {
    opening: re.compile(
        rf"{opening}(?:[^{closing}\\]|\\.|{closing}(?!\s*(?:[,:}}\]#]|/[/*])))*{closing}",
        re.DOTALL,
    )
    for opening, closing in (('"', '"'), ("'", "'"), ("“", "”"))
}
_PAIRS = {"}": "{", "]": "["}
_NOT_A_NUMBER = frozenset({"NaN", "-NaN", "nan", "Infinity", "+Infinity", "-Infinity"})

_ONE_OBJECT = "Answer with one JSON object and nothing else"


@dataclass(frozen=True, slots=True)
class _Region:
    """A stretch of the answer that opens and closes like JSON, and how many objects it has."""

    source: str
    objects: int


def parse_object(text: str, expected: Collection[str] = ()) -> dict[str, object]:
    """The JSON object that a model's answer holds, with its LaTeX as it was meant.

    Of several objects the one with the most `expected` keys is taken, the last of equals, since
    models correct themselves downwards; when nothing is expected, the longest. If "operations" is
    expected, a bare list of objects is taken for the value of that key, and a list of one object
    for that object.

    Raises:
        AnswerRefusedError: If there is no such object, or it is incomplete, too long, too deep,
            or holds what is no JSON number. The message is written for the model.
    """
    if len(text) > MAX_CHARS:
        raise AnswerRefusedError(
            f"The answer has {len(text)} characters; at most {MAX_CHARS} are read. Shorten it."
        )
    values = [(r, _decode(r)) for r in _regions(_after_thoughts(text))]
    chosen = _chosen(values, expected)
    return cast("dict[str, object]", restore_latex(chosen))


def restore_latex(value: object) -> object:
    r"""A decoded JSON value with `\frac` where decoding made a form feed and "rac" of it.

    Applies to every string in it, keys too. Control characters that remain and are no tabs or
    line ends are dropped, and so are halves of surrogate pairs, which no database stores.

    Raises:
        AnswerRefusedError: If the value is nested too deeply or holds a number beyond JSON's.
    """
    return _restored(value, MAX_DEPTH)


def _restored(value: object, depth: int) -> object:
    if depth < 0:
        raise AnswerRefusedError(_too_deep())
    match value:
        case str():
            return _UNWANTED.sub("", _BENT.sub(lambda bent: _LETTER[bent[0]], value))
        case list():
            return [_restored(item, depth - 1) for item in cast("list[object]", value)]
        case dict():
            members = cast("dict[str, object]", value)
            return {
                cast("str", _restored(key, depth)): _restored(item, depth - 1)
                for key, item in members.items()
            }
        case float() if not math.isfinite(value):
            raise AnswerRefusedError(f"{value} is no JSON number. Use a finite number or null.")
        case int() if abs(value) >= 10**MAX_DIGITS:
            raise AnswerRefusedError(_too_many_digits())
        case _:
            return value


def _after_thoughts(text: str) -> str:
    """What follows the model's thoughts. Some templates leave out the tag that opens them."""
    if _THOUGHTS_OPEN.match(text):
        end = _THOUGHTS_CLOSE.search(text)
        if end is None:
            raise AnswerRefusedError(f"The answer breaks off while thinking. {_ONE_OBJECT}.")
        return text[end.end() :]
    if text.lstrip().startswith(("{", "[", "`")):
        return text
    end = _THOUGHTS_CLOSE_ALONE.search(text)
    return text[end.end() :] if end else text


def _regions(text: str) -> Iterator[_Region]:
    """The outermost stretches of text that begin like JSON.

    Raises:
        AnswerRefusedError: If one of them does not close.
    """
    position = 0
    while beginning := _BEGINNING.search(text, position):
        region = _region(text, beginning.start())
        yield region
        position = beginning.start() + len(region.source)


def _region(text: str, start: int) -> _Region:
    brackets: list[str] = []
    objects = 0
    for mark, end in _tokens(text, start):
        if mark in {"{", "["}:
            brackets.append(mark)
            objects += mark == "{"
            if len(brackets) > MAX_DEPTH:
                raise AnswerRefusedError(_too_deep())
        elif mark in _PAIRS:
            opened = brackets.pop()
            if opened != _PAIRS[mark]:
                raise AnswerRefusedError(
                    f"The brackets of the JSON do not match: {opened!r} is closed by {mark!r}. "
                    f"{_ONE_OBJECT}, every bracket closed by its own kind."
                )
            if not brackets:
                return _Region(text[start:end], objects)
        elif mark in _NOT_A_NUMBER:
            raise AnswerRefusedError(f"{mark} is no JSON number. Use a finite number or null.")
    raise AnswerRefusedError(
        "The answer breaks off before its JSON is complete. Send all of it again, every string "
        "and bracket closed; say less if it did not fit."
    )


def _tokens(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Marks and bare words from `start` on, each with its end; strings and comments are skipped.

    A quote opens a string only where a string may stand. An apostrophe in the midst of a bare
    word does not.
    """
    position = start
    may_be_string = False
    while token := _TOKEN.match(text, position):
        position = token.end()
        if token.lastgroup == "quote" and may_be_string:
            string = _STRING[token[0]].match(text, token.start())
            if string is None:
                return
            position = string.end()
        elif token.lastgroup != "blank":
            yield token[0], position
        if token.lastgroup != "blank":
            may_be_string = token[0] in {"{", "[", ",", ":"}


def _decode(region: _Region) -> object:
    """The value of a region, repaired if need be; None if it was no JSON after all."""
    source = _escaped(region.source)
    try:
        return _DECODER.decode(source)
    except ValueError:
        return _repaired(source, region.objects)


def _escaped(source: str) -> str:
    r"""JSON text in which the backslashes that JSON does not know are escaped.

    Whoever writes `\times` with one backslash means both of a row break's.
    """
    if _BARE_COMMAND.search(source):
        source = _ROW_BREAK.sub(r"\\\\\\\\", source)
    return _BAD_ESCAPE.sub(r"\1\\\\", source)


def _repaired(source: str, objects: int) -> object:
    import json_repair  # noqa: PLC0415  # 70 ms that a well-formed answer does not cost

    try:
        value: object = json_repair.loads(source, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict | list) and _count(cast("object", value)) != objects:
        raise AnswerRefusedError(
            "The JSON is malformed and could not be mended without loss. Send it again with "
            "double quotes around keys and strings, quotes inside strings escaped, and a comma "
            "between members."
        )
    return cast("object", value)


def _count(value: object) -> int:
    """How many objects a decoded value has, itself included."""
    match value:
        case dict():
            return 1 + sum(_count(v) for v in cast("dict[str, object]", value).values())
        case list():
            return sum(_count(v) for v in cast("list[object]", value))
        case _:
            return 0


def _chosen(values: list[tuple[_Region, object]], expected: Collection[str]) -> dict[str, object]:
    objects = [(r, o) for r, value in values if (o := _as_object(value)) is not None]
    if not expected and objects:
        return max(objects, key=lambda found: len(found[0].source))[1]
    fitting = [o for _, o in objects if any(key in o for key in expected)]
    if fitting:
        # max() keeps the first of equals
        return max(reversed(fitting), key=lambda o: sum(key in o for key in expected))
    lists = [found for _, value in values if (found := _as_list(value)) is not None]
    if lists and _WRAPPED_LIST in expected:
        return {_WRAPPED_LIST: lists[-1]}
    raise AnswerRefusedError(_missing([o for _, o in objects], lists, expected))


def _as_object(value: object) -> dict[str, object] | None:
    match value:
        case dict():
            return cast("dict[str, object]", value)
        case [dict()]:
            return cast("list[dict[str, object]]", value)[0]
        case _:
            return None


def _as_list(value: object) -> list[object] | None:
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    return items if all(isinstance(item, dict) for item in items) else None


def _missing(
    objects: list[dict[str, object]], lists: list[list[object]], expected: Collection[str]
) -> str:
    """What to say when nothing in the answer is the object that was asked for."""
    keys = f" with the keys {', '.join(sorted(expected))}" if expected else ""
    if objects:
        found = ", ".join(list(objects[-1])[:8])[:200] or "no keys"
        wrong = f"The JSON object in the answer has other keys than the expected ones: {found}"
    elif lists:
        wrong = "The answer is a JSON list"
    else:
        wrong = "There is no JSON object in the answer"
    return f"{wrong}. {_ONE_OBJECT}{keys}."


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + 1:
        raise AnswerRefusedError(_too_many_digits())
    return int(digits)


def _too_many_digits() -> str:
    return f"A number in the answer has more than {MAX_DIGITS} digits. Use a smaller number."


def _too_deep() -> str:
    return f"The answer is nested more than {MAX_DEPTH} levels deep. Make it flatter."


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)
