"""Attempts as clients send them: lenient about form, strict about meaning.

Messages may be OpenAI chat messages or have content blocks of the Anthropic kind. What cannot be
understood is refused with the place and a way to mend it; a misspelt field is an error, because a
reward that is silently ignored would make a winner unscored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from experience_store.errors import BadInputError
from experience_store.store import Submission
from experience_store.trajectory import Message, ToolCall, Trajectory

MAX_ATTEMPTS = 256
MAX_MESSAGES = 5_000
MAX_CONTENT = 8_000_000
MAX_TEXT = 200_000


def _sound(value: object) -> object:
    """Text that can be stored: lone surrogates become replacement characters."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _text_or_json(value: object) -> object:
    """Text; anything structured (a ground truth that is a list of calls, say) as JSON."""
    if isinstance(value, str | None):
        return _sound(value)
    return json.dumps(value, ensure_ascii=False, default=str)


# The constraint stands first, so that it is on the text itself and strips before it counts.
AnyText = Annotated[str, StringConstraints(max_length=MAX_TEXT), BeforeValidator(_text_or_json)]
Task = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    BeforeValidator(_sound),
]
Id = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    BeforeValidator(lambda v: str(v) if isinstance(v, int) else _sound(v)),
]


class _Part(BaseModel):
    """A content block: OpenAI's parts and Anthropic's blocks have these fields in common."""

    type: str = "text"
    text: str | None = Field(
        default=None, validation_alias=AliasChoices("text", "thinking", "reasoning", "refusal")
    )
    id: str | None = None
    name: str | None = None
    input: object = None
    content: object = None


class _Function(BaseModel):
    name: str = "?"
    arguments: object = ""


class _Call(BaseModel):
    id: str | None = None
    name: str | None = None
    arguments: object = ""
    function: _Function | None = None

    def call(self) -> ToolCall:
        """The call, whether its name stands inside `function` or beside it."""
        inner = self.function or _Function(name=self.name or "?", arguments=self.arguments)
        return ToolCall(inner.name, _arguments(inner.arguments), self.id)


_PLAIN = {"role", "content"}


class MessageInput(BaseModel):
    """One chat message."""

    role: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    content: str | list[str | _Part] | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None
    name: str | None = None
    tool_call_id: str | None = None

    def message(self) -> Message:
        """The message as it is stored."""
        if isinstance(self.content, str) and self.model_fields_set <= _PLAIN:
            return Message(_clean(self.role), _clean(self.content))  # what most messages are
        parts = [self.content] if isinstance(self.content, str) else self.content or []
        texts = [self.reasoning_content, *(_part_text(p) for p in parts), self.refusal]
        calls = [c.call() for c in self.tool_calls or []]
        if self.function_call:
            inner = self.function_call
            calls.append(ToolCall(inner.name, _arguments(inner.arguments)))
        calls += [
            ToolCall(p.name or "?", _arguments(p.input), p.id)
            for p in parts
            if isinstance(p, _Part) and p.type == "tool_use"
        ]
        return Message(
            role=_clean(self.role),
            text=_clean("\n".join(t for t in texts if t)),
            tool_calls=tuple(
                ToolCall(_clean(c.name), _clean(c.arguments), _cleaned(c.id)) for c in calls
            ),
            name=_cleaned(self.name),
            tool_call_id=_cleaned(self.tool_call_id),
        )


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
        """The attempt as it is stored; its id is empty if the client gave none."""
        if self.messages:
            messages = tuple(m.message() for m in self.messages)
        else:
            messages = (Message("assistant", self.output or ""),)
        if sum(map(_size, messages)) > MAX_CONTENT:
            raise BadInputError(
                f"an attempt has more than {MAX_CONTENT} characters: shorten it. "
                "Nothing was stored."
            )
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
        return _clean(json.dumps(metadata, ensure_ascii=False, allow_nan=False, default=str))
    except ValueError as error:
        raise BadInputError(
            "metadata has a number that is not finite; use null. Nothing was stored."
        ) from error


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
    """Read a group of attempts as a client sent it.

    Raises:
        BadInputError: If something cannot be understood, with where it is and how to mend it.
    """
    value = {
        "task": task,
        "trajectories": trajectories,
        "group_id": group_id,
        # as an empty list it would look like no reference at all
        "ground_truth": "(none: no action is right)" if ground_truth == [] else ground_truth,
    }
    try:
        read = _SUBMISSION.validate_python(value)
    except ValidationError as error:
        raise BadInputError(f"{mendable(error)} Nothing was stored.") from error
    return Submission(
        task=read.task,
        trajectories=tuple(t.trajectory() for t in read.trajectories),
        group_id=read.group_id,
        ground_truth=read.ground_truth,
    )


def mendable(error: ValidationError, known: Sequence[str] = ()) -> str:
    """A validation error as sentences that say where, what and how to mend it; values left out."""
    fields = known or tuple(TrajectoryInput.model_fields)
    sentences: list[str] = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        *place, last = [str(part) for part in problem["loc"]] or ["the arguments"]
        where = ".".join([*place, last])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            close = _meant(last, fields)
            hint = f"did you mean {close!r}? " if close else ""
            message = f"is not known; {hint}Fields are {', '.join(fields)}"
        sentences.append(f"{where}: {message}.")
    more = error.error_count() - len(sentences)
    return " ".join([*sentences, *([f"And {more} more."] if more > 0 else [])])


_OTHER_NAMES = {
    "reward": ("score", "return", "success", "passed", "grade", "correct"),
    "output": ("text", "content", "answer", "response", "completion", "result", "final_answer"),
    "messages": ("conversation", "history", "transcript", "trace", "steps", "traj"),
}


def _meant(field: str, fields: Sequence[str]) -> str | None:
    """The field that a misspelt or otherwise named one probably stands for."""
    for name, others in _OTHER_NAMES.items():
        if name in fields and field.lower() in others:
            return name
    return next(iter(get_close_matches(field, fields, n=1, cutoff=0.5)), None)


def _part_text(part: str | _Part) -> str:
    if isinstance(part, str):
        return part
    if part.type == "tool_use":
        return ""
    if part.type == "tool_result":
        return _plain(part.content)
    return part.text if part.text is not None else f"[{part.type}]"


def _plain(content: object) -> str:
    """The text of a tool result: a string, content blocks, or nothing."""
    if content is None:
        return ""
    try:
        parts = _PARTS.validate_python(content)
    except ValidationError:
        return json.dumps(content, ensure_ascii=False, default=str)
    return parts if isinstance(parts, str) else "\n".join(_part_text(p) for p in parts)


_PARTS: TypeAdapter[str | list[str | _Part]] = TypeAdapter(str | list[str | _Part])


def _arguments(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _cleaned(text: str | None) -> str | None:
    return None if text is None else _clean(text)


def _size(message: Message) -> int:
    return len(message.text) + sum(len(call.arguments) for call in message.tool_calls)
