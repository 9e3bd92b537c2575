"""Preferences: a chosen and a rejected answer, scored, or 1 and 0."""

from __future__ import annotations

import re
from collections.abc import Iterator

from experience_store.errors import BadInputError
from experience_store.submissions.messages import first_user_text
from server.importing.chat import are_messages, conversation, messages_in, task_text
from server.importing.fields import Json, first, without
from server.importing.forms.form import Form, Record
from server.importing.rewards import read_reward

_TASKS = ("prompt", "task", "question", "query", "input", "instruction")
_SPEAKERS = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
_BOTH = {"chosen": 1.0, "rejected": 0.0}


def _scores(side: str) -> tuple[str, ...]:
    return (f"score_{side}", f"{side}_score", f"{side}_rating", f"reward_{side}")


def _matches(value: Json) -> bool:
    return value.keys() >= _BOTH.keys()


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    scored = all(first(value, _scores(side)) for side in _BOTH)
    used = {*_BOTH, *(name for side in _BOTH for name in _scores(side) if scored)}
    for side, rank in _BOTH.items():
        score = first(value, _scores(side)) if scored else None
        reward = value[score] if score else rank
        yield side, {**without(value, tuple(used)), "completion": value[side], "reward": reward}


def _read(value: Json) -> Record:
    answer = value["completion"]
    if isinstance(answer, str) and _SPEAKERS.match(answer):
        answer = _turns(answer)
    field = first(value, _TASKS)
    task = task_text(value[field]) if field else first_user_text(answer)
    if task is None:
        raise BadInputError("has no prompt: name its field with --task-field")
    content: dict[str, object] = {"output": answer}
    asked = value[field] if field else None
    if are_messages(asked) and not _repeats(asked, answer):
        content = {"messages": conversation(asked, answer)}
    elif are_messages(answer):
        content = {"messages": messages_in(answer)}
    used = (field or "", "completion", "reward")
    return Record(task=task, attempt={**content, "metadata": without(value, used)})


def _turns(text: str) -> list[dict[str, str]]:
    """The turns of a conversation as text, as hh-rlhf has it."""
    _, *parts = _SPEAKERS.split(text)
    pairs = zip(parts[::2], parts[1::2], strict=True)
    roles = {"Human": "user", "Assistant": "assistant"}
    return [{"role": roles[speaker], "content": said.strip()} for speaker, said in pairs]


def _repeats(asked: object, answer: object) -> bool:
    """Whether an answer is a whole conversation, which begins with what was asked."""
    first = messages_in(asked)[:1]
    return are_messages(answer) and messages_in(answer)[:1] == first


def _reward(value: Json) -> float | None:
    return read_reward(value["reward"], "reward")


PREFERENCES = Form("preferences", _matches, _read, _reward, _parts)
