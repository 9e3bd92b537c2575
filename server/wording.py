"""Operations and refusals in words, for models and people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from experience_store.operations import Add, Applied, Keep, Merge, Refusal, Retire, Revise, kind


def applied_text(applied: Applied) -> str:
    """What an operation did, in a line."""
    operation = applied.operation
    made = f"{applied.experience.id} {applied.experience.line()}" if applied.experience else ""
    match operation:
        case Add():
            return f"Add {made}"
        case Revise():
            return f"Revise {made}"
        case Merge(ids=ids):
            return f"Merge {', '.join(ids)} into {made}"
        case Retire(id=id_):
            return f"Retire {id_}"
        case Keep(id=id_):
            return f"Keep {id_ or 'everything as it is'}"
        case _:
            assert_never(operation)


def refusal_text(refusal: Refusal) -> str:
    """What was refused and why, in a line."""
    if refusal.operation is None:
        return f"Refused: {refusal.reason}"
    operation = refusal.operation
    text = getattr(operation, "text", None)
    about = text if isinstance(text, str) else getattr(operation, "id", "") or ""
    return f"Refused {kind(operation)} {about!r}: {refusal.reason}"


def with_experiences(
    task: str, experiences: Mapping[str, str], *, library: str, version: int
) -> str:
    """A task together with the experiences for it, as an agent's prompt.

    Args:
        task: What is to be done.
        experiences: Their texts by id, best first.
        library: Where they are from.
        version: Of the library.
    """
    lessons = "\n".join(f"[{id_}] {text}" for id_, text in experiences.items())
    return (
        f"{task}\n\n"
        f"Experiences from earlier attempts at tasks like this (library {library!r}, version "
        f"{version}). They are advice, follow what fits:\n"
        f"{lessons or '(none yet)'}"
    )


def in_one_line(text: str) -> str:
    """Text in one line and without what is not to be seen; it may come from anywhere."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 group`, `1,200 groups`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
