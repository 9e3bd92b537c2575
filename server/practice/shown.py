"""What the server's resources show, as far as a run looks at it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Shown(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UsageShown(_Shown):
    """What a model has spent on an update."""

    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost: float | None


class UpdateShown(_Shown):
    """One update."""

    id: str
    driver: str
    status: str
    reason: str | None
    usage: UsageShown


class UpdatesShown(_Shown):
    """A page of updates, newest first, and whether there are older ones behind it."""

    updates: list[UpdateShown]
    next: str | None


class VersionShown(_Shown):
    """One version."""

    version: int
    created_at: str
    changes: list[str]
    refused: list[str]


class HistoryShown(_Shown):
    """The latest versions."""

    versions: list[VersionShown]


class GroupShown(_Shown):
    """One group."""

    task: str


class GroupsShown(_Shown):
    """A page of groups."""

    listed: list[GroupShown]
