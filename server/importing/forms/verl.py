"""verl: rollouts as the trainer dumps them, a prompt and a response with their template's roles."""

from __future__ import annotations

import re

from server.importing.fields import Json, as_object, without
from server.importing.forms.form import Form, Record, only_reward

_MARKS = re.compile(r"<\|im_(start|end)\|>|<\|(eot_id|begin_of_text|endoftext)\|>")
_ROLES = re.compile(
    r"(?:^|\n)(?:system\n(?P<system>.*?)\n)?user\n(?P<user>.*)\nassistant\n*", re.DOTALL
)


def _matches(value: Json) -> bool:
    texts = isinstance(value.get("input"), str) and isinstance(value.get("output"), str)
    return texts and "score" in value and bool({"gts", "step", "acc"} & set(value))


def _read(value: Json) -> Record:
    prompt = str(value["input"])
    task = _task(prompt)
    extra = without(value, ("output", "gts", "score", *(() if task != prompt else ("input",))))
    return Record(
        task=task,
        ground_truth=value.get("gts"),
        attempt={"output": value["output"], "metadata": extra},
    )


def _task(prompt: str) -> str:
    """The prompt without the roles of its chat template, which stand in lines of their own."""
    roles = _ROLES.fullmatch(_MARKS.sub("", prompt).strip("\n") + "\n")
    if roles is None:
        return prompt
    return "\n\n".join(part.strip() for part in (roles["system"], roles["user"]) if part)


def _reward(value: Json) -> float | None:
    score = value["score"]
    several = as_object(score)
    named = {f"score.{k}": v for k, v in several.items()} if several else {"score": score}
    return only_reward("score", named)


VERL = Form("verl rollouts", _matches, _read, _reward)
