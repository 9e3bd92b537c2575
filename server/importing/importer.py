"""Lines into the store: what was kept, what was known, and which lines are bad.

Consecutive rollouts of one group are stored in one transaction; those that stand apart meet in
the store, because groups grow. So the memory needed is that of a few lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from experience_store.errors import BadInputError, ConflictError
from experience_store.store import Receipt, Store, Submission
from server.importing.rollouts import Entry, Naming, read_line

STDIN = "-"
MAX_TOGETHER = 64
MAX_TOGETHER_BYTES = 8_000_000
MAX_BAD_KEPT = 1_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Input:
    """One source of lines.

    Attributes:
        size: In bytes, or 0 if it cannot be known.
    """

    name: str
    size: int

    @contextmanager
    def lines(self) -> Generator[Iterable[bytes]]:
        """Its lines, read as they are needed."""
        if self.name == STDIN:
            yield sys.stdin.buffer
        else:
            with Path(self.name).open("rb") as file:
                yield file


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class LibraryTally:
    """What one library was given, and how it stands afterwards."""

    library: str
    attempts: int = 0
    new: int = 0
    known: int = 0
    scored: int = 0
    secrets_removed: int = 0
    new_groups: int = 0
    groups: int = 0
    with_signal: int = 0
    waiting: int = 0

    def add(self, submission: Submission, receipt: Receipt) -> None:
        """Count one submission."""
        self.attempts += len(submission.trajectories)
        self.new += receipt.added
        self.known += receipt.known
        self.scored += receipt.scored
        self.secrets_removed += receipt.redacted
        self.new_groups += receipt.added == receipt.trajectories


@dataclass(slots=True)
class Tally:
    """What came of all lines."""

    lines: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list[BadLine])
    libraries: dict[str, LibraryTally] = field(default_factory=dict[str, LibraryTally])

    def leave_out(self, line: BadLine) -> None:
        """Count a bad line; the first ones are kept to be shown."""
        self.bad += 1
        if len(self.bad_lines) < MAX_BAD_KEPT:
            self.bad_lines.append(line)

    def as_json(self) -> dict[str, object]:
        """The tally as a JSON document."""
        return {
            "lines": self.lines,
            "bad": self.bad,
            "bad_lines": [asdict(line) for line in self.bad_lines],
            "libraries": [asdict(of) for of in self.libraries.values()],
        }


@dataclass(frozen=True, slots=True)
class _Line:
    file: str
    number: int
    size: int
    library: str
    entry: Entry

    def joins(self, other: _Line) -> bool:
        """Whether both are rollouts of one group and can be stored together."""
        one, two = self.entry, other.entry
        return (
            one.is_rollout
            and two.is_rollout
            and self.library == other.library
            and replace(one.submission, trajectories=()) == replace(two.submission, trajectories=())
        )


class Importer:
    """Stores the lines of any number of inputs."""

    def __init__(self, store: Store, library: str, naming: Naming) -> None:
        self._store = store
        self._library = library
        self._naming = naming
        self._together: list[_Line] = []
        self._tally = Tally()

    async def take(self, source: Input, report: Callable[[int], object]) -> None:
        """Store what an input holds, reporting the bytes as they are read."""
        with source.lines() as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix(_BOM) if number == 1 else line
                if text.strip():
                    await self._take_line(source.name, number, text)
                report(len(line))
        await self._store_together()

    async def finish(self) -> Tally:
        """The tally, with how the libraries stand now."""
        for name, tally in self._tally.libraries.items():
            counts = await self._store.groups.counts(name)
            tally.groups = counts.groups
            tally.with_signal = counts.signal
            tally.waiting = counts.waiting
        return self._tally

    async def _take_line(self, file: str, number: int, text: bytes) -> None:
        self._tally.lines += 1
        try:
            entry = read_line(text, self._naming)
        except BadInputError as error:
            self._tally.leave_out(BadLine(file, number, str(error)))
            return
        line = _Line(file, number, len(text), entry.library or self._library, entry)
        if self._together and not self._together[-1].joins(line):
            await self._store_together()
        self._together.append(line)
        size = sum(waiting.size for waiting in self._together)
        if len(self._together) >= MAX_TOGETHER or size >= MAX_TOGETHER_BYTES:
            await self._store_together()

    async def _store_together(self) -> None:
        """Store what was gathered; if that is refused, line by line, to find the bad one."""
        lines, self._together = self._together, []
        if not lines:
            return
        try:
            await self._submit(lines)
        except (BadInputError, ConflictError) as error:
            if len(lines) == 1:
                bad = BadLine(lines[0].file, lines[0].number, str(error))
                self._tally.leave_out(bad)
                return
            for line in lines:
                self._together = [line]
                await self._store_together()

    async def _submit(self, lines: list[_Line]) -> None:
        attempts = tuple(t for line in lines for t in line.entry.submission.trajectories)
        submission = replace(lines[0].entry.submission, trajectories=attempts)
        library = lines[0].library
        receipt = await self._store.groups.submit(library, submission)
        self._tally.libraries.setdefault(library, LibraryTally(library)).add(submission, receipt)
