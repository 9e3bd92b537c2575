"""Parses a group of attempts at one task, and explains validation errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from experience_store.errors import BadInputError
from experience_store.store import Submission
from experience_store.submissions.clean_text import MAX_TEXT, AnyText, Id, Task, clean
from experience_store.submissions.messages import MessageInput
from experience_store.trajectory import Message, Trajectory

MAX_ATTEMPTS = 256
MAX_MESSAGES = 5_000
MAX_CONTENT = 8_000_000


class TrajectoryInput(BaseModel):
    """One attempt."""

    model_config = ConfigDict(extra="forbid")

    reward: FiniteFloat | None = None
    messages: Annotated[list[MessageInput], Field(max_length=MAX_MESSAGES)] | None = None
    output: AnyText | None = None
    feedback: AnyText | None = None
    retrieval_id: Id | None = None
    model: Id | None = None
    metadata: dict[str, object] | None = None
    id: Id | None = None

    @field_validator("output", mode="before")
    @classmethod
    def _long_output(cls, value: object) -> object:
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ValueError(
                f"has {len(value)} characters; at most {MAX_TEXT}: send it as messages, or cut it"
            )
        return value

    @model_validator(mode="after")
    def _one_content(self) -> TrajectoryInput:
        if (self.output is None) == (not self.messages):
            raise ValueError("give either messages (OpenAI chat messages) or output (text)")
        return self

    def trajectory(self) -> Trajectory:
        """The attempt as stored; its id is empty if the client gave none."""
        if self.messages:
            messages = tuple(m.message() for m in self.messages)
        else:
            messages = (Message("assistant", self.output or ""),)
        if sum(map(_size, messages)) > MAX_CONTENT:
            raise BadInputError(f"an attempt has more than {MAX_CONTENT:,} characters: shorten it")
        return Trajectory(
            id=self.id or "",
            messages=messages,
            reward=self.reward,
            feedback=self.feedback,
            retrieval_id=self.retrieval_id,
            model=self.model,
            metadata=_metadata_text(self.metadata) if self.metadata else None,
        )


def _metadata_text(metadata: dict[str, object]) -> str:
    try:
        return clean(json.dumps(metadata, ensure_ascii=False, allow_nan=False, default=str))
    except ValueError as error:
        raise BadInputError("metadata contains a number that is not finite: use null") from error


class _SubmissionInput(BaseModel):
    task: Task
    trajectories: Annotated[list[TrajectoryInput], Field(min_length=1, max_length=MAX_ATTEMPTS)]
    group_id: Id | None = None
    ground_truth: AnyText | None = None


_SUBMISSION = TypeAdapter(_SubmissionInput)


def read_submission(
    *,
    task: object,
    trajectories: object,
    group_id: object = None,
    ground_truth: object = None,
) -> Submission:
    """Parse a group of attempts as a client sent it.

    Raises:
        BadInputError: If something is invalid, with its location and how to fix it.
    """
    value = {
        "task": task,
        "trajectories": trajectories,
        "group_id": group_id,
        # stored as an empty list, it would look like a missing reference
        "ground_truth": "(none: no action is right)" if ground_truth == [] else ground_truth,
    }
    try:
        read = _SUBMISSION.validate_python(value)
    except ValidationError as error:
        problems = explain_validation_error(error, tuple(TrajectoryInput.model_fields))
        raise BadInputError(problems.removesuffix(".")) from error
    return Submission(
        task=read.task,
        trajectories=tuple(t.trajectory() for t in read.trajectories),
        group_id=read.group_id,
        ground_truth=read.ground_truth,
    )


def _size(message: Message) -> int:
    return len(message.text) + sum(len(call.arguments) for call in message.tool_calls)


LONE_SURROGATE = (
    "contains half a surrogate pair, such as \\ud800, which is not a character and cannot be "
    "stored; leave it out, or send the whole pair"
)


def explain_validation_error(error: ValidationError, fields: Sequence[str]) -> str:
    """A validation error as sentences that say where, what and how to fix it, without values.

    Args:
        error: The error.
        fields: Known fields, to suggest one for an unknown name.
    """
    sentences: list[str] = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        *place, last = [str(part) for part in problem["loc"]] or ["the arguments"]
        where = ".".join([*place, last])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_unicode":
            message = LONE_SURROGATE
        if problem["type"] == "extra_forbidden":
            close = _meant(last, fields)
            hint = f"did you mean {close!r}? " if close else ""
            message = f"unknown field; {hint}Fields are {', '.join(fields)}"
        sentences.append(f"{where}: {message}.")
    more = error.error_count() - len(sentences)
    return " ".join([*sentences, *([f"And {more} more."] if more > 0 else [])])


_OTHER_NAMES = {
    "reward": ("score", "return", "success", "passed", "grade", "correct"),
    "output": ("text", "content", "answer", "response", "completion", "result", "final_answer"),
    "messages": ("conversation", "history", "transcript", "trace", "steps", "traj"),
}


def _meant(field: str, fields: Sequence[str]) -> str | None:
    """The field that an unknown name probably stands for."""
    for name, others in _OTHER_NAMES.items():
        if name in fields and field.lower() in others:
            return name
    return next(iter(get_close_matches(field[:80], fields, n=1, cutoff=0.5)), None)
