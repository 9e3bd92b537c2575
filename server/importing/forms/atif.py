"""ATIF: the Agent Trajectory Interchange Format of Harbor, one document for an attempt."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import first_user_text, nested
from server.importing.fields import (
    Json,
    as_object,
    first,
    lookup,
    objects,
    only_objects,
    without,
)
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_REWARDS = (
    *("reward", "extra.reward", "final_metrics.reward", "final_metrics.extra.reward"),
    *("verifier_result.rewards.reward", "verifier_result.reward"),
)
_GROUPS = ("extra.task_id", "extra.task_name", "task_id", "task_name")


def _matches(value: Json) -> bool:
    steps = objects(value.get("steps"))
    return bool(steps) and all("source" in step for step in steps)


def _read(value: Json) -> Record:
    messages = [m for step in only_objects("steps", value["steps"]) for m in _messages(step)]
    task = value.get("task") or first_user_text(messages)
    if task is None:
        raise BadInputError("steps: none is of the user, so that there is no task")
    group = first(value, _GROUPS)
    session = value.get("session_id")
    return Record(
        task=task,
        group=None if group is None else str(lookup(value, group)),
        attempt={
            "messages": messages,
            "id": None if session is None else str(session),
            "model": nested(value, "agent", "model_name"),
            "metadata": without(value, ("steps", "session_id", "task")),
        },
    )


def _messages(step: Json) -> Iterator[Json]:
    """A step as chat messages: what was said and called, then what the tools gave."""
    observed = as_object(step.get("observation")) or {}
    yield {
        **without(step, ("source", "observation")),
        "role": step["source"],
        "tool_calls": only_objects("tool_calls", step.get("tool_calls")),
        "observation": without(observed, ("results",)),
    }
    for result in only_objects("observation.results", observed.get("results")):
        id_ = result.get("source_call_id")
        yield {**without(result, ("source_call_id",)), "role": "tool", "tool_call_id": id_}


def _reward(value: Json) -> float | None:
    field = first(value, _REWARDS)
    return None if field is None else read_reward(lookup(value, field), field)


ATIF = Form("ATIF trajectory", _matches, _read, _reward)
