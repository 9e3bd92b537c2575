"""Youtu-Agent: evaluation samples as its database keeps them, with `trajectories` as JSON text."""

from __future__ import annotations

from experience_store.errors import BadInputError
from server.importing.chat import messages_in
from server.importing.fields import Json, only_objects, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_USED = ("raw_question", "trajectories", "response", "correct_answer", "trace_id", "reward")


def _matches(value: Json) -> bool:
    return "raw_question" in value and ("trajectories" in value or "response" in value)


def _read(value: Json) -> Record:
    agents = only_objects("trajectories", messages_in(value.get("trajectories")))
    messages = [
        message for number, agent in enumerate(agents) for message in _messages(number, agent)
    ]
    index = value.get("dataset_index")
    trace = value.get("trace_id")
    answer = {"metadata": without(value, (*_USED, "judged_response"))}
    if about := [without(agent, ("trajectory",)) for agent in agents]:
        answer["metadata"]["agents"] = about
    if messages and value.get("response"):
        answer["metadata"]["response"] = value["response"]
    return Record(
        task=value["raw_question"],
        group=None if index is None else f"{value.get('dataset') or 'dataset'}-{index}",
        ground_truth=value.get("correct_answer"),
        attempt={
            **({"messages": messages} if messages else {"output": value.get("response")}),
            "id": None if trace is None else str(trace),
            "feedback": value.get("judged_response") or None,
            **answer,
        },
    )


def _messages(number: int, agent: Json) -> list[object]:
    """What an agent did."""
    found = agent.get("trajectory")
    messages = messages_in(found)
    if found and not messages:
        raise BadInputError(f"trajectories[{number}].trajectory: must be a list of chat messages")
    return messages


def _reward(value: Json) -> float | None:
    """The reward; samples that were judged before rewards existed are only right or wrong."""
    field = "correct" if value.get("reward") is None else "reward"
    return read_reward(value.get(field), field)


YOUTU = Form("Youtu-Agent samples", _matches, _read, _reward)
