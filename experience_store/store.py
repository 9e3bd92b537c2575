"""What a storage backend must do, and the records it speaks in.

The store is four narrow protocols side by side. Every method that changes something does it in
one transaction: when it returns, all of it is durable; when it raises, none of it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from experience_store.errors import BadInputError
from experience_store.history import Version
from experience_store.library import Experience, Library, Policy, State
from experience_store.operations import Application, Operation
from experience_store.trajectory import Group, Trajectory

Driver: TypeAlias = Literal["host", "model"]
UpdateStatus: TypeAlias = Literal["open", "published", "nothing_to_learn", "failed"]
MAX_FAILURES = 3  # updates that may fail on a group before it is set aside


@dataclass(frozen=True, slots=True)
class Submission:
    """Attempts at one task, to be stored as a group or added to one.

    Attributes:
        group_id: The client's name for the group; None makes a new group.
        trajectories: Those with an empty id get one derived from their content.
    """

    task: str
    trajectories: tuple[Trajectory, ...]
    group_id: str | None = None
    ground_truth: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a submission.

    Attributes:
        trajectories: How many attempts the group has now.
        added: Attempts that are new.
        known: Attempts that were there already and changed nothing.
        scored: Attempts that were there unscored and got their reward now.
        signal: Whether winners can be told from losers.
        waiting: Groups of the library that an update could take now.
        redacted: Secrets that were removed before storing.
        min_spread: What rewards must differ by for signal, by the library's policy.
    """

    group_id: str
    trajectories: int
    added: int
    known: int
    scored: int
    signal: bool
    will_be_learned: bool
    waiting: int
    redacted: int
    min_spread: float


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """How many groups a library has, and how they stand."""

    groups: int
    signal: int
    attempts: int
    learned: int
    set_aside: int
    waiting: int
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group in a list: all but its attempts."""

    id: str
    task: str
    attempts: int
    scored: int
    signal: bool
    learned: bool
    failure: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """What learning cost: calls and tokens as the endpoint counted them; money if priced."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One answer to one request, as it came."""

    request: str
    text: str
    refused: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """One request as it was put, and why it was given up if it was."""

    id: str
    prompt: str
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """A group as it was when the update began.

    Attributes:
        relevant: Ids of the experiences that its comparison is shown; None until chosen.
        served: For each trajectory id, the ids of the experiences it had been given.
    """

    group: Group
    revision: int
    relevant: tuple[str, ...] | None
    served: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """An update as it is stored: enough to take it up again anywhere.

    Attributes:
        bases: The version it began with, and one for each rebase.
        library: With the policy it had when the update began.
        leased: Whether a worker is driving it now.
    """

    id: str
    library: Library
    driver: Driver
    status: UpdateStatus
    bases: tuple[int, ...]
    groups: tuple[UpdateGroup, ...]
    requests: tuple[AskedRequest, ...]
    answers: tuple[GivenAnswer, ...]
    version: int | None
    reason: str | None
    leased: bool
    created_at: datetime
    usage: Usage


@dataclass(frozen=True, slots=True)
class UpdateInfo:
    """An update in a list."""

    id: str
    driver: Driver
    status: UpdateStatus
    groups: int
    version: int | None
    reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One `get_experiences` call: which ids of which version were served for which task."""

    id: str
    library: str
    version: int
    task: str
    served: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttemptTrace:
    """An attempt that stands behind an experience."""

    id: str
    reward: float | None
    model: str | None
    feedback: str | None


@dataclass(frozen=True, slots=True)
class GroupTrace:
    """A group that stands behind an experience."""

    id: str
    task: str
    attempts: tuple[AttemptTrace, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """One step in the life of an experience, and everything that led to it.

    Attributes:
        operation: What was done in `version`; None for an entry brought back by a rollback.
        answers: The very answers that proposed it, first comparisons, then consolidations.
    """

    version: int
    author: str
    created_at: datetime
    operation: Operation | None
    note: str
    update_id: str | None
    answers: tuple[GivenAnswer, ...]
    groups: tuple[GroupTrace, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an experience came from. `experience` is its last wording; `current` if it stands."""

    experience: Experience
    current: bool
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Publication:
    """What is to become of a finished update, in one transaction.

    Attributes:
        base: The head that `application` was made from.
        behind: For each applied operation, the ids of the groups that stand behind it.
        learned: Ids of the groups that are done with.
        failed: Ids of the groups that could not be learned from, with the reason.
    """

    base: int
    application: Application
    behind: tuple[tuple[str, ...], ...]
    learned: tuple[str, ...]
    failed: Mapping[str, str]
    author: str
    note: str


class Libraries(Protocol):
    """Libraries, their versions and where their experiences came from."""

    async def get(self, name: str) -> Library:
        """The library; raises LibraryNotFoundError with the names that come close."""
        ...

    async def ensure(self, name: str) -> Library:
        """The library, made with defaults if it is new; raises BadInputError for a bad name."""
        ...

    async def all(self) -> tuple[Library, ...]:
        """Every library, by name."""
        ...

    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        """Names that begin with `prefix`."""
        ...

    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        """Set objectives and policy, making the library if it is new."""
        ...

    async def state(self, name: str, version: int | None = None) -> State:
        """What the library held at a version (the head by default)."""
        ...

    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        """Versions below `before`, newest first, with operations and refusals."""
        ...

    async def version(self, name: str, number: int) -> Version:
        """One version, with operations and refusals."""
        ...

    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        """For each experience (all for None), the tasks it was learned from, oldest first."""
        ...

    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        """Change the library by hand; raises BadInputError if an operation breaks a rule."""
        ...

    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        """Make a new version that equals the older version `to`."""
        ...

    async def provenance(self, name: str, experience_id: str) -> Provenance:
        """Everything that led to an experience."""
        ...


