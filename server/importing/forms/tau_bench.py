"""tau-bench: a list of trials, each with the messages as `traj` and the task in `info`."""

from __future__ import annotations

from experience_store.errors import BadInputError
from server.importing.chat import first_user_text, nested
from server.importing.fields import Json, as_list, as_object, without
from server.importing.forms.form import Form, Record, attempt_name, group_name
from server.importing.rewards import read_reward


def _matches(value: Json) -> bool:
    return "task_id" in value and "traj" in value


def _read(value: Json) -> Record:
    messages = as_list(value["traj"])
    info = as_object(value.get("info")) or {}
    if not messages:
        broke_off = f" (it broke off: {info['error']})" if info.get("error") else ""
        raise BadInputError(f"traj: has no messages{broke_off}")
    task = nested(value, "info", "task", "instruction") or first_user_text(messages)
    truth = nested(value, "info", "task", "actions")
    return Record(
        task=task,
        group=group_name(f"task-{value['task_id']}", task, truth),
        ground_truth=truth,
        attempt={
            "id": attempt_name(f"trial-{value.get('trial', 0)}", messages),
            "messages": messages,
            "metadata": without(value, ("traj", "reward")),
        },
    )


def _reward(value: Json) -> float | None:
    """The reward; a trial that broke off with an error was not measured."""
    if nested(value, "info", "error"):
        return None
    return read_reward(value.get("reward"), "reward")


TAU_BENCH = Form("tau-bench", _matches, _read, _reward)
