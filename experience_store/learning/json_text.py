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
MAX_REPAIRED_CHARS = 20_000  # strings apart; json_repair is quadratic in some malformed texts,
MAX_REPAIRED_OBJECTS = 500  # and steeply so in braces
MAX_REGIONS = 1_000
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

# A backslash that JSON does not know, behind any number of escaped ones.
_BAD_ESCAPE = re.compile(r"""(?<!\\)((?:\\\\)*)\\(?![\\"/bfnrt]|u[0-9a-fA-F]{4})""")
_BARE_COMMAND = re.compile(
    r"(?<!\\)\\(?:[A-Zac-eg-mo-qsv-z]|u(?![0-9a-fA-F]{4})|[bf][A-Za-z]|"
    + "|".join(letter + rest for letter, rest in _AFTER.items())
    + ")"
)
_ROW_BREAK = re.compile(r"(?<!\\)\\\\(?=[\s&]|\\[A-Za-z])")

_THOUGHTS = r"(?:think(?:ing)?|thoughts?|reasoning)>"
_THOUGHTS_OPEN = re.compile(rf"\s*<{_THOUGHTS}")
_THOUGHTS_CLOSE = re.compile(rf"</{_THOUGHTS}")
_THOUGHTS_CLOSE_ALONE = re.compile(rf"</{_THOUGHTS}(?=\s*[\[{{`]|[^\S\n]*\n)")

# Where JSON seems to begin: a brace in prose or in LaTeX is not followed by a key.
_BEGINNING = re.compile(r"""\{\s*(?:["'“}]|/[/*]|\#\s|\w+\s*:)|\[\s*\{|\[\]""")
_TOKEN = re.compile(
    r"""(?P<blank>\s+|//[^\n]*|/\*(?:.*?\*/|.*)|\#[^\n]*)
      | (?P<mark>[{}\[\],:])
      | (?P<quote>["'“])
      | (?P<word>[^\s{}\[\],:"'“/\#]+|/)""",
    re.DOTALL | re.VERBOSE,
)
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"))
# Models forget to escape quotes, so one ends a string only before what must follow a string in its
# place. Keys, members and elements are told apart; a comma may be missing at the end of a line.
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
_PAIRS = {"}": "{", "]": "["}
# What follows an object or a list that was closed too early, or opened too late.
_GOES_ON = {
    "{": re.compile(r"""[\s}\]]*,\s*["'“{\[]"""),
    "[": re.compile(r"""[\s}\]]*,\s*["'“{\[]|\s*[{}]"""),
}
_NOT_A_NUMBER = frozenset({"NaN", "-NaN", "nan", "Infinity", "+Infinity", "-Infinity"})

_ONE_OBJECT = "Answer with one JSON object and nothing else"
_WELL_FORMED = (
    "Send it again as JSON that a strict parser reads: double quotes around keys and strings, "
    "quotes inside strings escaped, commas between members."
)


@dataclass(frozen=True, slots=True)
class _Region:
    """A stretch of the answer that opens and closes like JSON.

    Attributes:
        source: The stretch without comments, a placeholder in the place of each string.
        strings: What the placeholders stand for. Kept apart, no repair can bend them.
        start: Where it begins in the answer.
        end: Where it ends.
    """

    source: str
    strings: dict[str, str]
    start: int
    end: int


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
    values = [(r, _decode(r, expected)) for r in _regions(_after_thoughts(text))]
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
            raise AnswerRefusedError(_not_a_number(str(value)))
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
        AnswerRefusedError: If one of them does not close, or closes too early, or they are many.
    """
    position = 0
    count = 0
    while beginning := _BEGINNING.search(text, position):
        count += 1
        if count > MAX_REGIONS:
            raise AnswerRefusedError(f"The answer holds too many objects. {_ONE_OBJECT}.")
        region = _Reader(text, beginning.start()).run()
        goes_on = _GOES_ON[region.source[0]].match(text, region.end)
        if goes_on:
            raise AnswerRefusedError(
                f"The JSON goes on after it was closed, with {goes_on[0][-40:]!r}. {_WELL_FORMED}"
            )
        yield region
        position = region.end


class _Reader:
    """One pass over a region, up to the bracket that closes it. Lives for one call of `run`."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._position = start
        self._brackets: list[str] = []
        self._source: list[str] = []
        self._strings: dict[str, str] = {}
        self._previous = ""  # the last mark, or "word" or "string"

    def run(self) -> _Region:
        while token := _TOKEN.match(self._text, self._position):
            kind = token.lastgroup
            if kind == "mark":
                self._mark(token[0])
            elif kind == "blank":
                self._source.append(" ")
            elif kind == "word":
                self._word(token[0])
            elif not self._string(token[0]):
                break
            self._position = max(self._position, token.end())
            if not self._brackets:
                source = "".join(self._source)
                return _Region(source, self._strings, self._start, self._position)
        raise AnswerRefusedError(
            "The answer breaks off before its JSON is complete. Send all of it again, every "
            "string and bracket closed; say less if it did not fit."
        )

    def _mark(self, mark: str) -> None:
        if mark in _PAIRS.values():
            self._brackets.append(mark)
            if len(self._brackets) > MAX_DEPTH:
                raise AnswerRefusedError(_too_deep())
        elif mark in _PAIRS and (opened := self._brackets.pop()) != _PAIRS[mark]:
            raise AnswerRefusedError(
                f"The brackets of the JSON do not match: {opened!r} is closed by {mark!r}. "
                f"{_ONE_OBJECT}, every bracket closed by its own kind."
            )
        self._source.append(mark)
        self._previous = mark

    def _word(self, word: str) -> None:
        if word in _NOT_A_NUMBER:
            raise AnswerRefusedError(_not_a_number(word))
        if self._previous == "string":
            raise AnswerRefusedError(self._malformed())
        self._source.append(word)
        self._previous = "word"

    def _string(self, quote: str) -> bool:
        """Read a string, if it ends."""
        if self._previous == "word":
            raise AnswerRefusedError(self._malformed())
        string = _STRING[quote, self._place()].match(self._text, self._position)
        if string is None:
            return False
        if _SWALLOWED[quote].search(string[1]):
            raise AnswerRefusedError(self._malformed())
        placeholder = f"@{len(self._strings)}"
        self._strings[placeholder] = _unquoted(string[1])
        self._source.append(f'"{placeholder}"')
        self._previous = "string"
        self._position = string.end()
        return True

    def _place(self) -> str:
        if self._brackets[-1] == "[":
            return "element"
        return "member" if self._previous == ":" else "key"

    def _malformed(self) -> str:
        near = self._text[max(0, self._position - 30) : self._position + 10]
        return f"The JSON is malformed near {near!r}. {_WELL_FORMED}"