class Groups(Protocol):
    """Groups of attempts."""

    async def submit(self, library: str, submission: Submission) -> Receipt:
        """Store attempts; what is there already changes nothing.

        Raises:
            BadInputError: If something in the submission cannot be taken.
            ConflictError: If the group or an attempt of this id exists with another content.
        """
        ...

    async def get(self, library: str, group_id: str) -> Group:
        """A group with its attempts."""
        ...

    async def list(self, library: str, *, after: int, limit: int) -> tuple[GroupInfo, ...]:
        """Groups in the order they came, `after` so many."""
        ...

    async def counts(self, library: str) -> GroupCounts:
        """How many there are, and how they stand."""
        ...

    async def retry_set_aside(self, library: str) -> int:
        """Let updates take again the groups that failed too often; how many there were."""
        ...


class Updates(Protocol):
    """Updates in progress, what they asked and what they were answered."""

    async def begin(
        self, library: str, driver: Driver, limit: int, lease: tuple[str, float] | None = None
    ) -> str | None:
        """Begin an update with up to `limit` waiting groups; its id, or None if none waits."""
        ...

    async def get(self, update_id: str) -> UpdateRecord:
        """All of an update; raises NotFoundError."""
        ...

    async def open(self, library: str) -> tuple[str, ...]:
        """Ids of the library's open updates, oldest first."""
        ...

    async def list(self, library: str, limit: int) -> tuple[UpdateInfo, ...]:
        """The library's updates, newest first."""
        ...

    async def set_relevant(self, update_id: str, relevant: Sequence[Sequence[str]]) -> None:
        """Store which experiences each group's comparison is shown, unless stored already."""
        ...

    async def ask(self, update_id: str, requests: Sequence[AskedRequest]) -> None:
        """Store requests before they are put; those stored already stay as they are."""
        ...

    async def answer(self, update_id: str, answers: Sequence[GivenAnswer]) -> bool:
        """Store answers as they came, refused ones too; whether all of them were new.

        A second taken answer to the same request, or one to a closed update, changes nothing.
        """
        ...

    async def take_back(self, update_id: str, request: str, reason: str) -> None:
        """Refuse an answer after all that had been taken, so that another can be."""
        ...

    async def give_up(self, update_id: str, request: str, reason: str) -> None:
        """Mark a request as failed."""
        ...

    async def rebase(self, update_id: str, version: int) -> None:
        """Record that the update goes on from a newer version."""
        ...

    async def publish(self, update_id: str, publication: Publication) -> UpdateRecord:
        """Close the update with what it comes to.

        One that is closed already stays as it is.

        Raises:
            HeadMovedError: If the head is not the publication's base.
        """
        ...

    async def lease(
        self, library: str | None, owner: str, seconds: float, idle_seconds: float
    ) -> str | None:
        """Take over an open update that nobody works on; its id, or None.

        A host's update counts as abandoned after `idle_seconds` without an answer.
        """
        ...

    async def keep(self, update_id: str, owner: str, seconds: float) -> None:
        """Extend a lease; raises LeaseLostError if another has it."""
        ...

    async def release(self, update_id: str, owner: str) -> None:
        """Give a lease back."""
        ...

    async def usage(self, library: str) -> Usage:
        """What all updates of the library cost."""
        ...


class Retrievals(Protocol):
    """What was served to whom."""

    async def record(self, retrievals: Sequence[Retrieval]) -> None:
        """Store retrievals, all or none."""
        ...


class Store(Protocol):
    """An open store."""

    @property
    def libraries(self) -> Libraries:
        """Libraries and their versions."""
        ...

    @property
    def groups(self) -> Groups:
        """Groups of attempts."""
        ...

    @property
    def updates(self) -> Updates:
        """Updates in progress and done."""
        ...

    @property
    def retrievals(self) -> Retrievals:
        """What was served."""
        ...

    @property
    def location(self) -> str:
        """Where it is, for people: a path or an address without secrets."""
        ...

    async def close(self) -> None:
        """Finish what is being written and let go."""
        ...


async def open_store(url: str | Path) -> Store:
    """Open the store at a file path or a `sqlite:///path` URL, making it if it is new.

    Raises:
        BadInputError: If no backend serves such a URL.
        StorageError: If it cannot be opened.
    """
    from experience_store.sqlite.store import SqliteStore  # noqa: PLC0415  # one backend, one import

    text = str(url)
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif "://" in text:
        raise BadInputError(
            f"no store for {text.split('://')[0]}://; use a file path or sqlite:///"
        )
    return await SqliteStore.open(_home(text))


def _home(path: str) -> Path:
    return Path(path).expanduser()
