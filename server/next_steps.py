"""What an agent does best after a tool's answer, in a sentence or two."""

from __future__ import annotations

from experience_store.store import Receipt


def after_retrieval(found: bool, omitted: int) -> str:
    """What to do with experiences, or without."""
    if found:
        return (
            "Follow what fits the task. Afterwards report each attempt and its reward with "
            "submit_group, with this retrieval_id."
        )
    why = "None fits into max_tokens." if omitted else "This library has no experiences yet."
    return f"{why} Do the task, then report each attempt and its reward with submit_group."


def after_submission(receipt: Receipt, *, background: bool) -> str:
    """What became of the attempts, and what they still lack; `background` if a worker learns."""
    parts: list[str] = []
    if receipt.known:
        parts.append(
            f"{receipt.known} of the attempts were there already and changed nothing (give an id "
            "to tell repeated equal attempts apart)."
        )
    if receipt.redacted:
        parts.append(f"{receipt.redacted} secrets were removed before storing.")
    if receipt.will_be_learned:
        parts.append(
            "It will be learned from in the background."
            if background
            else f"{receipt.waiting} group(s) wait: call update_experiences to learn from them."
        )
    elif receipt.signal:
        parts.append("All of it was learned from already.")
    else:
        spread = f" by more than {receipt.min_spread:g}" if receipt.min_spread else ""
        parts.append(
            f"Nothing to compare until rewards differ{spread}: add attempts that went "
            f"differently with group_id {receipt.group_id!r}."
        )
    return " ".join(parts)
