"""tau2-bench: one document with `tasks` and `simulations`."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import as_text, first_user_text, nested, with_error
from server.importing.fields import Json, as_list, as_object, objects, only_objects, without
from server.importing.forms.form import Form, Record, distinct_group
from server.importing.rewards import read_reward

_NOT_MEASURED = {"infrastructure_error"}


def _matches(value: Json) -> bool:
    return isinstance(value.get("simulations"), list)


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    """The simulations, each with its task and what the document says about all."""
    tasks = {str(task.get("id")): task for task in objects(value.get("tasks"))}
    info = value.get("info")
    for number, simulation in enumerate(only_objects("simulations", value["simulations"])):
        task = tasks.get(str(simulation.get("task_id")))
        yield f"simulations[{number}]", {**simulation, "task": task, "info": info}


def _read(value: Json) -> Record:
    messages = [
        m for given in only_objects("messages", value.get("messages")) for m in _messages(given)
    ]
    if not messages:
        raise BadInputError("messages: has none")
    task = _instructions(value) or first_user_text(messages)
    criteria = without(as_object(nested(value, "task", "evaluation_criteria")) or {}, ())
    domain = nested(value, "info", "environment_info", "domain_name") or "task"
    checks = without(as_object(value.get("reward_info")) or {}, ("reward", "reward_basis"))
    return Record(
        task=task,
        group=distinct_group(f"{domain}-{value.get('task_id')}", task, criteria),
        ground_truth=criteria or None,
        attempt={
            "id": None if value.get("id") is None else str(value["id"]),
            "messages": messages,
            "feedback": as_text(checks) if checks else None,
            "model": nested(value, "info", "agent_info", "llm"),
            "metadata": without(value, ("id", "messages")),
        },
    )


def _instructions(value: Json) -> str | None:
    """What the simulated user wants, in words."""
    instructions = nested(value, "task", "user_scenario", "instructions")
    parts = as_object(instructions)
    if parts is None:
        return as_text(instructions) or None
    return "\n".join(as_text(part) for part in without(parts, ("domain",)).values()) or None


def _messages(message: Json) -> Iterator[Json]:
    """The message in OpenAI's form. Results of several tools come in one."""
    inner = as_list(message.get("tool_messages"))
    for one in [message] if inner is None else only_objects("tool_messages", inner):
        if one.get("role") != "tool":
            yield one
            continue
        result = {"tool_call_id": one.get("id"), **{k: v for k, v in one.items() if k != "id"}}
        yield with_error(result, "the tool failed") if one.get("error") is True else result


def _reward(value: Json) -> float | None:
    if value.get("termination_reason") in _NOT_MEASURED:
        return None
    return read_reward(nested(value, "reward_info", "reward"), "reward_info.reward")


TAU2_BENCH = Form("tau2-bench", _matches, _read, _reward, _parts)
