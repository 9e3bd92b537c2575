"""Text shared by everything that writes for people or models: one line, counts, a task's prompt."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.store import Trouble

MAX_REASON = 300  # characters
NONE_FIT = (
    "There is nothing to learn from yet: every group has a single attempt, or no rewards that "
    "differ."
)
HOW_TO_FIT = (
    "Attempt a task several times, and submit these attempts with one group_id and their rewards."
)


def with_experiences(
    task: str, experiences: Mapping[str, str], *, library: str, version: int
) -> str:
    """A task together with the experiences for it, as an agent's prompt.

    Args:
        task: The task.
        experiences: Their texts by id, best first.
        library: Name of the library.
        version: Version of the library.
    """
    lessons = "\n".join(f"[{id_}] {text}" for id_, text in experiences.items())
    return (
        f"{task}\n\n"
        f"Experiences from earlier attempts at tasks like this (library {library!r}, version "
        f"{version}). They are advice, follow what fits:\n"
        f"{lessons or '(none yet)'}"
    )


def one_line(text: str) -> str:
    """Untrusted text in one line, without unprintable characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def clipped(text: str, longest: int) -> str:
    """Untrusted text in one line, cut to a number of characters."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: max(1, longest - 1)].rstrip()}…"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 group`, `1,200 groups`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def standstill(trouble: Trouble) -> str:
    """The sentence that nothing is learned in the background now, since when and why."""
    since = trouble.since.strftime("%Y-%m-%d %H:%M UTC")
    reason = clipped(trouble.reason, MAX_REASON).rstrip(".")
    return (
        f"Background learning has been paused since {since}; the server keeps retrying. "
        f"Reason: {reason}."
    )
