"""The project's own forms: a group as `submit_group` takes it, a group of an evaluation, a rollout.

Fields that are not known become metadata, except in the first form, where they are errors.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

from experience_store.errors import BadInputError
from experience_store.store import Submission
from experience_store.submissions.forms.values import from_json_text
from experience_store.submissions.messages import first_user_text
from experience_store.submissions.read_submission import read_submission, with_known_names
from server.importing.chat import are_messages, conversation, task_text
from server.importing.fields import (
    TASK_FIELDS,
    Json,
    as_list,
    as_object,
    first,
    lookup,
    objects,
    read_name,
)
from server.importing.naming import (
    OUTPUT_FIELDS,
    FieldNames,
    content_of,
    described,
    group_digest,
    group_field,
    group_name,
    has_content,
    reward_of,
    single,
    task_of,
    truth_of,
)

GROUP_FIELDS = ("group_id", "task_id", "prompt_id", "problem_id", "example_id", "instance_id")
ATTEMPT_FIELDS = ("trial", "rollout_id", "sample_id", "attempt_id")
ATTEMPTS_FIELDS = (
    *("rollouts", "completions", "responses", "generations", "candidates", "samples", "results"),
    "runs",
)
TRUTH_FIELDS = ("ground_truth", "ground_truth_actions")
_OWN_FIELDS = ("task", "trajectories", "group_id", "ground_truth", "library")


def read_group(value: Json, fields: FieldNames) -> Submission:
    """A group as `submit_group` takes it. Without group_id, the entry is its own group."""
    known = (*_OWN_FIELDS, *(n.partition(".")[0] for n in _named(fields)))
    value = with_known_names(value, known)
    for name in value:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = (
                f"; did you mean {close[0]!r}?" if close else f"; the fields are {', '.join(known)}"
            )
            raise BadInputError(f"{name}: is an unknown field{hint}")
    group = group_name(value, fields, group_field(value, fields, ("group_id",)))
    group = group or fields.prefix + group_digest(value)
    trajectories = value["trajectories"]
    if fields.of_attempt:
        trajectories = [
            _attempt(t, fields, f"trajectories.{n}")
            for n, t in enumerate(_attempts(value, "trajectories"))
        ]
    return read_submission(
        task=task_of(value, fields, value.get("task")),
        trajectories=trajectories,
        group_id=group,
        ground_truth=truth_of(value, fields, value.get("ground_truth")),
    )


def _named(fields: FieldNames) -> list[str]:
    """The fields that a group as a whole may have by the user's word."""
    return [n for n in (fields.group, fields.task, fields.truth) if n is not None]


def attempts_field(value: Json, fields: FieldNames) -> str | None:
    """The field with the attempts of an evaluation; None if this is none."""
    if "attempts" in value:
        return "attempts"
    has_task = (fields.task or first(value, TASK_FIELDS)) is not None
    lists = [n for n, of in value.items() if objects(of) and not are_messages(of)]
    if not has_task or len(lists) != 1 or has_content(value, fields):
        return None
    return lists[0] if lists[0] in ATTEMPTS_FIELDS else None


def read_evaluation(value: Json, fields: FieldNames, field: str = "attempts") -> Submission:
    """A group as evaluations write it. The same task with another ground truth is another group.

    Args:
        value: The entry.
        fields: The fields that the user names.
        field: The field with the attempts.
    """
    attempts = _attempts(value, field)
    task_field = fields.task or first(value, TASK_FIELDS)
    asked = lookup(value, task_field) if task_field else None
    task = task_text(asked)
    truth_field = fields.truth or first(value, TRUTH_FIELDS)
    truth = lookup(value, truth_field) if truth_field else None
    named_by = group_field(value, fields, GROUP_FIELDS)
    group = group_name(value, fields, named_by)
    group = group or fields.prefix + group_digest({"task": task, "ground_truth": truth})
    used = (field, "library", task_field, truth_field, named_by)
    shared = {k: v for k, v in value.items() if k not in used}
    try:
        return read_submission(
            task=task,
            trajectories=[
                _evaluated(a, fields, f"{field}.{n}", asked, shared) for n, a in enumerate(attempts)
            ],
            group_id=group,
            ground_truth=truth,
        )
    except BadInputError as error:
        raise BadInputError(str(error).replace("trajectories.", f"{field}.")) from error


