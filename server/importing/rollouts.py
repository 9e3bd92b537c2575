"""Reads attempts in JSON lines, in three forms.

A line is a group as `submit_group` takes it (`task` and `trajectories`), a group as evaluations
write it (`task` and `attempts`), or one rollout with the name of its group. Ids derive from the
contents of a line and never from its position, so that reading it again is idempotent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias, cast

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.store import Submission
from experience_store.submissions.read_submission import TrajectoryInput, read_submission
from server.importing.json_lines import read_name, read_object

Json: TypeAlias = Mapping[str, object]

GROUP_FIELDS = ("group_id", "task_id", "prompt_id", "problem_id", "example_id", "instance_id")
ATTEMPT_FIELDS = ("trial", "rollout_id", "sample_id", "attempt_id")
TRUTH_FIELDS = ("ground_truth", "ground_truth_actions")
_OWN_FIELDS = ("task", "trajectories", "group_id", "ground_truth", "library")
_TRAJECTORY_FIELDS = tuple(TrajectoryInput.model_fields)


@dataclass(frozen=True, slots=True)
class GroupNaming:
    """How groups are named: the field of a line with the name, and a prefix."""

    field: str | None = None
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """The contents of a line.

    Attributes:
        library: The library that the line names, if any.
        is_rollout: Whether it is one rollout, so that other lines may add to its group.
    """

    submission: Submission
    library: str | None
    is_rollout: bool


def read_line(line: bytes, naming: GroupNaming) -> ParsedLine:
    """Read one line.

    Raises:
        BadInputError: If it is invalid; says how to fix it.
    """
    value = read_object(line)
    library = value.get("library")
    if library is not None and not isinstance(library, str):
        raise BadInputError("library: must be text")
    if library:
        check_library_name(library)
    if "trajectories" in value:
        return ParsedLine(_own(value, naming), library, is_rollout=False)
    if "attempts" in value:
        return ParsedLine(_evaluated(value, naming), library, is_rollout=False)
    if "messages" in value or "output" in value:
        return ParsedLine(_rollout(value, naming), library, is_rollout=True)
    raise BadInputError(
        "has no attempt: give task and trajectories, task and attempts, or one rollout with "
        f"messages or output; its fields are {', '.join(value) or 'none'}"
    )


def _own(value: Json, naming: GroupNaming) -> Submission:
    """A group as `submit_group` takes it. Without group_id, the line is its own group."""
    known = (*_OWN_FIELDS, naming.field) if naming.field else _OWN_FIELDS
    for name in value:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = (
                f"; did you mean {close[0]!r}?" if close else f"; the fields are {', '.join(known)}"
            )
            raise BadInputError(f"{name}: is an unknown field{hint}")
    group = _group_name(value, naming, ("group_id",)) or naming.prefix + _digest(value)
    return read_submission(
        task=value.get("task"),
        trajectories=value["trajectories"],
        group_id=group,
        ground_truth=value.get("ground_truth"),
    )


def _evaluated(value: Json, naming: GroupNaming) -> Submission:
    """A group as evaluations write it. The same task with another ground truth is another group."""
    attempts = _list(value["attempts"])
    truth = _first(value, TRUTH_FIELDS)
    key = {"task": value.get("task"), "ground_truth": truth}
    group = _group_name(value, naming, GROUP_FIELDS) or naming.prefix + _digest(key)
    if attempts is None:
        raise BadInputError("attempts: must be a list")
    try:
        return read_submission(
            task=value.get("task"),
            trajectories=[_attempt(a, f"attempts.{n}") for n, a in enumerate(attempts)],
            group_id=group,
            ground_truth=truth,
        )
    except BadInputError as error:
        raise BadInputError(str(error).replace("trajectories.", "attempts.")) from error


def _rollout(value: Json, naming: GroupNaming) -> Submission:
    """One rollout of a group."""
    group = _group_name(value, naming, GROUP_FIELDS)
    if group is None:
        wanted = naming.field or ", ".join(GROUP_FIELDS)
        raise BadInputError(
            f"names no group ({wanted}): name the field with --group-by; its fields are "
            + ", ".join(value)
        )
    other = {"task", "library", naming.field, *GROUP_FIELDS, *ATTEMPT_FIELDS, *TRUTH_FIELDS}
    attempt = _attempt({k: v for k, v in value.items() if k not in other}, "")
    if attempt.get("id") is None:
        attempt["id"] = _attempt_name(value)
    try:
        return read_submission(
            task=value.get("task") or _first_user_text(value.get("messages")),
            trajectories=[attempt],
            group_id=group,
            ground_truth=_first(value, TRUTH_FIELDS),
        )
    except BadInputError as error:
        raise BadInputError(str(error).replace("trajectories.0.", "")) from error


def _attempt(value: object, place: str) -> dict[str, object]:
    """An attempt as `submit_group` takes it. Unknown fields become metadata."""
    where = f"{place}: " if place else ""
    given = _object(value)
    if given is None:
        raise BadInputError(f"{where}must be an object")
    if "reward" not in given:
        raise BadInputError(
            f"{where}has no reward (null if unknown); its fields are {', '.join(given)}"
        )
    attempt = {k: v for k, v in given.items() if k in _TRAJECTORY_FIELDS}
    more = {k: v for k, v in given.items() if k not in _TRAJECTORY_FIELDS}
    metadata = _object(given.get("metadata", {}))
    if more and metadata is not None:
        attempt["metadata"] = {**metadata, **more}
    return attempt


def _group_name(value: Json, naming: GroupNaming, fields: tuple[str, ...]) -> str | None:
    """The name of the line's group, with the prefix; None if it has none."""
    field = naming.field if naming.field in value else None
    name = field or next((f for f in fields if value.get(f) is not None), None)
    if name is None:
        return None
    return f"{naming.prefix}{read_name(name, value[name])}"


def _attempt_name(value: Json) -> str | None:
    """A stable name for the rollout, such as `trial-3`."""
    field = next((f for f in ATTEMPT_FIELDS if value.get(f) is not None), None)
    if field is None:
        return None
    name = read_name(field, value[field])
    return f"{field}-{name}" if name.isdecimal() else name


def _first(value: Json, fields: tuple[str, ...]) -> object:
    return next((value[f] for f in fields if value.get(f) is not None), None)


def _first_user_text(messages: object) -> str | None:
    """The first user message, for a rollout without a task."""
    for message in _list(messages) or []:
        match message:
            case {"role": "user", "content": str(text)}:
                return text
            case _:
                pass
    return None


def _object(value: object) -> Json | None:
    return cast("Json", value) if isinstance(value, dict) else None


def _list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return f"group-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
