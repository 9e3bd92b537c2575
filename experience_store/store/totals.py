"""What a store holds altogether, for those who watch over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experience_store.store.updates import UpdateStatus


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers over all libraries, whichever process put them there.

    Attributes:
        waiting: Groups that an update could take now.
        updates: How many there are in each status; a status that none has is left out.
    """

    libraries: int
    experiences: int
    groups: int
    attempts: int
    waiting: int
    retrievals: int
    updates: Mapping[UpdateStatus, int]