def read_rollout(value: Json, fields: FieldNames) -> tuple[Submission, bool]:
    """One rollout, and whether its group is that of its task."""
    content_fields, attempt = content_of(value, fields)
    task_field = fields.task or first(value, TASK_FIELDS, but=content_fields)
    if task_field and fields.task is None:
        task_field = _within_inputs(value, task_field)
    asked = lookup(value, task_field) if task_field else None
    chat_field = task_field if are_messages(asked) else _chat_field(value, content_fields)
    chat = lookup(value, chat_field) if chat_field else None
    if fields.task is None and chat_field is not None and _is_label(asked):
        task_field, asked = chat_field, chat
    joined = _answering(chat, content_fields, attempt, fields)
    chat_field, attempt = (None if joined is attempt else chat_field), joined
    task = task_text(asked) if task_field else first_user_text(attempt.get("messages"))
    truth_field = fields.truth or first(value, TRUTH_FIELDS)
    truth = lookup(value, truth_field) if truth_field else None
    named_by = group_field(value, fields, GROUP_FIELDS, required=fields.group is not None)
    group = group_name(value, fields, named_by)
    id_field = None if value.get("id") is not None else first(value, ATTEMPT_FIELDS)
    used = (*content_fields, task_field, chat_field, truth_field, named_by, id_field, "library")
    attempt["reward"] = reward_of(value, fields, required=False)
    attempt = described(value, attempt, (*used, fields.reward or "reward"))
    if id_field is not None:
        attempt["id"] = _attempt_name(value, id_field)
    name = group or fields.prefix + group_digest({"task": task, "ground_truth": truth})
    return single(task, attempt, name, truth), group is None


def _attempts(value: Json, field: str) -> list[object]:
    """The attempts of a group: a list, or the only one, perhaps as JSON text."""
    found = from_json_text(value[field])
    attempts = [found] if as_object(found) else as_list(found)
    if attempts is None:
        raise BadInputError(f"{field}: must be a list")
    return attempts


def _attempt(value: object, fields: FieldNames, place: str) -> dict[str, object]:
    """An attempt of a group, as `submit_group` takes it, with the fields that the user names."""
    given = _object(value, place)
    named: dict[str, object] = {
        name: lookup(given, field)
        for name, field in (("messages", fields.messages), ("output", fields.output))
        if field is not None
    }
    with _within(place):
        named["reward"] = reward_of(given, fields)
    return described(given, named, (fields.reward or "reward", fields.messages, fields.output))


def _evaluated(
    value: object, fields: FieldNames, place: str, asked: object, shared: Json
) -> dict[str, object]:
    """An attempt of an evaluation, with what it shares with the others."""
    given = _object(value, place)
    with _within(place):
        content_fields, content = content_of(given, fields)
        content = _answering(asked, content_fields, content, fields)
        content["reward"] = reward_of(given, fields)
    return described(given, content, (*content_fields, fields.reward or "reward"), shared)


def _answering(
    asked: object, content_fields: Sequence[str], content: dict[str, object], fields: FieldNames
) -> dict[str, object]:
    """What was done, after the prompt where that is chat messages, and what was done its answer."""
    if not are_messages(asked) or content_fields[0] not in {fields.output, *OUTPUT_FIELDS}:
        return content
    (answer,) = content.values()
    return {"messages": conversation(asked, answer)}


def _chat_field(value: Json, but: Sequence[str]) -> str | None:
    """A field with the prompt as chat messages, beside one that names the task."""
    return next((n for n in TASK_FIELDS if n not in but and are_messages(value.get(n))), None)


def _is_label(task: object) -> bool:
    """Whether a task is only the name of an environment or a dataset, and says nothing to do."""
    return isinstance(task, str) and len(task.split()) == 1


def _within_inputs(value: Json, field: str) -> str:
    """The field, or the one in it that is the task, as in `input.question`."""
    held = as_object(value[field])
    inner = None if held is None else first(held, ("messages", *TASK_FIELDS))
    return f"{field}.{inner}" if inner else field


def _object(value: object, place: str) -> Json:
    given = as_object(from_json_text(value))
    if given is None:
        raise BadInputError(f"{place}: must be an object")
    return given


@contextmanager
def _within(place: str) -> Generator[None]:
    """Name the place of an attempt in what is wrong with it."""
    try:
        yield
    except BadInputError as error:
        gap = ": " if str(error).startswith("has ") else "."
        raise BadInputError(f"{place}{gap}{error}") from error


def _attempt_name(value: Json, field: str) -> str:
    """A stable name for the rollout, such as `trial-3`."""
    name = read_name(field, value[field])
    return f"{field}-{name}" if name.isdecimal() else name
