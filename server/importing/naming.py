"""The parts of an attempt by the names of their fields: the usual ones, or those the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experience_store.errors import BadInputError
from experience_store.store import Submission
from experience_store.submissions.forms.values import is_empty
from experience_store.submissions.read_submission import TrajectoryInput, read_submission
from server.importing.chat import (
    are_messages,
    asks_last,
    conversation,
    from_response,
    is_unanswered,
    task_text,
)
from server.importing.fields import (
    Json,
    as_list,
    as_object,
    bare_name,
    field_names,
    first,
    has,
    list_hint,
    listed,
    lookup,
    output_like,
    read_name,
    reward_like,
)
from server.importing.forms.form import digest
from server.importing.rewards import read_reward

MESSAGES_FIELDS = (
    *("messages", "conversation", "conversations", "trajectory", "traj", "transcript"),
    *("history", "dialogue"),
)
OUTPUT_FIELDS = ("output", "completion", "response", "prediction", "generation")
_ANSWER_FIELDS = ("answer", "final_answer")
_TRAJECTORY_FIELDS = tuple(TrajectoryInput.model_fields)


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The fields that hold what an attempt consists of; None means the usual ones.

    Attributes:
        group: Field with the name of the group.
        prefix: What the names of groups begin with.
    """

    group: str | None = None
    prefix: str = ""
    task: str | None = None
    truth: str | None = None
    reward: str | None = None
    messages: str | None = None
    output: str | None = None

    @property
    def of_content(self) -> tuple[str, ...]:
        """Those that are no reward."""
        named = (self.group, self.task, self.truth, self.messages, self.output)
        return tuple(n for n in named if n is not None)

    @property
    def of_attempt(self) -> tuple[str, ...]:
        """Those that are in the attempt itself."""
        return tuple(n for n in (self.reward, self.messages, self.output) if n is not None)


def content_of(value: Json, fields: FieldNames) -> tuple[tuple[str, ...], dict[str, object]]:
    """The fields that hold what was done, and that as `submit_group` takes it.

    Messages that are only the prompt, perhaps with examples, are joined with the answer in another
    field.
    """
    listed_in = (f for f in MESSAGES_FIELDS if f == "messages" or are_messages(value.get(f)))
    chat = fields.messages or first(value, tuple(listed_in))
    if chat is not None:
        asked, field = lookup(value, chat), _answer_field(value, fields, but=(chat,))
        if field is not None and _is_answered_by(asked, value, field, fields):
            answer = lookup(value, field)
            message = from_response(answer)
            used = (chat, field) if message is answer else (chat,)  # what else it says is kept
            return used, {"messages": conversation(asked, message)}
    field = fields.messages or fields.output or chat or first(value, OUTPUT_FIELDS)
    if field is None:
        field = next((f for f in ("messages", "output") if f in value), None)
    if field is None:
        raise BadInputError(_no_attempt(value))
    content = lookup(value, field)
    is_chat = field in {fields.messages, "messages"} or are_messages(content)
    return (field,), {"messages" if is_chat else "output": content}


def has_content(value: Json, fields: FieldNames) -> bool:
    """Whether an entry says what was done."""
    try:
        content_of(value, fields)
    except BadInputError:
        return False
    return True


def _is_answered_by(asked: object, value: Json, field: str, fields: FieldNames) -> bool:
    """Whether messages are only a prompt, perhaps with examples, and this field answers it."""
    if is_unanswered(asked):
        return True
    is_output = field == fields.output or field not in _ANSWER_FIELDS
    return is_output and asks_last(asked, lookup(value, field))


def _answer_field(value: Json, fields: FieldNames, but: tuple[str, ...]) -> str | None:
    """The field with the answer to a prompt.

    A field such as `answer` may be the ground truth beside an output, even an empty one.
    """
    if fields.output is not None:
        return first(value, (fields.output,), but)
    named = (*but, *(n for n in (fields.task, fields.truth, fields.reward) if n is not None))
    outputs = [n for n in OUTPUT_FIELDS if n in value and n not in named]
    names = outputs or _ANSWER_FIELDS
    return next((n for n in names if n not in named and not is_empty(value.get(n))), None)


