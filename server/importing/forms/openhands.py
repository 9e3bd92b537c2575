"""OpenHands: the output of its evaluations, with the events of a run as `history`."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from experience_store.submissions.messages import first_user_text
from server.importing.chat import as_text, call, nested
from server.importing.fields import Json, as_list, as_object, first, lookup, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_REWARDS = ("test_result.report.resolved", "report.resolved", "test_result.resolved", "resolved")


def _matches(value: Json) -> bool:
    return "instance_id" in value and isinstance(value.get("history"), list)


def _read(value: Json) -> Record:
    messages = [m for event in _events(value["history"]) for m in _message(event)]
    if not messages:
        error = f" (it broke off: {as_text(value['error'])[:200]})" if value.get("error") else ""
        raise BadInputError(f"history: has no events{error}")
    told = value.get("instruction") or nested(value, "instance", "problem_statement")
    metadata = without(value, ("history", "instance_id", "instruction"))
    return Record(
        task=told or first_user_text(messages),
        group=str(value["instance_id"]),
        ground_truth=nested(value, "instance", "patch"),
        attempt={
            "messages": messages,
            "model": nested(value, "metadata", "llm_config", "model"),
            "metadata": metadata,
        },
    )


def _events(history: object) -> Iterator[Json]:
    """The events; old files have pairs of an action and what it led to."""
    for number, item in enumerate(as_list(history) or ()):
        pair = as_list(item)
        for event in [item] if pair is None else pair:
            if (of := as_object(event)) is None:
                raise BadInputError(f"history[{number}]: must be an object")
            yield of


def _message(event: Json) -> Iterator[dict[str, object]]:
    """The event as a chat message."""
    if "role" in event:
        yield dict(event)
    elif "llm_message" in event:
        yield dict(as_object(event["llm_message"]) or {})
    elif "tool_name" in event and "action" in event:
        thought = event.get("thought")
        made = call(event["tool_name"], event["action"], event.get("tool_call_id"))
        yield {"role": "assistant", "content": thought, "tool_calls": [made]}
    elif "action" in event:
        yield _action(event)
    elif "observation" in event:
        yield _observation(event)
    else:
        yield {"role": "system", "content": as_text(event)}


def _action(event: Json) -> dict[str, object]:
    role = "user" if event.get("source") == "user" else "assistant"
    args = as_object(event.get("args")) or {}
    name = str(event["action"])
    if name in {"message", "system"}:
        text = args.get("content") or event.get("message")
        return {"role": "system" if name == "system" else role, "content": as_text(text)}
    id_ = nested(event, "tool_call_metadata", "tool_call_id") or event.get("id")
    made = call(name, without(args, ("thought",)), id_)
    return {"role": role, "content": as_text(args.get("thought")), "tool_calls": [made]}


def _observation(event: Json) -> dict[str, object]:
    content = event.get("content") or event.get("extras") or event.get("message")
    if as_object(event["observation"]) is not None:
        content = event["observation"]
    id_ = nested(event, "tool_call_metadata", "tool_call_id") or event.get("tool_call_id")
    id_ = id_ or event.get("cause")
    name = event.get("tool_name") or as_text(event["observation"])
    named = {} if id_ is None else {"tool_call_id": str(id_)}
    return {"role": "tool", "name": name, "content": as_text(content), **named}


def _reward(value: Json) -> float | None:
    """Whether the issue is resolved; None if the tests could not be run."""
    field = first(value, _REWARDS)
    if field is None or nested(value, "test_result", "report", "error_eval"):
        return None
    return read_reward(lookup(value, field), field)


OPENHANDS = Form("OpenHands output", _matches, _read, _reward)
