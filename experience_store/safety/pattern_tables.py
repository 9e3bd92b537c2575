"""Tables of patterns, one a row."""

from __future__ import annotations

import re


def any_of(table: str) -> str:
    r"""A pattern that matches any row of a table. Two spaces and # start a comment.

    Rows that start with `\b` are tried only at the start of a word.
    """
    rows = [re.sub(r"  +#.*", "", row).strip() for row in table.strip().splitlines()]
    at_words = "|".join(row.removeprefix(r"\b") for row in rows if row.startswith(r"\b"))
    anywhere = [row for row in rows if not row.startswith(r"\b")]
    return "|".join([rf"\b(?=\w)(?:{at_words})", *anywhere] if at_words else anywhere)
