"""The updates of a library, of which its server shows the latest only.

A run that looks often sees every one of them sooner or later, so what was shown once is kept. If
more came between two looks than the server shows, that is known, and said.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from server.practice.shown import UpdateShown
from server.resources import PAGE


class UpdatesSeen:
    """All updates that were shown so far."""

    def __init__(self) -> None:
        self._seen: dict[str, UpdateShown] = {}
        self._unconnected: list[frozenset[str]] = []

    def take(self, shown: Sequence[UpdateShown]) -> list[UpdateShown]:
        """All that were shown until now, each as it was shown last.

        Args:
            shown: What the server shows now.
        """
        ids = frozenset(update.id for update in shown)
        if len(shown) >= PAGE and not ids & self._seen.keys():
            self._unconnected.append(ids)
        self._seen |= {update.id: update for update in shown}
        return list(self._seen.values())

    def all_since(self, known: Collection[str]) -> bool:
        """Whether none was missed of those that came after the known ones."""
        return all(ids & set(known) for ids in self._unconnected)
