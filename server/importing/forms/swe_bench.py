"""SWE-bench: predictions, a patch for an instance; scored if `resolved` was joined to them."""

from __future__ import annotations

from server.importing.fields import Json, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_USED = ("instance_id", "model_patch", "model_name_or_path", "problem_statement", "resolved")


def _matches(value: Json) -> bool:
    return "instance_id" in value and "model_patch" in value and "messages" not in value


def _read(value: Json) -> Record:
    return Record(
        task=value.get("problem_statement") or f"SWE-bench instance {value['instance_id']}",
        group=str(value["instance_id"]),
        ground_truth=value.get("patch"),
        attempt={
            "output": value["model_patch"] or "(no patch)",
            "model": value.get("model_name_or_path"),
            "metadata": without(value, (*_USED, "patch")),
        },
    )


def _reward(value: Json) -> float | None:
    return read_reward(value.get("resolved"), "resolved")


SWE_BENCH = Form("SWE-bench predictions", _matches, _read, _reward)
