r"""Restores the backslashes of LaTeX in JSON strings.

`\frac`, `\times`, `\neq`, `\binom` and `\right` start with what JSON decodes as a form feed, tab,
newline, backspace and carriage return. Nothing fails; the text is silently corrupted. So a decoded
form feed or backspace is always restored. A decoded tab, newline or carriage return may be
intended, so it is restored only where it completes a command from a table. Other commands start
with an escape that JSON does not have; their backslash is escaped before decoding.
"""

from __future__ import annotations

import re

# LaTeX commands that start like a JSON escape. Those after "|" may also be a real escape before an
# English word ("\nless" may be a line that starts with "less"): maths must follow them.
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

# A backslash that is not a JSON escape, after any number of escaped ones.
_BAD_ESCAPE = re.compile(r"""(?<!\\)((?:\\\\)*)\\(?![\\"/bfnrt]|u[0-9a-fA-F]{4})""")
_BARE_COMMAND = re.compile(
    r"(?<!\\)\\(?:[A-Zac-eg-mo-qsv-z]|u(?![0-9a-fA-F]{4})|[bf][A-Za-z]|"
    + "|".join(letter + rest for letter, rest in _AFTER.items())
    + ")"
)
_ROW_BREAK = re.compile(r"(?<!\\)\\\\(?=[\s&]|\\[A-Za-z])")


def escape_commands(written: str) -> str:
    r"""A JSON string with the backslash of each LaTeX command escaped.

    A string with a bare `\times` also means `\\` as a row break, not as an escaped backslash.
    """
    if _BARE_COMMAND.search(written):
        written = _ROW_BREAK.sub(r"\\\\\\\\", written)
    return _BAD_ESCAPE.sub(r"\1\\\\", written)


def restore_text(decoded: str) -> str:
    r"""A decoded string with `\frac` restored where decoding made a form feed and "rac".

    Remaining control characters except tabs and line breaks are dropped, as are lone surrogates,
    which no database stores.
    """
    return _UNWANTED.sub("", _BENT.sub(lambda bent: _LETTER[bent[0]], decoded))