def _no_attempt(value: Json) -> str:
    """Why an entry is in no form that is known, and what may be what."""
    if are_messages([value]):
        return (
            "is a single message: write the messages of an attempt as one object, such as "
            '{"messages": [...], "reward": 1}; if the file is one attempt: '
            "`jq -cs '{messages: ., reward: null}' FILE`"
        )
    said = [f"has no attempt in any known form; its fields are {listed(list(value))}"]
    if (hint := list_hint({k: v for k, v in value.items() if not are_messages(v)})) is not None:
        said.append(hint)
    said.append(
        "otherwise name the field of what was done (--output-field, or --messages-field for chat "
        "messages), of the task (--task-field) and of the reward (--reward-field)"
    )
    messages = [name for name in field_names(value) if are_messages(lookup(value, name))]
    said += [f"{name} looks like chat messages: --messages-field {name}" for name in messages[:1]]
    outputs = [] if messages else output_like(value)
    said += [f"{name} looks like what was done: --output-field {name}" for name in outputs[:1]]
    return "; ".join([*said, *_guesses({k: v for k, v in value.items() if k != "reward"})])


def _guesses(value: Json) -> list[str]:
    return [f"{name} looks like a reward: --reward-field {name}" for name in reward_like(value)[:2]]


def reward_of(value: Json, fields: FieldNames, *, required: bool = True) -> float | None:
    """The reward of an attempt. Where it may be missing, nothing may look like one either."""
    if fields.reward is not None:
        return read_reward(lookup(value, fields.reward), fields.reward)
    if value.get("reward") is not None:
        return read_reward(value["reward"], "reward")
    is_null = "reward" in value  # what is in metadata then is known to be no reward
    other = {*MESSAGES_FIELDS, *fields.of_content, *(("metadata",) if is_null else ())}
    guesses = _guesses({k: v for k, v in value.items() if k not in other})
    if not guesses and (is_null or not required):
        return None
    hint = "; ".join(guesses) or f"its fields are {listed(list(value))}"
    if is_null:
        raise BadInputError(f"reward: is null; {hint}; if it is unscored: --reward-field reward")
    raise BadInputError(f"has no reward (null if unknown); {hint}")


def described(
    given: Json, content: Json, used: Sequence[str | None], shared: Json | None = None
) -> dict[str, object]:
    """An attempt with this content; fields of `given` that it has no place for become metadata."""
    known = set(_TRAJECTORY_FIELDS) - set(content)
    if content.keys() & {"messages", "output"}:
        known -= {"messages", "output"}
    rest = {k: v for k, v in given.items() if k not in used}
    attempt = {k: v for k, v in rest.items() if k in known}
    more = {**(shared or {}), **{k: v for k, v in rest.items() if k not in known}}
    metadata = as_object(rest.get("metadata") or {})
    if more and metadata is not None:
        attempt["metadata"] = {**metadata, **more}
    return {**attempt, **content}


def single(task: object, attempt: Json, group: str, truth: object) -> Submission:
    """A group of one attempt, which others may join; raises BadInputError if it is invalid."""
    if not task:
        raise BadInputError("names no task: name its field with --task-field")
    if as_list(task) is not None and not are_messages(task):
        raise BadInputError("task: is a list; write one object for each attempt")
    if (parts := as_object(task)) is not None:
        names = listed(list(parts))
        raise BadInputError(f"task: is an object ({names}): name its text with --task-field")
    try:
        return read_submission(
            task=task, trajectories=[attempt], group_id=group, ground_truth=truth
        )
    except BadInputError as error:
        said = str(error).replace("trajectories.0.", "").replace("trajectories.0: ", "")
        raise BadInputError(said) from error


def task_of(value: Json, fields: FieldNames, by_default: object) -> object:
    """The task as text, from the field that the user names if one is named."""
    return task_text(by_default if fields.task is None else lookup(value, fields.task))


def truth_of(value: Json, fields: FieldNames, by_default: object) -> object:
    """The ground truth, from the field that the user names if one is named."""
    return by_default if fields.truth is None else lookup(value, fields.truth)


def group_field(
    value: Json, fields: FieldNames, usual: tuple[str, ...], *, required: bool = False
) -> str | None:
    """The field with the name of the entry's group, in any spelling; None if it needs none."""
    if fields.group is not None and has(value, fields.group):
        return fields.group
    spelt = [n for u in usual for n in (u, *value) if bare_name(n) == bare_name(u)]
    return first(value, spelt) or (fields.group if required else None)


def group_name(value: Json, fields: FieldNames, field: str | None) -> str | None:
    """The name of the entry's group, with the prefix."""
    return None if field is None else f"{fields.prefix}{read_name(field, lookup(value, field))}"


def group_digest(value: object) -> str:
    """A name for a group that has none, from what makes it the same group."""
    return f"group-{digest(value)}"
