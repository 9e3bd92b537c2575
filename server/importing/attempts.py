"""Reads the attempts in an entry of a file, whatever its form.

An entry is in another program's form (`forms`), or in one of three of the project's own: a group as
`submit_group` takes it (`task` and `trajectories`), a group as evaluations write it (`task` and
`attempts`), or one rollout. Fields that are not known become metadata. Ids derive from the contents
of an entry and never from its position, so that reading it again is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.store import Submission
from experience_store.submissions.read_submission import TrajectoryInput, read_submission
from server.importing.chat import are_messages, first_user_text, messages_in, task_text
from server.importing.fields import (
    Json,
    as_list,
    as_object,
    first,
    has,
    listed,
    lookup,
    objects,
    read_name,
    reward_like,
)
from server.importing.forms import form_of
from server.importing.forms.form import Form, digest
from server.importing.rewards import read_reward

GROUP_FIELDS = ("group_id", "task_id", "prompt_id", "problem_id", "example_id", "instance_id")
ATTEMPT_FIELDS = ("trial", "rollout_id", "sample_id", "attempt_id")
TRUTH_FIELDS = ("ground_truth", "ground_truth_actions")
TASK_FIELDS = ("task", "prompt", "question", "problem", "query", "instruction", "input")
MESSAGES_FIELDS = (
    *("messages", "conversation", "conversations", "trajectory", "traj", "transcript"),
    *("history", "dialogue"),
)
OUTPUT_FIELDS = ("output", "completion", "response", "prediction", "generation")
OWN, EVALUATED, ROLLOUT = "groups", "evaluations", "rollouts"
_OWN_FIELDS = ("task", "trajectories", "group_id", "ground_truth", "library")
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
    def of_attempt(self) -> tuple[str, ...]:
        """Those that are in the attempt itself."""
        return tuple(n for n in (self.reward, self.messages, self.output) if n is not None)


@dataclass(frozen=True, slots=True)
class ParsedEntry:
    """What one entry, or a part of one, holds.

    Attributes:
        form: Name of the form it is in.
        library: The library that it names, if any.
        is_rollout: Whether it is one rollout, so that others may add to its group.
        left_out: Fields that are not stored, because they repeat what is.
        by_task: Whether nothing names its group, so that it is that of its task.
    """

    form: str
    submission: Submission
    library: str | None
    is_rollout: bool
    left_out: tuple[str, ...] = ()
    by_task: bool = False


def read_entry(
    value: Json, fields: FieldNames
) -> Iterator[tuple[str, ParsedEntry | BadInputError]]:
    """What an entry holds, each with its place there; or why it cannot be read.

    Raises:
        BadInputError: If no part of it can be read; says how to fix it.
    """
    if (form := form_of(value)) is None:
        yield "", _read_own(value, fields)
        return
    for place, part in form.parts(value):
        try:
            yield place, _read_foreign(form, part, fields)
        except BadInputError as error:
            yield place, error


def _read_own(value: Json, fields: FieldNames) -> ParsedEntry:
    """An entry in one of the project's own forms."""
    library = value.get("library")
    if library is not None and not isinstance(library, str):
        raise BadInputError("library: must be text")
    if library:
        check_library_name(library)
    if "trajectories" in value:
        return ParsedEntry(OWN, _own(value, fields), library, is_rollout=False)
    if "attempts" in value:
        return ParsedEntry(EVALUATED, _evaluated(value, fields), library, is_rollout=False)
    submission, by_task = _rollout(value, fields)
    return ParsedEntry(ROLLOUT, submission, library, is_rollout=True, by_task=by_task)


def _own(value: Json, fields: FieldNames) -> Submission:
    """A group as `submit_group` takes it. Without group_id, the entry is its own group."""
    known = (*_OWN_FIELDS, *(n.partition(".")[0] for n in _named(fields)))
    for name in value:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = (
                f"; did you mean {close[0]!r}?" if close else f"; the fields are {', '.join(known)}"
            )
            raise BadInputError(f"{name}: is an unknown field{hint}")
    group = _group_name(value, fields, _group_field(value, fields, ("group_id",)))
    group = group or fields.prefix + _group_digest(value)
    trajectories = value["trajectories"]
    if fields.of_attempt:
        trajectories = [
            _attempt(t, fields, f"trajectories.{n}") for n, t in enumerate(objects(trajectories))
        ]
    return read_submission(
        task=_task(value, fields, value.get("task")),
        trajectories=trajectories,
        group_id=group,
        ground_truth=_truth(value, fields, value.get("ground_truth")),
    )


