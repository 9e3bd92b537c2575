"""Puts lines of an older TOML text back where they stood, among what was written since."""

from __future__ import annotations

from server.cli.hosts.toml_statements import Path, Statement, statements


def put_back(text: str, older: str, path: Path, span: tuple[int, int]) -> str | None:
    """The text with some lines of an older one, behind the statement that they stood behind.

    Args:
        text: Without what is at the path.
        older: With it.
        path: Of the table.
        span: Where its lines stand in the older text.

    Returns:
        None if the statement is not there any more.
    """
    start, end = span
    around = [s for s in statements(older) if not s.within(path)]
    above = next((s for s in reversed(around) if s.end <= start), None)
    below = next((s.start for s in around if s.start >= end), len(older))
    at = 0 if above is None else _end_of(text, above)
    if at is None:
        return None
    gap = older[above.end if above else 0 : start]
    block, tail = older[start:end], older[end:below]
    places = [(at, gap + block)] if not gap.strip() else []
    if text.startswith(gap, at):
        places.insert(0, (at + len(gap), block))
    for place, lines in sorted(places, key=lambda p: not text.startswith(tail or "\0", p[0])):
        before, after = text[:place], text[place:]
        newline = "\r\n" if "\r\n" in older else "\n"
        first = newline if before and not before.endswith("\n") else ""
        last = newline if after and not lines.endswith("\n") else ""
        return before + first + lines + last + after
    return None


def _end_of(text: str, wanted: Statement) -> int | None:
    is_header = wanted.value is None
    same = (s for s in statements(text) if s.path == wanted.path and (s.value is None) == is_header)
    return max((s.end for s in same), default=None)
