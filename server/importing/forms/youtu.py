"""Youtu-Agent: evaluation samples as its database keeps them, with `trajectories` as JSON text."""

from __future__ import annotations

from server.importing.chat import messages_in
from server.importing.fields import Json, objects, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_USED = ("raw_question", "trajectories", "response", "correct_answer", "trace_id", "reward")


def _matches(value: Json) -> bool:
    return "raw_question" in value and ("trajectories" in value or "response" in value)


def _read(value: Json) -> Record:
    messages = [
        message
        for agent in objects(messages_in(value.get("trajectories")))
        for message in messages_in(agent.get("trajectory"))
    ]
    index = value.get("dataset_index")
    trace = value.get("trace_id")
    answer = {"metadata": without(value, (*_USED, "judged_response"))}
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


def _reward(value: Json) -> float | None:
    """The reward; samples that were judged before rewards existed are only right or wrong."""
    field = "correct" if value.get("reward") is None else "reward"
    return read_reward(value.get(field), field)


YOUTU = Form("Youtu-Agent samples", _matches, _read, _reward)
