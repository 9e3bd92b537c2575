"""The history of a library: a chain of immutable versions.

Nothing is erased. A rollback makes a new version with the content of an older one.
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
        number: Number from 0, which is empty.
        parent: The version it was made from; None for 0.
        author: Who made it, such as `host`, `model gpt-x` or `cli`.
        note: Why, in a sentence.
        size: Number of experiences in it.
        update_id: The update that made it, if any.
        operations: The applied operations, in order.
        refusals: The refused ones.
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
