"""The fields of the server's answers that a run reads; whatever else they hold is ignored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from experience_store.library import Library, Policy


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class GroupCountsView(_View):
    """How many groups wait to be learned."""

    waiting: int


class LearningView(_View):
    """The state of learning.

    Attributes:
        held_up: What pauses it, if anything does.
        storage_failed: Whether that is because nothing can be stored.
    """

    held_up: str | None
    storage_failed: bool


class LibraryInfo(_View):
    """Facts about a library: `experience://{library}/info`.

    Attributes:
        created_at: When it was made; another library of the same name has another.
        version: The current version.
        experiences: Experiences in it.
        updates: How many there are in each status.
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
        """Updates under way."""
        return self.updates.get("open", 0)

    @property
    def unlearned(self) -> int:
        """Groups that wait to be learned, and updates under way."""
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
    """What a model has spent on an update."""

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
    """The version that a tool of administration made, or the library that it described."""

    version: int
    experiences: int
