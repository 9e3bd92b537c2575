"""A library as a client of its server sees it, and the fields of the answers that a run reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from experience_store.library import Library, Policy
from server.mcp.results import Experiences, Submitted, UpdateOut
from server.mcp.tools import MAX_TASK
from server.practice.client.connection import ResourceMissingError, ServerConnection
from server.practice.client.submission import fit_feedback, fit_messages, shows_work
from server.practice.records import AttemptGroup, ScoredAttempt, Served, Spent, Task
from server.practice.run_errors import RunStoppedError

T = TypeVar("T", bound=BaseModel)


class _View(BaseModel):
    """Some fields of an answer; the others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class GroupCountsView(_View):
    """Number of groups by state."""

    waiting: int


class LearningView(_View):
    """The state of learning.

    Attributes:
        held_up: The reason why it is paused; None if it is not.
        storage_failed: Whether the reason is that nothing can be stored.
    """

    held_up: str | None
    storage_failed: bool


class LibraryInfo(_View):
    """Facts about a library: `experience://{library}/info`.

    Attributes:
        created_at: When it was created; tells libraries of the same name apart.
        version: The current version.
        experiences: Experiences in it.
        updates: Number of updates by status.
    """

    library: str
    created_at: str
    version: int
    experiences: int
    agent_objective: str | None
    learning_objective: str | None
    policy: Policy
    groups: GroupCountsView
    updates: dict[str, int]
    learning: LearningView

    @property
    def open_updates(self) -> int:
        """Updates in progress."""
        return self.updates.get("open", 0)

    @property
    def unlearned(self) -> int:
        """Groups waiting to be learned from, and updates in progress."""
        return self.groups.waiting + self.open_updates

    def as_library(self) -> Library:
        """The library as the domain knows it."""
        return Library(
            name=self.library,
            head=self.version,
            size=self.experiences,
            agent_objective=self.agent_objective,
            learning_objective=self.learning_objective,
            policy=self.policy,
        )


class UsageView(_View):
    """What models have spent on an update."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None


class UpdateView(_View):
    """One update."""

    id: str
    driver: str
    status: str
    reason: str | None
    usage: UsageView


class UpdatesPage(_View):
    """A page of updates, newest first; `next` is None on the last."""

    updates: list[UpdateView]
    next: str | None


class VersionView(_View):
    """One version."""

    version: int
    experiences: int
    note: str
    changes: list[str]
    refused: list[str]


class HistoryPage(_View):
    """A page of versions, newest first."""

    versions: list[VersionView]


class GroupView(_View):
    """One group."""

    task: str


class GroupsPage(_View):
    """A page of groups."""

    listed: list[GroupView]


class EditedView(_View):
    """The library after a call of an administration tool."""

    version: int
    experiences: int


@dataclass(frozen=True, slots=True)
class Withheld:
    """What the learner is not told, in the paper's ablations."""

    ground_truth: bool = False
    rewards: bool = False