def _unquoted(written: str) -> str:
    r"""What a string says that was written like this between quotes of any kind.

    Whoever writes `\times` with one backslash means both of a row break's.
    """
    written = _QUOTE.sub(lambda found: _QUOTED.get(found[0], found[0]), written)
    if _BARE_COMMAND.search(written):
        written = _ROW_BREAK.sub(r"\\\\\\\\", written)
    escaped = _BAD_ESCAPE.sub(r"\1\\\\", written)
    return cast("str", _DECODER.decode(f'"{escaped}"'))


def _decode(region: _Region, expected: Collection[str]) -> object:
    """The value of a region, repaired if need be; None if it was no JSON after all.

    Braces in prose may read like malformed JSON. They are passed over where an object was
    expected and none of its keys is in them.
    """
    try:
        return _filled(_parsed(region), region.strings)
    except AnswerRefusedError:
        texts = {region.source, *region.strings.values()}
        if region.source[0] == "[" or not expected or any(k in t for k in expected for t in texts):
            raise
        return None


def _parsed(region: _Region) -> object:
    try:
        return cast("object", _DECODER.decode(region.source))
    except ValueError:
        return _repaired(region)


def _repaired(region: _Region) -> object:
    source = region.source
    if len(source) > MAX_REPAIRED_CHARS or source.count("{") > MAX_REPAIRED_OBJECTS:
        raise AnswerRefusedError(f"The JSON is malformed and too long to be mended. {_WELL_FORMED}")
    import json_repair  # noqa: PLC0415  # 70 ms that a well-formed answer does not cost

    try:
        value = cast("object", json_repair.loads(source, skip_json_loads=True))
    except (ValueError, RecursionError):
        return None
    if _inventory(value) != (source.count("{"), source.count(":"), sorted(region.strings)):
        raise AnswerRefusedError(
            f"The JSON is malformed and could not be mended without loss. {_WELL_FORMED}"
        )
    return value


def _inventory(value: object) -> tuple[int, int, list[str]]:
    """How many objects and keys a repaired value has, and its placeholders.

    An empty string counts as a placeholder that stands for nothing: it is the repair's invention.
    """
    nodes = list(_nodes(value))
    objects = [cast("dict[str, object]", node) for node in nodes if isinstance(node, dict)]
    keys = [key for found in objects for key in found]
    texts = keys + [node for node in nodes if isinstance(node, str)]
    return len(objects), len(keys), sorted(text for text in texts if text[:1] in {"@", ""})


def _nodes(value: object) -> Iterator[object]:
    """Each value within a decoded value, itself included."""
    yield value
    if isinstance(value, dict):
        value = list(cast("dict[str, object]", value).values())
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _nodes(item)


def _filled(value: object, strings: dict[str, str]) -> object:
    """The value with its strings in the place of their placeholders."""
    match value:
        case str():
            return strings.get(value, value)
        case list():
            return [_filled(item, strings) for item in cast("list[object]", value)]
        case dict():
            filled: dict[str, object] = {}
            for placeholder, item in cast("dict[str, object]", value).items():
                key = strings.get(placeholder, placeholder)
                if key in filled:
                    raise AnswerRefusedError(
                        f"The key {key[:40]!r} occurs twice in one object. {_ONE_OBJECT}, each "
                        "key once."
                    )
                filled[key] = _filled(item, strings)
            return filled
        case _:
            return value


def _chosen(values: list[tuple[_Region, object]], expected: Collection[str]) -> dict[str, object]:
    objects = [(r, o) for r, value in values if (o := _as_object(value)) is not None]
    if not expected and objects:
        return max(objects, key=lambda found: found[0].end - found[0].start)[1]
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


def _not_a_number(token: str) -> str:
    return f"{token} is no JSON number. Use a finite number or null."


def _too_deep() -> str:
    return f"The answer is nested more than {MAX_DEPTH} levels deep. Make it flatter."


_DECODER = json.JSONDecoder(strict=False, parse_int=_integer)