def _named(fields: FieldNames) -> list[str]:
    """The fields that a group as a whole may have by the user's word."""
    return [n for n in (fields.group, fields.task, fields.truth) if n is not None]


def _evaluated(value: Json, fields: FieldNames) -> Submission:
    """A group as evaluations write it. The same task with another ground truth is another group."""
    attempts = as_list(value["attempts"])
    task_field = fields.task or first(value, TASK_FIELDS)
    task = task_text(lookup(value, task_field)) if task_field else None
    truth_field = fields.truth or first(value, TRUTH_FIELDS)
    truth = lookup(value, truth_field) if truth_field else None
    group_field = _group_field(value, fields, GROUP_FIELDS)
    group = _group_name(value, fields, group_field)
    group = group or fields.prefix + _group_digest({"task": task, "ground_truth": truth})
    if attempts is None:
        raise BadInputError("attempts: must be a list")
    used = ("attempts", "library", task_field, truth_field, group_field)
    shared = {k: v for k, v in value.items() if k not in used}
    try:
        return read_submission(
            task=task,
            trajectories=[
                _attempt(a, fields, f"attempts.{n}", shared) for n, a in enumerate(attempts)
            ],
            group_id=group,
            ground_truth=truth,
        )
    except BadInputError as error:
        raise BadInputError(str(error).replace("trajectories.", "attempts.")) from error


def _rollout(value: Json, fields: FieldNames) -> tuple[Submission, bool]:
    """One rollout, and whether its group is that of its task."""
    content_field, attempt = _content(value, fields)
    task_field = fields.task or first(value, TASK_FIELDS, but=content_field)
    asked = lookup(value, task_field) if task_field else None
    if are_messages(asked) and content_field in {fields.output, *OUTPUT_FIELDS}:
        attempt = _conversation(asked, attempt)
    task = task_text(asked) if task_field else first_user_text(attempt.get("messages"))
    truth_field = fields.truth or first(value, TRUTH_FIELDS)
    truth = lookup(value, truth_field) if truth_field else None
    group_field = _group_field(value, fields, GROUP_FIELDS, required=fields.group is not None)
    group = _group_name(value, fields, group_field)
    id_field = None if value.get("id") is not None else first(value, ATTEMPT_FIELDS)
    used = (content_field, task_field, truth_field, group_field, id_field, "library")
    attempt["reward"] = _reward(value, fields, required=False)
    attempt = _described(value, attempt, (*used, fields.reward or "reward"))
    if id_field is not None:
        attempt["id"] = _attempt_name(value, id_field)
    name = group or fields.prefix + _group_digest({"task": task, "ground_truth": truth})
    return _single(task, attempt, name, truth), group is None


def _content(value: Json, fields: FieldNames) -> tuple[str, dict[str, object]]:
    """The field that holds what was done, and that as `submit_group` takes it."""
    field = fields.messages or fields.output
    if field is None:
        listed_in = (f for f in MESSAGES_FIELDS if f == "messages" or are_messages(value.get(f)))
        field = first(value, tuple(listed_in)) or first(value, OUTPUT_FIELDS)
    if field is None:
        field = next((f for f in ("messages", "output") if f in value), None)
    if field is None:
        raise BadInputError(_no_attempt(value))
    content = lookup(value, field)
    is_chat = field in {fields.messages, "messages"} or are_messages(content)
    return field, {"messages" if is_chat else "output": content}


def _conversation(asked: object, answer: Json) -> dict[str, object]:
    """The attempt with the chat messages that it answers."""
    if "messages" in answer:
        return {"messages": [*messages_in(asked), *messages_in(answer["messages"])]}
    said = {"role": "assistant", "content": answer["output"]}
    return {"messages": [*messages_in(asked), said]}


