"""Several completions of one prompt, with their rewards in a list beside them: trainers' logs."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import are_messages, conversation, messages_in, task_text
from server.importing.fields import TASK_FIELDS, Json, as_list, first, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_COMPLETIONS = ("completions", "responses", "outputs", "generations", "candidates", "samples")
_REWARDS = ("rewards", "scores")
_TRUTHS = ("ground_truth",)


def _lists(value: Json) -> tuple[str, str] | None:
    """The fields of the completions and of their rewards."""
    answers = next((n for n in _COMPLETIONS if as_list(value.get(n))), None)
    rewards = next((n for n in _REWARDS if as_list(value.get(n))), None)
    has_task = first(value, TASK_FIELDS) is not None
    return (answers, rewards) if answers and rewards and has_task else None


def _matches(value: Json) -> bool:
    return _lists(value) is not None


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    """The completions, each with its reward and what it shares with the others."""
    found = _lists(value)
    assert found is not None, "it matches"
    answers, rewards = found
    said, scored = as_list(value[answers]) or [], as_list(value[rewards]) or []
    if len(said) != len(scored):
        raise BadInputError(
            f"has {len(said)} {answers} and {len(scored)} {rewards}; give each its reward, null if "
            "unknown"
        )
    shared = without(value, found)
    for number, (answer, reward) in enumerate(zip(said, scored, strict=True)):
        yield f"{answers}[{number}]", {**shared, "completion": answer, "reward": reward}


def _read(value: Json) -> Record:
    task_field, truth_field = first(value, TASK_FIELDS), first(value, _TRUTHS)
    assert task_field is not None, "it matches"
    prompt, answer = value[task_field], value["completion"]
    content: dict[str, object] = {"output": answer}
    if are_messages(prompt):
        content = {"messages": conversation(prompt, answer)}
    elif are_messages(answer):
        content = {"messages": messages_in(answer)}
    return Record(
        task=task_text(prompt),
        ground_truth=value[truth_field] if truth_field else None,
        attempt={
            **content,
            "metadata": without(value, (task_field, "completion", "reward", *_TRUTHS)),
        },
    )


def _reward(value: Json) -> float | None:
    return read_reward(value["reward"], "reward")


COMPLETIONS = Form("lists of completions", _matches, _read, _reward, _parts)
