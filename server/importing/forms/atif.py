"""ATIF: the Agent Trajectory Interchange Format of Harbor, one document for an attempt."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import as_text, call, first_user_text, nested
from server.importing.fields import Json, first, lookup, objects, only_objects, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_ROLES = {"agent": "assistant", "user": "user", "system": "system"}
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


def _messages(step: Json) -> Iterator[dict[str, object]]:
    """A step as chat messages: what was said and called, then what the tools gave."""
    calls = [
        call(c.get("function_name"), c.get("arguments"), c.get("tool_call_id"))
        for c in only_objects("tool_calls", step.get("tool_calls"))
    ]
    yield {
        "role": _ROLES.get(str(step["source"]), str(step["source"])),
        "content": step.get("message"),
        **(
            {"reasoning_content": step["reasoning_content"]}
            if step.get("reasoning_content")
            else {}
        ),
        **({"tool_calls": calls} if calls else {}),
    }
    for result in only_objects("observation.results", nested(step, "observation", "results")):
        id_ = result.get("source_call_id")
        named = {} if id_ is None else {"tool_call_id": str(id_)}
        yield {"role": "tool", "content": as_text(result.get("content")), **named}


def _reward(value: Json) -> float | None:
    field = first(value, _REWARDS)
    return None if field is None else read_reward(lookup(value, field), field)


ATIF = Form("ATIF trajectory", _matches, _read, _reward)
