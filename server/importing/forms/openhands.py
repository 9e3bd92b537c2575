"""OpenHands: the output of its evaluations, with the events of a run as `history`."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from experience_store.submissions.messages import first_user_text
from server.importing.chat import as_text, nested
from server.importing.fields import Json, as_list, as_object, first, lookup, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_REWARDS = ("test_result.report.resolved", "report.resolved", "test_result.resolved", "resolved")
_EVENT = {"role", "kind", "llm_message", "action", "observation"}


def _matches(value: Json) -> bool:
    return "instance_id" in value and isinstance(value.get("history"), list)


def _read(value: Json) -> Record:
    messages = [_message(event) for event in _events(value["history"])]
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


def _message(event: Json) -> Json:
    """The event, which is read as a message; one of another kind as text."""
    return event if _EVENT & event.keys() else {"role": "system", "content": as_text(event)}


def _reward(value: Json) -> float | None:
    """Whether the issue is resolved; None if the tests could not be run."""
    field = first(value, _REWARDS)
    if field is None or nested(value, "test_result", "report", "error_eval"):
        return None
    return read_reward(lookup(value, field), field)


OPENHANDS = Form("OpenHands output", _matches, _read, _reward)
