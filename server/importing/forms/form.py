"""What a reader of one form gives, and what it consists of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from experience_store.errors import BadInputError
from server.importing.fields import Json, listed
from server.importing.rewards import read_reward


@dataclass(frozen=True, slots=True)
class Record:
    """One attempt in the project's terms.

    Attributes:
        task: The task: text, or what `task_text` makes text of.
        attempt: The attempt as `submit_group` takes it, without its reward.
        group: Name of its group; None groups by the task and its ground truth.
        left_out: Fields that are not stored, because they repeat at length what is stored.
    """

    task: object
    attempt: dict[str, object]
    group: str | None = None
    ground_truth: object = None
    left_out: tuple[str, ...] = ()


def _whole(value: Json) -> Iterable[tuple[str, Json]]:
    return [("", value)]


@dataclass(frozen=True, slots=True)
class Form:
    """A form of another program's files.

    Attributes:
        name: The form's name, for people.
        matches: Whether an entry of a file is in this form.
        read: Reads one attempt.
        reward: Reads the reward of one attempt; None if it is unscored.
        parts: The attempts in an entry, each with its place there.
    """

    name: str
    matches: Callable[[Json], bool]
    read: Callable[[Json], Record]
    reward: Callable[[Json], float | None]
    parts: Callable[[Json], Iterable[tuple[str, Json]]] = _whole


def digest(value: object, length: int = 12) -> str:
    """A short name for a value, the same wherever it is met again."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def group_name(id_: object, *task: object) -> str:
    """A name from an id that other files use for other tasks."""
    return f"{id_}-{digest(task, 6)}"


def attempt_name(id_: object, content: object) -> str:
    """A name from an id, such as the number of a trial, that other runs use for other attempts."""
    return f"{id_}-{digest(content, 8)}"


def only_reward(field: str, values: Json) -> float | None:
    """The one reward among several that have names; None without any.

    Raises:
        BadInputError: If there are several, of which only the user knows which one counts.
    """
    if not values:
        return None
    if len(values) > 1:
        raise BadInputError(
            f"{field}: has several rewards ({listed(list(values))}): choose one with "
            f"--reward-field, such as --reward-field {next(iter(values))}"
        )
    ((name, value),) = values.items()
    return read_reward(value, name)
