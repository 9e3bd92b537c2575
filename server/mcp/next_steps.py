"""The `next_step` of tool results: what the agent should do now, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from experience_store.errors import LibraryNotFoundError
from experience_store.library import Library
from experience_store.retrieval import Selection
from experience_store.store import Receipt, Trouble
from server.access import current_access
from server.text import HOW_TO_FIT, NONE_FIT, count, standstill

MAX_SERVED_TOKENS = 20_000
MAX_NAMED = 5


def after_retrieval(selection: Selection, max_tokens: int, whole: int) -> str:
    """What to do with the served experiences.

    Args:
        selection: The experiences served; their library is not empty.
        max_tokens: The token budget of the selection.
        whole: Tokens of the whole library.
    """
    enough = min(whole, MAX_SERVED_TOKENS)
    gets = "all of them" if enough == whole else "more of them"
    how = f"; max_tokens {enough} returns {gets}" if enough > max_tokens else ""
    if not selection.experiences:
        return (
            f"The library has {count(selection.omitted, 'experience')}, but none fits in "
            f"max_tokens {max_tokens}{how}. {WITHOUT}"
        )
    step = (
        "Follow what fits the task. Afterwards report each attempt with submit_group, with its "
        "reward and this retrieval_id in the trajectory."
    )
    if not selection.omitted:
        return step
    left_out = count(selection.omitted, "less relevant experience")
    return f"{step} Left out: {left_out}{how}."


def without_experiences(library: str, others: Sequence[Library]) -> str:
    """What to do when the library is empty; another one may have been meant.

    Args:
        library: Name of the empty library.
        others: Libraries that have experiences.
    """
    elsewhere = _elsewhere(library, {other.name: other.size for other in others})
    which = f"; others: {elsewhere}" if elsewhere else ""
    return f"This library has no experiences yet{which}. {WITHOUT}"


def without_library(library: str, error: LibraryNotFoundError) -> str:
    """What to do when the library does not exist; another one may have been meant.

    Args:
        library: Name of the library.
        error: Says which libraries there are; raised if the caller cannot begin this one.
    """
    if not current_access.get().may_begin(library):
        raise error
    said = str(error)
    end = "" if said.endswith("?") else "."
    return f"{said[:1].upper()}{said[1:]}{end} A library begins with its first submission."


def waiting_elsewhere(library: str, waiting: Mapping[str, int]) -> str:
    """Other libraries in which groups wait; empty if there are none."""
    elsewhere = _elsewhere(library, waiting)
    if not elsewhere:
        return ""
    return f" Groups are waiting in {elsewhere}; to learn there, pass the library's name."


def _to_learn(waiting: int, *, background: bool, trouble: Trouble | None) -> str:
    if trouble:
        return "It is stored and waiting to be learned from."
    if background:
        return "The server will learn from it in the background."
    if not waiting:
        return "It is part of an open update: call update_experiences to continue it."
    which = "it" if waiting == 1 else "them"
    return f"{count(waiting, 'group')} waiting: call update_experiences to learn from {which}."


def _elsewhere(library: str, sizes: Mapping[str, int]) -> str:
    """Names with their sizes: all if they are few, else the closest."""
    names = sorted(sizes)
    if len(names) > MAX_NAMED:
        names = get_close_matches(library[:80], names, n=MAX_NAMED)
        if not names:
            return f"{len(sizes)} libraries, see list_libraries"
    return ", ".join(f"{name!r} ({sizes[name]})" for name in names)


WITHOUT = "Do the task, then report each attempt and its reward with submit_group."


def after_submission(
    receipt: Receipt,
    *,
    untied: Mapping[str, str | None],
    background: bool,
    sent: int = 0,
    unscored: int = 0,
    trouble: Trouble | None = None,
) -> str:
    """What happened to the attempts, and what the group still needs.

    Args:
        receipt: The store's receipt.
        untied: Unusable retrieval ids, each with the other library it belongs to, if known.
        background: Whether a worker learns in the background.
        sent: Number of attempts in this call.
        unscored: Number of them without a reward.
        trouble: What holds it up.
    """
    parts: list[str] = []
    if untied:
        which = [
            f"{id_!r} belongs to library {library!r}" if library else f"{id_!r} is unknown"
            for id_, library in sorted(untied.items())[:MAX_NAMED]
        ]
        parts.append(
            f"retrieval_id {', '.join(which)}: the attempts were stored, but are not linked to "
            "what they were given."
        )
    if receipt.known:
        parts.append(
            f"{count(receipt.known, 'attempt')} already stored, nothing changed (set an id to "
            "distinguish identical attempts)."
        )
    if receipt.redacted:
        parts.append(f"{count(receipt.redacted, 'secret')} redacted before storing.")
    if receipt.set_aside:
        parts.append(
            f"The group was set aside after failed updates (the last: {receipt.set_aside[:200]}); "
            "a new attempt or another model makes it eligible again."
        )
    elif receipt.will_be_learned:
        parts.append(_to_learn(receipt.waiting, background=background, trouble=trouble))
    elif receipt.signal:
        parts.append("All attempts in this group have already been learned from.")
    elif receipt.none_fit:
        parts.append(f"{NONE_FIT} {HOW_TO_FIT}")
    else:
        if unscored:
            verb = "has" if unscored == 1 else "have"
            compared = "is" if unscored == 1 else "are"
            parts.append(
                f"{unscored} of {count(sent, 'attempt')} {verb} no reward and {compared} not "
                "compared."
            )
        spread = f" by more than {receipt.min_spread:g}" if receipt.min_spread else ""
        parts.append(
            f"No rewards in this group differ{spread}, so there is nothing to compare yet. If the "
            "task is attempted again, add that attempt, as it was, with group_id "
            f"{receipt.group_id!r}."
        )
    if trouble:
        parts.append(standstill(trouble))
    return " ".join(parts)
