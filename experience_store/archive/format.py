"""The format of an exported library: all of its contents and history in one JSON document.

Ids, times and authors are kept. References use public names instead of database rows: experiences
by `G3`, groups and attempts by their ids, operations by their index in the list. So two exports of
the same library are the same text, whichever database they come from.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
)

from experience_store.library import Policy
from experience_store.operations import MAX_NAME_CHARS
from experience_store.trajectory import Message, messages_from_json, messages_to_json
from experience_store.version import Driver, UpdateStatus

FORMAT = "experience-mcp library"
FORMAT_VERSION = 1
MAX_WORDING = 20_000
LEFT_OUT = "(left out of the export)"
STAND_IN = (Message("assistant", LEFT_OUT),)  # replaces messages that were left out


def _time(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("has no time zone")
    return text


def _read_messages(value: object) -> tuple[Message, ...]:
    """Messages, or their JSON form."""
    match value:
        case tuple():
            return _MESSAGES.validate_python(value)
        case _:
            return messages_from_json(json.dumps(value))


def _write_messages(messages: tuple[Message, ...]) -> object:
    return json.loads(messages_to_json(messages))


_MESSAGES = TypeAdapter(tuple[Message, ...])
Messages = Annotated[
    tuple[Message, ...], PlainValidator(_read_messages), PlainSerializer(_write_messages)
]
Time = Annotated[str, AfterValidator(_time)]
ExperienceId = Annotated[str, Field(pattern=r"^G[1-9][0-9]{0,17}$")]
MAX_NUMBER = 10**15  # far beyond any library, and below what ids and the database can hold
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class ArchiveRecord(BaseModel):
    """Part of an archive. Unknown fields are an error, so that nothing is lost silently."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LibraryRecord(ArchiveRecord):
    """A library. `next_id` is the number of the next experience."""

    name: str
    agent_objective: str | None
    learning_objective: str | None
    policy: Policy
    head: Number
    next_id: Annotated[int, Field(ge=1, le=MAX_NUMBER)]
    created_at: Time


class VersionRecord(ArchiveRecord):
    """One version."""

    number: Number
    parent: Number | None
    author: str
    note: str
    size: Number
    update_id: Name | None
    created_at: Time


class OperationRecord(ArchiveRecord):
    """One operation: applied in `version`, refused, or awaiting review.

    Attributes:
        kind: Its kind; None if it could not be read, in which case `raw` is its text.
        experience: Id of the experience it made.
        sources: Ids of the requests whose answers proposed it.
    """

    version: Number | None
    update_id: Name | None
    kind: Literal["Add", "Revise", "Merge", "Retire", "Keep"] | None
    ids: tuple[str, ...] = ()
    name: str | None = None
    text: str | None = None
    raw: str | None = None
    experience: ExperienceId | None
    sources: tuple[str, ...]
    refused: str | None


class WordingRecord(ArchiveRecord):
    """One wording of an experience, from version `since` until before version `until`.

    Attributes:
        operation: Index of the operation that made it; None after a rollback.
    """

    id: ExperienceId
    since: Number
    until: Number | None
    name: Annotated[str, Field(max_length=MAX_NAME_CHARS)]
    text: Annotated[str, Field(min_length=1, max_length=MAX_WORDING)]
    operation: Number | None


class AttemptRecord(ArchiveRecord):
    """One attempt. `messages` is None if attempts were left out of the export."""

    id: Name
    messages: Messages | None
    reward: FiniteFloat | None
    feedback: str | None
    retrieval_id: str | None
    model: str | None
    metadata: str | None
    digest: str
    created_at: Time


class GroupRecord(ArchiveRecord):
    """One group. `learned` is the revision last learned from."""

    id: Name
    task: str
    ground_truth: str | None
    revision: Number
    learned: Number
    failures: Number
    failure: str | None
    created_at: Time
    changed_at: Time
    attempts: tuple[AttemptRecord, ...]


class LinkRecord(ArchiveRecord):
    """A link from an experience to a group behind it."""

    experience: ExperienceId
    group: Name


class RewardRecord(ArchiveRecord):
    """The reward of an attempt when an update began."""

    attempt: Name
    reward: FiniteFloat | None


class UpdateGroupRecord(ArchiveRecord):
    """A group when an update began."""

    group: Name
    revision: Number
    attempts: tuple[RewardRecord, ...]
    relevant: tuple[ExperienceId, ...] | None


class RequestRecord(ArchiveRecord):
    """One request of an update. `prompt` is None if attempts were left out."""

    id: Name
    prompt: str | None
    asked_at: Time
    failed: str | None


class AnswerRecord(ArchiveRecord):
    """One answer, accepted or refused."""

    request: Name
    text: str
    refused: str | None
    model: str | None
    prompt_tokens: Number
    cached_tokens: Number
    completion_tokens: Number
    cost: FiniteFloat | None
    created_at: Time


class ArchivedUpdate(ArchiveRecord):
    """One update with its requests and answers."""

    id: Name
    driver: Driver
    status: UpdateStatus
    bases: Annotated[tuple[Number, ...], Field(min_length=1)]
    version: Number | None
    reason: str | None
    created_at: Time
    changed_at: Time
    groups: tuple[UpdateGroupRecord, ...]
    requests: tuple[RequestRecord, ...]
    answers: tuple[AnswerRecord, ...]


class RetrievalRecord(ArchiveRecord):
    """One retrieval: what was served for a task."""

    id: Name
    version: Number
    task: str
    served: tuple[ExperienceId, ...]
    created_at: Time


class Archive(ArchiveRecord):
    """A library with its whole history."""

    format: Literal["experience-mcp library"] = FORMAT
    format_version: Literal[1] = FORMAT_VERSION
    attempts_included: bool
    library: LibraryRecord
    versions: tuple[VersionRecord, ...]
    operations: tuple[OperationRecord, ...]
    wordings: tuple[WordingRecord, ...]
    groups: tuple[GroupRecord, ...]
    links: tuple[LinkRecord, ...]
    updates: tuple[ArchivedUpdate, ...]
    retrievals: tuple[RetrievalRecord, ...]
