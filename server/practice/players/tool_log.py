"""What tool servers write to their standard error: kept off the terminal, and quoted if one fails.

It is of no known content, and may hold the secrets that the servers were given.
"""

from __future__ import annotations

from pathlib import Path

from server.text import clipped

_LONGEST = 300  # characters of what a server says


def last_words(log: Path) -> str:
    """The last line of a log, as the end of a sentence; nothing if there is none."""
    if not log.exists():
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "")
    return f"; its last words: {clipped(said, _LONGEST)}" if said else ""
