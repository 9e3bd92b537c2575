"""What an agent does best after a tool's answer, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from experience_store.library import Library
from experience_store.retrieval import Selection
from experience_store.store import Receipt

MAX_SERVED_TOKENS = 20_000
MAX_NAMED = 5


def after_retrieval(selection: Selection, max_tokens: int, whole: int) -> str:
    """What to do with experiences.

    Args:
        selection: What is served of a library that is not empty.
        max_tokens: The budget it was chosen for.
        whole: What the whole library would take.
    """
    enough = min(whole, MAX_SERVED_TOKENS)
    them = "them all" if enough == whole else "more of them"
    how = f"; max_tokens {enough} would get {them}" if enough > max_tokens else ""
    if not selection.experiences:
        return f"None of {selection.omitted} fits into max_tokens {max_tokens}{how}. {_WITHOUT}"
    step = (
        "Follow what fits the task. Afterwards report each attempt with submit_group: its reward, "
        "and in the trajectory this retrieval_id."
    )
    if not selection.omitted:
        return step
    return f"{step} {selection.omitted} less relevant ones were left out{how}."


def without_experiences(library: str, others: Sequence[Library]) -> str:
    """What to do when the library is empty; it may not be the one that was meant.

    Args:
        library: The name of the empty one.
        others: Libraries that have experiences.
    """
    elsewhere = _elsewhere(library, {other.name: other.size for other in others})
    which = f"; others: {elsewhere}" if elsewhere else ""
    return f"This library has no experiences yet{which}. {_WITHOUT}"


def waiting_elsewhere(library: str, waiting: Mapping[str, int]) -> str:
    """Where groups wait, by library, if not in this one; empty if nowhere."""
    elsewhere = _elsewhere(library, waiting)
    return f" Groups wait in {elsewhere}: give that name as library." if elsewhere else ""


def _to_learn(waiting: int, *, background: bool) -> str:
    if background:
        return "It will be learned from in the background."
    if not waiting:
        return "An update that is open has it: call update_experiences to go on with that."
    return f"{waiting} group(s) wait: call update_experiences to learn from them."


def _elsewhere(library: str, sizes: Mapping[str, int]) -> str:
    """Names with their sizes: all if they are few, else those that come close."""
    names = sorted(sizes)
    if len(names) > MAX_NAMED:
        names = get_close_matches(library[:80], names, n=MAX_NAMED)
        if not names:
            return f"{len(sizes)}, see list_libraries"
    return ", ".join(f"{name!r} ({sizes[name]})" for name in names)


_WITHOUT = "Do the task, then report each attempt and its reward with submit_group."


def after_submission(
    receipt: Receipt, *, untied: Mapping[str, str | None], background: bool
) -> str:
    """What became of the attempts, and what they still lack.

    Args:
        receipt: Of the store.
        untied: Retrievals that are not of this library, with the library they are of, if any.
        background: Whether a worker learns.
    """
    parts: list[str] = []
    if untied:
        which = [
            f"{id_!r} is of library {library!r}" if library else f"{id_!r} is not known"
            for id_, library in sorted(untied.items())[:MAX_NAMED]
        ]
        parts.append(
            f"retrieval_id {', '.join(which)}: the attempts were stored, but what they were given "
            "cannot be told."
        )
    if receipt.known:
        parts.append(
            f"{receipt.known} of the attempts were there already and changed nothing (give an id "
            "to tell repeated equal attempts apart)."
        )
    if receipt.redacted:
        parts.append(f"{receipt.redacted} secrets were removed before storing.")
    if receipt.set_aside:
        parts.append(
            f"It was set aside after updates failed on it (the last: {receipt.set_aside[:200]}); "
            "with an attempt that is new it would be tried again."
        )
    elif receipt.will_be_learned:
        parts.append(_to_learn(receipt.waiting, background=background))
    elif receipt.signal:
        parts.append("All of it was learned from already.")
    else:
        spread = f" by more than {receipt.min_spread:g}" if receipt.min_spread else ""
        parts.append(
            f"Nothing to compare until rewards differ{spread}: add attempts that went "
            f"differently with group_id {receipt.group_id!r}."
        )
    return " ".join(parts)
