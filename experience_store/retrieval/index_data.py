"""What an index holds: the postings of every term and a row for every experience."""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from experience_store.library import Experience
from experience_store.retrieval.documents import Document, codes_of
from experience_store.retrieval.postings import (
    NOTHING,
    Postings,
    pack,
    pack_all,
    with_entry,
    without_slot,
)
from experience_store.token_estimate import estimate_tokens


class Row(NamedTuple):
    """An experience, its terms, how many of them are its own, what it costs to be served."""

    experience: Experience
    terms: tuple[str, ...]
    own: int
    cost: int


@dataclass(slots=True)
class Contents:
    """Changed only while an index is being made of it.

    Attributes:
        postings: By term; a term that nothing has is not there.
        slots: By id of the experience.
        rows: By slot; None where the slot is free.
        free: Slots to be taken before new ones are made.
        tokens: What all experiences cost together.
    """

    postings: dict[str, Postings] = field(default_factory=dict[str, Postings])
    slots: dict[str, int] = field(default_factory=dict[str, int])
    rows: list[Row | None] = field(default_factory=list["Row | None"])
    free: list[int] = field(default_factory=list[int])
    tokens: int = 0

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Contents:
        """Contents of documents, each of another experience."""
        contents = cls()
        entries: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for document in documents:
            slot, codes = contents._seat(document)
            base = pack(slot, 0)
            for term, code in codes.items():
                entries[term].append(base | code)
        contents.postings = {term: pack_all(found) for term, found in entries.items()}
        return contents

    def copy(self) -> Contents:
        """Contents that can be changed without changing these."""
        return Contents(
            self.postings.copy(), self.slots.copy(), self.rows.copy(), self.free.copy(), self.tokens
        )

    def put(self, document: Document) -> None:
        """Hold a document, in the place of what there was under its id."""
        self.drop(document.experience.id)
        slot, codes = self._seat(document)
        for term, code in codes.items():
            self.postings[term] = with_entry(self.postings.get(term, NOTHING), pack(slot, code))

    def drop(self, experience_id: str) -> None:
        """Hold an experience no longer, if it is held."""
        slot = self.slots.pop(experience_id, None)
        row = None if slot is None else self.rows[slot]
        if slot is None or row is None:
            return
        for term in row.terms:
            self.postings[term] = without_slot(self.postings[term], slot)
            if self.postings[term] == NOTHING:
                del self.postings[term]
        self.rows[slot] = None
        self.free.append(slot)
        self.tokens -= row.cost

    def _seat(self, document: Document) -> tuple[int, dict[str, int]]:
        """Give a document a slot; its postings are left to the caller, who gets their codes."""
        codes, own = codes_of(document)
        row = Row(document.experience, tuple(codes), own, served_tokens(document.experience))
        if self.free:
            slot = self.free.pop()
            self.rows[slot] = row
        else:
            slot = len(self.rows)
            self.rows.append(row)
        self.slots[row.experience.id] = slot
        self.tokens += row.cost
        return slot, codes


def served_tokens(experience: Experience) -> int:
    """What an experience costs as a pair of the JSON that is served: `"G12": "Name: text",`."""
    key, value = (json.dumps(s, ensure_ascii=False) for s in (experience.id, experience.line()))
    return estimate_tokens(f"{key}: {value},")
