r"""The formula that an answer gives, as LaTeX that math-verify can parse."""

from __future__ import annotations

import re

from server.practice.verifiers.answer_extraction import find_answer
from server.practice.verifiers.answer_wording import denies, stated, statement, unwrapped
from server.practice.verifiers.answer_words import HYPHENS, SUPERSCRIPT, SUPERSCRIPTS

_LATEX = re.compile(
    r"\$\$(.+?)\$\$|\\\((.+?)\\\)|\\\[(.+?)\\\]|(?<!\\)\$((?:[^$\\\n]|\\.)+)(?<!\\)\$", re.DOTALL
)
_LISTED = re.compile(r"[\s,;]*(?:and|or|und|oder|et|ou)?\s*", re.IGNORECASE)
_AND = re.compile(r",?\s+(?:and|or)\s+(?=[-\d(\\]|[a-z]\b)")
_REVERSED = re.compile(r"\](.+,.+)([\]\[])")  # an interval that is open at its beginning
_FUNCTIONS = (
    r"(?:sqrt|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|log|ln|exp|pi|max|min|infty|inf)"
)
_WORD = rf"(?!{_FUNCTIONS}\b)(?<![\\A-Za-z])[A-Za-z]{{2,}}"
_LEAD = re.compile(rf"(?:{_WORD}[\s:,]+)+")
_TAIL = re.compile(rf"(?<=[\w)\]}}%\u00b0])\s+(?:{_WORD}).*", re.DOTALL)
_SIGNS = {
    "\u2212": "-",
    "\u2013": "-",
    "\u00d7": r"\times ",
    "\u00b7": r"\cdot ",
    "\u00f7": "/",
    "\u03c0": r"\pi ",
    "\u221e": r"\infty ",
    "\u2264": r"\le ",
    "\u2265": r"\ge ",
    "\u2260": r"\ne ",
    "\u222a": r"\cup ",
    "\u2208": r"\in ",
    "**": "^",
}


def formula(answer: str) -> str | None:
    """The formula in an answer; None if it has none, or denies it."""
    said = stated(statement(answer))
    if denies(said):
        return None
    if parts := list(_LATEX.finditer(said)):
        return latex(_listed(said, parts, last=not find_answer(answer)))
    listed = _AND.sub(", ", said)
    lead = _LEAD.match(listed)
    bare = _TAIL.sub("", listed[lead.end() :] if lead else listed, count=1)
    return latex(bare) if bare.strip() and bare.strip()[0] not in "<>\u2264\u2265" else None


def _listed(said: str, parts: list[re.Match[str]], *, last: bool) -> str:
    """The first (or last) formula of a sentence, with those that it is listed with."""
    parts = parts[::-1] if last else parts
    kept = parts[:1]
    for part in parts[1:]:
        left, right = sorted((kept[-1], part), key=lambda match: match.start())
        if not _LISTED.fullmatch(said[left.end() : right.start()]):
            break
        kept.append(part)
    kept.sort(key=lambda match: match.start())
    return ", ".join(next(filter(None, part.groups())) for part in kept)


def latex(written: str) -> str:
    """A formula, written in LaTeX, in ASCII or with Unicode's signs, as LaTeX."""
    written = unwrapped(written.translate(HYPHENS))
    written = re.sub(r"\\\\\[\d+(?:pt|ex|em)\]", r"\\\\", written).replace(";", ",")
    written = _REVERSED.sub(lambda match: f"({match[1]}{')' if match[2] == '[' else ']'}", written)
    written = SUPERSCRIPT.sub(lambda match: f"^{{{match[0].translate(SUPERSCRIPTS)}}}", written)
    for sign, meaning in _SIGNS.items():
        written = written.replace(sign, meaning)
    written = re.sub(r"(?:\u221a|(?<![\\a-z])sqrt)\s*\(([^()]*)\)", r"\\sqrt{\1}", written)
    written = re.sub(r"\u221a\s*(\d+|[a-z])", r"\\sqrt{\1}", written)
    written = re.sub(rf"(?<![\\A-Za-z])({_FUNCTIONS})\b", r"\\\1 ", written)
    written = re.sub(r"\^(-?\d{2,}|-\d)", r"^{\1}", written)
    written = written.replace("*", r"\cdot ")
    if re.fullmatch(r"\{.*\}", written, re.DOTALL):
        written = rf"\{{{written[1:-1]}\}}"
    return re.sub(r"(?<=\d),(?=\d{3}(?:\D|$))(?![^()\[\]{}]*[)\]}])", "", written)
