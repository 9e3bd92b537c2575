"""Whether the library is still the one that a run works with.

A run that is gone on with on another database, or after its library was deleted or came back from
an older copy, would learn from what is not there and measure what it never practised. So a run
remembers when its library was made, and asks before it builds on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.practice.errors import RunStoppedError
from server.practice.journal import Journal
from server.practice.library_client import LibraryClient
from server.practice.records import Learned, Record, Served

MARK = "library"


class LibraryMark(Record):
    """The library that a run works with.

    Attributes:
        made: When it was made; no other has that.
        place: Where it was found, for people.
    """

    made: str
    place: str


@dataclass(frozen=True, slots=True)
class SameLibrary:
    """Knows the library of a run again.

    Attributes:
        place: The database or the server of this sitting, for people.
    """

    journal: Journal
    library: LibraryClient
    place: str

    async def check(self, served: Iterable[Served] = ()) -> None:
        """See that the library is the run's, and holds at least what the run has seen of it.

        The first time that there is one, it becomes the run's.

        Args:
            served: What the run got from it lately.

        Raises:
            RunStoppedError: If it is another one, an older copy, or gone.
        """
        mark = self.journal.get(MARK, LibraryMark)
        learned = [done.version for _, done in self.journal.all("*/learned", Learned)]
        made = await self.library.made()
        if made is None:
            if mark or learned or self.journal.keys("*/handed-in"):
                raise self._refusal("is not there", mark)
            return
        if mark is not None and mark.made != made:
            raise self._refusal("is not the one that this run works with", mark)
        seen = max([*learned, *(s.version for s in served)], default=0)
        version = (await self.library.standing()).version
        if version < seen:
            raise self._refusal(
                f"is at version {version}, and this run has seen version {seen} of it", mark
            )
        if mark is None:
            self.journal.put(MARK, LibraryMark(made=made, place=self.place))

    def _refusal(self, what: str, mark: LibraryMark | None) -> RunStoppedError:
        before = f" The run's was in {mark.place}, made {mark.made}." if mark else ""
        return RunStoppedError(
            f"library {self.library.library!r} in {self.place} {what}.{before} Go on with that "
            "one (--database or --server), or start a new run in another folder with --run."
        )
