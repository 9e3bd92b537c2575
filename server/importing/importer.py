"""Stores the attempts in files, and summarises what was new, known or invalid.

Consecutive rollouts of one group are stored in one transaction. Those further apart meet in the
store, where groups grow, so that only a few entries are in memory at a time.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from experience_store.errors import BadInputError, ConflictError
from experience_store.store import Receipt, Store, Submission
from experience_store.trajectory import Trajectory
from server.importing.attempts import ParsedEntry, read_entry
from server.importing.entries import BadEntry, Entry, Place, read_entries
from server.importing.forms.form import digest
from server.importing.naming import FieldNames

STDIN = "-"
MAX_BATCH = 64
MAX_BATCH_BYTES = 8_000_000
MAX_BAD_LINES = 1_000
_ID_HINT = "; if id names the task and not the attempt, use --group-by id"


@dataclass(frozen=True, slots=True)
class Input:
    """A source of entries.

    Attributes:
        name: A path, or - for stdin.
        size: Size in bytes, or 0 if unknown.
    """

    name: str
    size: int

    def entries(self, report: Callable[[int], object]) -> Iterator[Entry | BadEntry]:
        """Its entries, read on demand; the bytes read are reported."""
        with self._opened() as file:
            before = 0
            for entry in read_entries(file, self.name):
                yield entry
                if self.size:
                    now = file.tell()
                    report(now - before)
                    before = now

    @contextmanager
    def _opened(self) -> Generator[io.BufferedReader]:
        if self.name == STDIN:
            stdin = sys.stdin.buffer
            is_buffered = isinstance(stdin, io.BufferedReader)  # which it is not in tests
            yield stdin if is_buffered else io.BufferedReader(io.BytesIO(stdin.read()))
        else:
            with Path(self.name).open("rb") as file:
                yield file


@dataclass(frozen=True, slots=True)
class BadLine:
    """Something invalid in a file, which is skipped, and the reason.

    Attributes:
        line: Its line, where the file has one entry in each.
        path: Its path in a document, such as `[2]`.
    """

    file: str
    line: int | None
    path: str
    reason: str

    @property
    def place(self) -> str:
        """The file and the place in it, such as `a.jsonl:3`."""
        return Place(self.line, self.path).after(self.file)


@dataclass(slots=True)
class LibraryImportSummary:
    """What one library received, and the state of its groups afterwards."""

    library: str
    attempts: int = 0
    new: int = 0
    known: int = 0
    scored: int = 0
    unscored: int = 0
    lowest_reward: float | None = None
    highest_reward: float | None = None
    secrets_removed: int = 0
    new_groups: int = 0
    groups: int = 0
    with_signal: int = 0
    waiting: int = 0

    def add(self, submission: Submission, receipt: Receipt) -> None:
        """Count one submission."""
        rewards = [t.reward for t in submission.trajectories if t.reward is not None]
        self.attempts += len(submission.trajectories)
        self.unscored += len(submission.trajectories) - len(rewards)
        for reward in rewards:
            self.lowest_reward = min(reward, *_known(self.lowest_reward, reward))
            self.highest_reward = max(reward, *_known(self.highest_reward, reward))
        self.new += receipt.added
        self.known += receipt.known
        self.scored += receipt.scored
        self.secrets_removed += receipt.redacted
        self.new_groups += receipt.added == receipt.trajectories


def _known(bound: float | None, reward: float) -> tuple[float]:
    return (reward if bound is None else bound,)


@dataclass(slots=True)
class ImportSummary:
    """The results of an import.

    Attributes:
        lines: Entries read: lines, or items of documents.
        forms: Attempts, or groups of the project's own forms, by the form they were in.
        left_out: Attempts by the fields of theirs that are not stored.
        by_task: Attempts whose group nothing names, so that it is that of their task.
    """

    lines: int = 0
    bad: int = 0
    bad_lines: list[BadLine] = field(default_factory=list[BadLine])
    forms: Counter[str] = field(default_factory=Counter[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    by_task: int = 0
    libraries: dict[str, LibraryImportSummary] = field(
        default_factory=dict[str, LibraryImportSummary]
    )

    def skip(self, line: BadLine) -> None:
        """Count something invalid, and keep the first ones to report."""
        self.bad += 1
        if len(self.bad_lines) < MAX_BAD_LINES:
            self.bad_lines.append(line)

    def as_json(self) -> dict[str, object]:
        """The summary as JSON."""
        return {
            "lines": self.lines,
            "bad": self.bad,
            "bad_lines": [asdict(line) for line in self.bad_lines],
            "forms": dict(self.forms),
            "left_out": dict(self.left_out),
            "grouped_by_task": self.by_task,
            "libraries": [asdict(of) for of in self.libraries.values()],
        }


@dataclass(frozen=True, slots=True)
class _BatchEntry:
    file: str
    place: Place
    size: int
    library: str
    parsed: ParsedEntry

    def joins(self, other: _BatchEntry) -> bool:
        """Whether both are rollouts of one group, to be stored in one transaction."""
        one, two = self.parsed, other.parsed
        return (
            one.is_rollout
            and two.is_rollout
            and self.library == other.library
            and replace(one.submission, trajectories=()) == replace(two.submission, trajectories=())
        )


class Importer:
    """Stores the entries of several inputs, in batches."""

    def __init__(self, store: Store, library: str, fields: FieldNames) -> None:
        self._store = store
        self._library = library
        self._fields = fields
        self._batch: list[_BatchEntry] = []
        self._seen: Counter[str] = Counter()
        self._summary = ImportSummary()

    async def take(self, source: Input, report: Callable[[int], object]) -> None:
        """Store the entries of an input, and report the bytes read."""
        for entry in source.entries(report):
            if isinstance(entry, BadEntry):
                self._summary.lines += 1
                self._skip(source.name, entry.place, entry.reason)
            else:
                await self._take_entry(source.name, entry)
        await self._store_batch()

    async def finish(self) -> ImportSummary:
        """The summary, with the current state of the libraries."""
        for name, library in self._summary.libraries.items():
            counts = await self._store.groups.counts(name)
            library.groups = counts.groups
            library.with_signal = counts.signal
            library.waiting = counts.waiting
        return self._summary

    def _skip(self, file: str, place: Place, reason: str) -> None:
        self._summary.skip(BadLine(file, place.line, place.path, reason))

    async def _take_entry(self, file: str, entry: Entry) -> None:
        try:
            for path, parsed in read_entry(entry.value, self._fields):
                self._summary.lines += 1
                place = entry.place.within(path)
                if isinstance(parsed, BadInputError):
                    self._skip(file, place, str(parsed))
                else:
                    await self._take_parsed(file, place, entry.size, parsed)
        except BadInputError as error:
            self._summary.lines += 1
            self._skip(file, entry.place, str(error))

    async def _take_parsed(self, file: str, place: Place, size: int, parsed: ParsedEntry) -> None:
        library = parsed.library or self._library
        line = _BatchEntry(file, place, size, library, self._told_apart(library, parsed))
        if self._batch and not self._batch[-1].joins(line):
            await self._store_batch()
        self._batch.append(line)
        total = sum(waiting.size for waiting in self._batch)
        if len(self._batch) >= MAX_BATCH or total >= MAX_BATCH_BYTES:
            await self._store_batch()

    def _told_apart(self, library: str, parsed: ParsedEntry) -> ParsedEntry:
        """The rollout, with a number if an equal one without id was in this import already.

        The store names an attempt without id by its content, and takes an equal one that arrives
        later for the same.
        """
        (trajectory, *others) = parsed.submission.trajectories
        if not parsed.is_rollout or trajectory.id or others:
            return parsed
        key = digest([library, parsed.submission.group_id, _content(trajectory)])
        self._seen[key] += 1
        if self._seen[key] == 1:
            return parsed
        numbered = replace(trajectory, id=f"equal-{key}-{self._seen[key]}")
        return replace(parsed, submission=replace(parsed.submission, trajectories=(numbered,)))

    async def _store_batch(self) -> None:
        """Store the batch; if it is refused, one by one to find the invalid ones."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        try:
            await self._submit(batch)
        except (BadInputError, ConflictError) as error:
            if len(batch) == 1:
                (entry,) = batch
                is_id = isinstance(error, ConflictError) and entry.parsed.by_task
                self._skip(entry.file, entry.place, f"{error}{_ID_HINT if is_id else ''}")
                return
            for entry in batch:
                self._batch = [entry]
                await self._store_batch()

    async def _submit(self, batch: list[_BatchEntry]) -> None:
        attempts = tuple(t for entry in batch for t in entry.parsed.submission.trajectories)
        submission = replace(batch[0].parsed.submission, trajectories=attempts)
        library = batch[0].library
        receipt = await self._store.groups.submit(library, submission)
        self._summary.libraries.setdefault(library, LibraryImportSummary(library)).add(
            submission, receipt
        )
        for entry in batch:
            self._summary.forms[entry.parsed.form] += 1
            self._summary.left_out.update(entry.parsed.left_out)
            self._summary.by_task += entry.parsed.by_task


def _content(trajectory: Trajectory) -> list[object]:
    return [trajectory.reward, *(asdict(message) for message in trajectory.messages)]