class LibraryClient:
    """A library on a server.

    Every method raises RunStoppedError if the server does not answer, or refuses.

    Attributes:
        absence: What the server says of it where it does not exist, such as similar names.
    """

    def __init__(self, connection: ServerConnection, library: str) -> None:
        """Use an open connection; the library need not exist yet."""
        self.library = library
        self.absence = f"library {library!r} does not exist"
        self._connection = connection
        self._updates: dict[str, UpdateView] = {}
        self._policy: tuple[str, ...] = ()

    async def info(self) -> LibraryInfo:
        """Facts about the library; raises RunStoppedError if it does not exist."""
        found = await self.find()
        if found is None:
            raise RunStoppedError(f"the server has no library {self.library!r}")
        return found

    async def find(self) -> LibraryInfo | None:
        """Facts about the library; None if it does not exist."""
        try:
            return await self._read("info", LibraryInfo)
        except ResourceMissingError as error:
            self.absence = str(error)
            return None

    async def serve(self, task: Task, max_tokens: int | None) -> Served:
        """Get the experiences for a task."""
        arguments: dict[str, object] = {"task": task.prompt[:MAX_TASK], "library": self.library}
        if max_tokens is not None:
            arguments["max_tokens"] = max_tokens
        got = await self._connection.call("get_experiences", arguments, Experiences)
        return Served(
            retrieval_id=got.retrieval_id,
            version=got.version,
            experiences=got.experiences,
            omitted=got.omitted,
        )

    async def submit(
        self, group_id: str, group: AttemptGroup, served: Served, model: str, withheld: Withheld
    ) -> bool:
        """Submit a group; returns whether it has signal. Submitting it again changes nothing.

        A rollout in which the agent did nothing is left out. So is one that broke off if rewards
        are withheld: the learner could not tell it from the others.
        """
        trajectories = [
            _trajectory(f"a{number}", attempt, served, model, withheld)
            for number, attempt in enumerate(group.attempts, start=1)
            if shows_work(attempt.rollout.messages)
            and not (withheld.rewards and attempt.rollout.failure)
        ]
        if not trajectories:
            return False
        arguments: dict[str, object] = {
            "task": group.task.prompt,
            "library": self.library,
            "group_id": group_id,
            "trajectories": trajectories,
        }
        if group.task.ground_truth is not None and not withheld.ground_truth:
            arguments["ground_truth"] = group.task.ground_truth
        await self._allow()
        return (await self._connection.call("submit_group", arguments, Submitted)).signal

    async def start_update(self) -> UpdateOut:
        """Learn from the waiting groups, or resume the open update."""
        arguments: dict[str, object] = {"library": self.library}
        return await self._connection.call("update_experiences", arguments, UpdateOut)

    async def answer(self, update_id: str, answers: Sequence[Mapping[str, str]]) -> UpdateOut:
        """Submit answers to an update's requests."""
        arguments: dict[str, object] = {"update_id": update_id, "answers": answers}
        return await self._connection.call("submit_answers", arguments, UpdateOut)

    async def updates(self) -> list[UpdateView]:
        """All updates; only those that may have changed since the last call are read."""
        page = await self._read("updates", UpdatesPage)
        unsure = {id_ for id_, update in self._updates.items() if update.status == "open"}
        while True:
            new = [u.id for u in page.updates if u.id not in self._updates]
            self._updates |= {u.id: u for u in page.updates}
            unsure -= {u.id for u in page.updates}
            if page.next is None or not (new or unsure):
                return list(self._updates.values())
            page = await self._read(f"updates?before={page.updates[-1].id}", UpdatesPage)

    async def versions_since(self, since: int) -> list[VersionView]:
        """The versions after one, newest first."""
        versions: list[VersionView] = []
        page = (await self._read("history", HistoryPage)).versions
        while page:
            versions += [version for version in page if version.version > since]
            if (oldest := page[-1].version) <= since:
                break
            page = (await self._read(f"history?before={oldest}", HistoryPage)).versions
        return versions

    async def tasks(self) -> list[str]:
        """The tasks of all groups."""
        tasks: list[str] = []
        while page := (await self._read(f"groups?after={len(tasks)}", GroupsPage)).listed:
            tasks += [group.task for group in page]
        return tasks

    async def equals(self, version: int, other: int) -> bool:
        """Whether two versions have the same experiences."""
        return version == other or await self._content(version) == await self._content(other)

    async def can_administer(self, tool: str) -> bool:
        """Whether the server offers an administration tool."""
        return await self._connection.has_tool(tool)

    def allow_at_first(self, names: Sequence[str]) -> None:
        """Switch on settings of the policy right before the first submission.

        That creates a new library, and a run that fails earlier should not leave one.
        """
        self._policy = tuple(names)

    async def _allow(self) -> None:
        if self._policy:
            policy = dict.fromkeys(self._policy, True)
            arguments: dict[str, object] = {"library": self.library, "policy": policy}
            await self._connection.call("describe_library", arguments, EditedView)
            self._policy = ()

    async def roll_back(self, version: int, note: str) -> None:
        """Restore an older version, as a new one."""
        arguments: dict[str, object] = {"library": self.library, "version": version, "note": note}
        await self._connection.call("roll_back_library", arguments, EditedView)

    async def add(self, name: str, text: str, note: str) -> None:
        """Add an experience."""
        arguments: dict[str, object] = {"library": self.library, "name": name, "text": text}
        await self._connection.call("add_experience", {**arguments, "note": note}, EditedView)

    async def _read(self, below: str, form: type[T]) -> T:
        return await self._connection.read(f"experience://{self.library}/{below}", form)

    async def _content(self, version: int) -> str:
        """The experiences of a version as text, without its heading, which has its number."""
        uri = f"experience://{self.library}/versions/{version}"
        return (await self._connection.read_text(uri)).partition("\n")[2]


def spent_by_server(updates: Sequence[UpdateView]) -> dict[str, Spent]:
    """What the server's own model spent on each update; hosts count their own spending."""
    return {u.id: Spent(**u.usage.model_dump()) for u in updates if u.driver == "model"}


def _trajectory(
    id_: str, attempt: ScoredAttempt, served: Served, model: str, withheld: Withheld
) -> dict[str, object]:
    told = {
        "id": id_,
        "messages": fit_messages(attempt.rollout.messages),
        "feedback": fit_feedback(None if withheld.rewards else attempt.score.feedback),
        "retrieval_id": served.retrieval_id,
        "model": model,
    }
    reward = None if withheld.rewards else attempt.reward
    return {"reward": reward, **{key: value for key, value in told.items() if value is not None}}
