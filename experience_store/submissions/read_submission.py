"""Parses a group of attempts at one task, and explains validation errors."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from experience_store.errors import BadInputError
from experience_store.store import Submission
from experience_store.submissions.clean_text import MAX_TEXT, AnyText, Id, Task, clean
from experience_store.submissions.forms.fields import snake_case
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.responses import is_item
from experience_store.submissions.forms.roles import is_message
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_list,
    at,
    from_json_text,
    from_list_text,
    is_empty,
    is_list,
    is_object,
    unnested,
)
from experience_store.submissions.forms.wrapped import is_answer
from experience_store.submissions.messages import is_blank, is_visible, read_messages, task_text
from experience_store.trajectory import Message, Trajectory

MAX_ATTEMPTS = 256
MAX_MESSAGES = 5_000
MAX_CONTENT = 8_000_000
_MAX_PLACE = 300  # characters of a place in an error
_OF_ITEMS = {"action", "call_id", "summary"}  # fields of the Responses API's items
_CLOSE = 0.7  # how much like a known name a misspelt one is


Messages = Annotated[
    list[Annotated[tuple[Message, ...], PlainValidator(read_message)]],
    Field(max_length=MAX_MESSAGES),
    BeforeValidator(lambda value: None if value is None else read_messages(value)),
]


def _metadata(value: object) -> object:
    found = from_json_text(value)
    if found is not None and not is_object(found):
        raise ValueError("must be a JSON object")
    return found


class TrajectoryInput(BaseModel):
    """One attempt."""

    model_config = ConfigDict(extra="forbid")

    reward: FiniteFloat | None = None
    messages: Messages | None = None
    output: AnyText | None = None
    feedback: AnyText | None = None
    retrieval_id: Id | None = None
    model: Id | None = None
    metadata: Annotated[dict[str, object] | None, BeforeValidator(_metadata)] = None
    id: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, value: object) -> object:
        """An object, also as JSON text; names of fields in camel case are known, too."""
        found = from_json_text(value)
        if not is_object(found):
            raise ValueError("must be an object with messages or output, and a reward")
        named = _with_answer_as_messages(with_known_names(found, cls.model_fields))
        return {name: inner for name, inner in named.items() if not _says_nothing(name, inner)}

    @field_validator("reward", mode="before")
    @classmethod
    def _one_number(cls, value: object) -> object:
        if isinstance(value, dict | list | tuple):
            raise ValueError(  # noqa: TRY004  # what pydantic takes for a refusal
                "must be one number, by which the attempts are compared; the parts of a score can "
                "be kept in metadata"
            )
        if isinstance(value, str) and value.strip().lower() in _UNSCORED:
            raise ValueError("is text that is not a number; if the attempt is unscored, give null")
        if isinstance(value, str):
            return _TRUTH.get(value.strip().lower(), value)
        return value

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
        if self.messages:
            if self.output is not None and self.output.strip():
                raise ValueError("has both messages and output: give one of them")
            if is_blank(message for read in self.messages for message in read):
                raise UnreadableError(
                    "is empty: no message of the assistant or a tool has text or a call; leave out "
                    "an attempt of which nothing was recorded",
                    "messages",
                )
        elif self.output is None and self.messages is None:
            raise ValueError(
                "has neither messages nor output: give messages (OpenAI chat messages) or output "
                "(text)"
            )
        elif self.output is None:
            raise UnreadableError(
                "is empty: give the chat messages of the attempt, or output (text) instead",
                "messages",
            )
        elif not is_visible(self.output):
            raise UnreadableError(
                "is empty: give what the attempt answered, or leave out an attempt of which "
                "nothing was recorded",
                "output",
            )
        return self

    def trajectory(self) -> Trajectory:
        """The attempt as stored; its id is empty if the client gave none."""
        if self.messages:
            messages = tuple(message for read in self.messages for message in read)
        else:
            messages = (Message("assistant", self.output or ""),)
        if len(messages) > MAX_MESSAGES:
            raise BadInputError(
                f"an attempt has {len(messages):,} messages and tool results; at most "
                f"{MAX_MESSAGES:,} are allowed"
            )
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


def _with_answer_as_messages(attempt: dict[str, object]) -> dict[str, object]:
    """An attempt, its output as messages if it is a whole answer of an API, or a list of them."""
    output = attempt.get("output")
    if attempt.get("messages") or not _holds_messages(output):
        return attempt
    items = as_list(output)
    for place, item in enumerate(items):
        with at("output", *([place] if len(items) > 1 else [])):
            read_message(item)
    return {**attempt, "messages": items, "output": None}


def _holds_messages(output: object) -> bool:
    found = from_json_text(output)
    if is_object(found) and is_answer(found):
        return True
    if isinstance(output, str) or is_empty(found):
        return False  # JSON is what the agent wrote
    return all(is_object(item) and _is_message_or_item(item) for item in as_list(found))


def _is_message_or_item(value: Json) -> bool:
    return is_message(value) or (is_item(value) and bool(_OF_ITEMS & value.keys()))


def _says_nothing(name: str, value: object) -> bool:
    """Whether an unknown field is empty, and no known one can be meant."""
    return (
        name not in TrajectoryInput.model_fields
        and is_empty(value)
        and meant_field(name, cutoff=_CLOSE) is None
    )


def _metadata_text(metadata: dict[str, object]) -> str:
    try:
        return clean(json.dumps(metadata, ensure_ascii=False, allow_nan=False, default=str))
    except ValueError as error:
        raise BadInputError("metadata contains a number that is not finite: use null") from error


def _attempts(value: object) -> object:
    """The attempts: a list, the only one, or either as JSON text."""
    found = from_list_text(value)
    if is_object(found) and any(snake_case(n) in TrajectoryInput.model_fields for n in found):
        return [found]
    if is_object(found) and found.keys() == {"trajectories"}:
        found = from_list_text(found["trajectories"])
    if not is_list(found):
        raise ValueError('must be a list of attempts: [{"output": ..., "reward": ...}, ...]')
    if all(attempt is None for attempt in found):
        raise ValueError("is empty: give at least one attempt")
    return unnested(found)


def _task(value: object) -> object:
    text = task_text(value)
    if isinstance(text, str) and not is_visible(text):
        raise ValueError("is empty: give what the attempts were asked to do")
    return text


class _SubmissionInput(BaseModel):
    task: Annotated[Task, BeforeValidator(_task)]
    trajectories: Annotated[
        list[TrajectoryInput | None],
        Field(max_length=MAX_ATTEMPTS),
        BeforeValidator(_attempts),
    ]
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
        "ground_truth": "(none: no action is right)"
        if ground_truth in ([], "[]")
        else ground_truth,
    }
    try:
        read = _SUBMISSION.validate_python(value)
    except ValidationError as error:
        problems = explain_validation_error(error, tuple(TrajectoryInput.model_fields))
        raise BadInputError(problems.removesuffix(".")) from error
    except RecursionError as error:
        raise BadInputError("a value is nested too deeply: give it as text") from error
    return Submission(
        task=read.task,
        trajectories=tuple(t.trajectory() for t in read.trajectories if t is not None),
        group_id=read.group_id,
        ground_truth=read.ground_truth,
    )


def _size(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return len(message.text) + len(message.name or "") + calls


def with_known_names(value: Mapping[str, object], known: Container[str]) -> dict[str, object]:
    """The fields, those with a known name in another case under that name, unless it is there."""
    named: dict[str, object] = {}
    for written, inner in value.items():
        name = snake_case(str(written))
        taken = written in known or name not in known or name in value or name in named
        named[str(written) if taken else name] = inner
    return named


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
        cause = problem.get("ctx", {}).get("error")
        inside = cause.place if isinstance(cause, UnreadableError) else ()
        *place, last = [str(part) for part in (*problem["loc"], *inside)] or ["the arguments"]
        where = ".".join([*place, last])[:_MAX_PLACE]
        message = problem["msg"].removeprefix("Value error, ")
        if sentence := _SENTENCES.get(problem["type"]):
            message = sentence.format_map(problem.get("ctx", {}))
        if problem["type"] == "extra_forbidden":
            close = meant_field(last, fields)
            hint = f"did you mean {close!r}? Known" if close else "known"
            message = f"unknown field; {hint} fields: {', '.join(fields)}"
            message += "; anything else belongs in metadata" if "metadata" in fields else ""
        sentences.append(f"{where}: {message}.")
    more = error.error_count() - len(sentences)
    return " ".join([*sentences, *([f"And {more} more."] if more > 0 else [])])


_NOT_A_NUMBER = "must be a finite number; if the attempt is unscored, give null"
_NOT_WHOLE = "must be a whole number, such as 1000"
_SENTENCES = {  # for pydantic's kinds of errors
    "missing": "is required",
    "string_type": "must be text",
    "string_unicode": LONE_SURROGATE,
    "string_too_short": "is empty: give text, or leave it out",
    "string_too_long": "has more than {max_length} characters: shorten it",
    "too_short": "must have at least {min_length}",
    "too_long": "has {actual_length} items, and at most {max_length} are allowed: send fewer",
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NOT_A_NUMBER),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _NOT_WHOLE),
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
_TRUTH = {"true": 1.0, "false": 0.0}
_UNSCORED = frozenset({"", "null", "none", "n/a", "na", "unscored", "undefined"})

_OTHER_NAMES = {
    "reward": ("score", "return", "success", "passed", "grade", "correct"),
    "output": ("text", "content", "answer", "response", "completion", "result", "final_answer"),
    "messages": ("conversation", "history", "transcript", "trace", "steps", "traj", "contents"),
}


def meant_field(
    name: str, fields: Sequence[str] = tuple(TrajectoryInput.model_fields), cutoff: float = 0.6
) -> str | None:
    """The field that an unknown name probably stands for.

    Args:
        name: The name.
        fields: Known fields; by default those of an attempt.
        cutoff: How similar a name must be, up to 1.
    """
    for field, others in _OTHER_NAMES.items():
        if field in fields and name.lower() in others:
            return field
    return next(iter(get_close_matches(name[:80], fields, n=1, cutoff=cutoff)), None)
