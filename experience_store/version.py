"""The history of a library: a chain of immutable versions, and the updates that make them.

Nothing is erased. Rolling back makes a new version whose content equals an older one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from experience_store.operations import Applied, Refusal

Driver: TypeAlias = Literal["host", "model"]
UpdateStatus: TypeAlias = Literal[
    "open", "published", "nothing_to_learn", "failed", "awaiting_review", "rejected"
]


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable step in the history of a library.

    Attributes:
        number: From 0, which is empty.
        parent: The version it was made from; None for 0.
        author: Who asked for it, such as `host`, `model gpt-x` or `cli`.
        note: Why, in a sentence.
        update_id: The update that made it, if one did.
        operations: What changed, in order.
        refusals: What was proposed and not done, each with its reason.
        size: How many experiences the library had then.
    """

    number: int
    parent: int | None
    author: str
    note: str
    created_at: datetime
    size: int
    update_id: str | None = None
    operations: tuple[Applied, ...] = ()
    refusals: tuple[Refusal, ...] = ()