def _no_attempt(value: Json) -> str:
    """Why an entry is in no form that is known, and what may be what."""
    said = [f"has no attempt in any known form; its fields are {listed(list(value))}"]
    inner = next((name for name, of in value.items() if objects(of)), None)
    if inner is not None and not are_messages(value[inner]):
        said.append(f"if {inner} has the attempts: `jq -c '.{inner}[]' FILE`")
    said.append(
        "otherwise name the field of what was done (--output-field, or --messages-field for chat "
        "messages), of the task (--task-field) and of the reward (--reward-field)"
    )
    return "; ".join([*said, *_guesses(value)])


def _guesses(value: Json) -> list[str]:
    return [f"{name} looks like a reward: --reward-field {name}" for name in reward_like(value)[:2]]


def _reward(value: Json, fields: FieldNames, *, required: bool = True) -> float | None:
    """The reward of an attempt. Where it may be missing, nothing may look like one either."""
    if fields.reward is not None:
        return read_reward(lookup(value, fields.reward), fields.reward)
    if "reward" in value:
        return read_reward(value["reward"], "reward")
    guesses = _guesses({k: v for k, v in value.items() if k not in MESSAGES_FIELDS})
    if not required and not guesses:
        return None
    hint = "; ".join(guesses) or f"its fields are {listed(list(value))}"
    raise BadInputError(f"has no reward (null if unknown); {hint}")


def _attempt(
    value: object, fields: FieldNames, place: str, shared: Json | None = None
) -> dict[str, object]:
    """An attempt of a group, as `submit_group` takes it; what it shares with the others too."""
    given = as_object(value)
    if given is None:
        raise BadInputError(f"{place}: must be an object")
    named: dict[str, object] = {
        name: lookup(given, field)
        for name, field in (("messages", fields.messages), ("output", fields.output))
        if field is not None
    }
    try:
        named["reward"] = _reward(given, fields)
    except BadInputError as error:
        gap = ": " if str(error).startswith("has ") else "."
        raise BadInputError(f"{place}{gap}{error}") from error
    used = (fields.reward or "reward", fields.messages, fields.output)
    return _described(given, named, used, shared)


def _described(
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


def _read_foreign(form: Form, part: Json, fields: FieldNames) -> ParsedEntry:
    """One attempt in another program's form; fields that the user names go first."""
    record = form.read(part)
    attempt = {k: v for k, v in record.attempt.items() if v is not None}
    if fields.messages or fields.output:
        attempt = {k: v for k, v in attempt.items() if k not in {"messages", "output"}}
        attempt.update(_content(part, fields)[1])
    attempt["reward"] = form.reward(part) if fields.reward is None else _reward(part, fields)
    task = task_text(_task(part, fields, record.task))
    truth = _truth(part, fields, record.ground_truth)
    group_field = _group_field(part, fields, (), required=fields.group is not None)
    group = _group_name(part, fields, group_field)
    if group is None and record.group is not None:
        group = fields.prefix + record.group
    name = group or fields.prefix + _group_digest({"task": task, "ground_truth": truth})
    return ParsedEntry(
        form.name,
        _single(task, attempt, name, truth),
        None,
        is_rollout=True,
        left_out=record.left_out,
        by_task=group is None,
    )


def _single(task: object, attempt: Json, group: str, truth: object) -> Submission:
    if not task:
        raise BadInputError("names no task: name its field with --task-field")
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


def _task(value: Json, fields: FieldNames, by_default: object) -> object:
    return task_text(by_default if fields.task is None else lookup(value, fields.task))


def _truth(value: Json, fields: FieldNames, by_default: object) -> object:
    return by_default if fields.truth is None else lookup(value, fields.truth)


def _group_field(
    value: Json, fields: FieldNames, usual: tuple[str, ...], *, required: bool = False
) -> str | None:
    """The field with the name of the entry's group; None if it has none and needs none."""
    if fields.group is not None and has(value, fields.group):
        return fields.group
    return first(value, usual) or (fields.group if required else None)


def _group_name(value: Json, fields: FieldNames, field: str | None) -> str | None:
    """The name of the entry's group, with the prefix."""
    return None if field is None else f"{fields.prefix}{read_name(field, lookup(value, field))}"


def _attempt_name(value: Json, field: str) -> str:
    """A stable name for the rollout, such as `trial-3`."""
    name = read_name(field, value[field])
    return f"{field}-{name}" if name.isdecimal() else name


def _group_digest(value: object) -> str:
    return f"group-{digest(value)}"
