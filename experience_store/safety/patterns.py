"""Patterns written as tables: one row, one alternative."""

from __future__ import annotations

import re


def any_of(table: str) -> str:
    r"""A pattern for any row of a table. Two spaces and # begin a comment.

    Rows that begin with a word boundary, a `\b`, are only tried where a word begins.
    """
    rows = [re.sub(r"  +#.*", "", row).strip() for row in table.strip().splitlines()]
    at_words = "|".join(row.removeprefix(r"\b") for row in rows if row.startswith(r"\b"))
    anywhere = [row for row in rows if not row.startswith(r"\b")]
    return "|".join([rf"\b(?=\w)(?:{at_words})", *anywhere] if at_words else anywhere)
