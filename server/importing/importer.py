"""Stores lines with attempts, and summarises what was new, known or invalid.

Consecutive rollouts of one group are stored in one transaction. Those further apart meet in the
store, where groups grow, so that only a few lines are in memory at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from experience_store.errors import BadInputError, ConflictError
from experience_store.store import Receipt, Store, Submission
from server.importing.rollouts import GroupNaming, ParsedLine, read_line

STDIN = "-"
MAX_BATCH = 64
MAX_BATCH_BYTES = 8_000_000
MAX_BAD_LINES = 1_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Input:
    """A source of lines.

    Attributes:
        name: A path, or - for stdin.
        size: Size in bytes, or 0 if unknown.
    """

    name: str
    size: int

    @contextmanager
    def lines(self) -> Generator[Iterable[bytes]]:
        """Its lines, read on demand."""
        if self.name == STDIN:
            yield sys.stdin.buffer
        else:
            with Path(self.name).open("rb") as file:
                yield file


@dataclass(frozen=True, slots=True)
class BadLine:
    """An invalid line, which is skipped, and the reason."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class LibraryImportSummary:
    """What one library received, and the state of its groups afterwards."""

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
class ImportSummary:
    """The results of an import."""

    lines: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list[BadLine])
    libraries: dict[str, LibraryImportSummary] = field(
        default_factory=dict[str, LibraryImportSummary]
    )

    def skip(self, line: BadLine) -> None:
        """Count an invalid line, and keep the first ones to report."""
        self.bad += 1
        if len(self.bad_lines) < MAX_BAD_LINES:
            self.bad_lines.append(line)

    def as_json(self) -> dict[str, object]:
        """The summary as JSON."""
        return {
            "lines": self.lines,
            "bad": self.bad,
            "bad_lines": [asdict(line) for line in self.bad_lines],
            "libraries": [asdict(of) for of in self.libraries.values()],
        }


@dataclass(frozen=True, slots=True)
class _BatchLine:
    file: str
    number: int
    size: int
    library: str
    parsed: ParsedLine

    def joins(self, other: _BatchLine) -> bool:
        """Whether both are rollouts of one group, to be stored in one transaction."""
        one, two = self.parsed, other.parsed
        return (
            one.is_rollout
            and two.is_rollout
            and self.library == other.library
            and replace(one.submission, trajectories=()) == replace(two.submission, trajectories=())
        )


class Importer:
    """Stores the lines of several inputs, in batches."""

    def __init__(self, store: Store, library: str, naming: GroupNaming) -> None:
        self._store = store
        self._library = library
        self._naming = naming
        self._batch: list[_BatchLine] = []
        self._summary = ImportSummary()

    async def take(self, source: Input, report: Callable[[int], object]) -> None:
        """Store the lines of an input, and report the bytes read."""
        with source.lines() as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix(_BOM) if number == 1 else line
                if text.strip():
                    await self._take_line(source.name, number, text)
                report(len(line))
        await self._store_batch()

    async def finish(self) -> ImportSummary:
        """The summary, with the current state of the libraries."""
        for name, library in self._summary.libraries.items():
            counts = await self._store.groups.counts(name)
            library.groups = counts.groups
            library.with_signal = counts.signal
            library.waiting = counts.waiting
        return self._summary

    async def _take_line(self, file: str, number: int, text: bytes) -> None:
        self._summary.lines += 1
        try:
            parsed = read_line(text, self._naming)
        except BadInputError as error:
            self._summary.skip(BadLine(file, number, str(error)))
            return
        line = _BatchLine(file, number, len(text), parsed.library or self._library, parsed)
        if self._batch and not self._batch[-1].joins(line):
            await self._store_batch()
        self._batch.append(line)
        size = sum(waiting.size for waiting in self._batch)
        if len(self._batch) >= MAX_BATCH or size >= MAX_BATCH_BYTES:
            await self._store_batch()

    async def _store_batch(self) -> None:
        """Store the batch; if it is refused, line by line to find the invalid ones."""
        lines, self._batch = self._batch, []
        if not lines:
            return
        try:
            await self._submit(lines)
        except (BadInputError, ConflictError) as error:
            if len(lines) == 1:
                bad = BadLine(lines[0].file, lines[0].number, str(error))
                self._summary.skip(bad)
                return
            for line in lines:
                self._batch = [line]
                await self._store_batch()

    async def _submit(self, lines: list[_BatchLine]) -> None:
        attempts = tuple(t for line in lines for t in line.parsed.submission.trajectories)
        submission = replace(lines[0].parsed.submission, trajectories=attempts)
        library = lines[0].library
        receipt = await self._store.groups.submit(library, submission)
        self._summary.libraries.setdefault(library, LibraryImportSummary(library)).add(
            submission, receipt
        )
