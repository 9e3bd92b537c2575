"""Tasks made by the package reasoning-gym, offline: `reasoning-gym:FAMILY[+FAMILY...]?size=50`.

A task keeps its family, configuration and entry, so that its answers are scored without making it
again. The package works in an isolated process, which runs this module.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, zip_longest
from typing import TypeAlias
from urllib.parse import unquote

from pydantic import BaseModel, JsonValue

from experience_store.errors import BadInputError
from server.child_process import isolated_command, isolated_environment
from server.practice import reasoning_gym
from server.practice.records import Task

PREFIX = "reasoning-gym:"
SIZE, SEED = 50, 0  # unless the spec says otherwise; the package would take a seed by chance
MAX_SIZE = 100_000
ROUNDS = 4  # of looking for enough different tasks, each twice as long as the one before
Config: TypeAlias = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class _Spec:
    families: tuple[str, ...]
    size: int
    seed: int
    config: Config


class Answer(BaseModel):
    """What the isolated process answers: tasks, or why there are none."""

    tasks: tuple[Task, ...] = ()
    wrong: str | None = None


def generated_tasks(spec: str) -> tuple[Task, ...]:
    """As many different tasks as `size` says, of all families in turn.

    Raises:
        BadInputError: If the package is missing, or does not know or take what the spec asks for.
    """
    reasoning_gym.check_installed()
    done = subprocess.run(  # noqa: S603  # our own module
        isolated_command(__name__, spec),
        capture_output=True,
        env=isolated_environment(),
        check=False,
    )
    if done.returncode != 0:
        *_, last = [b"", *done.stderr.splitlines()]
        said = last.decode(errors="replace")[:400]
        raise BadInputError(f"reasoning-gym does not work ({done.returncode}): {said}")
    answer = Answer.model_validate_json(done.stdout)
    if answer.wrong is not None:
        raise BadInputError(answer.wrong)
    return answer.tasks


def main(spec: str) -> None:
    """Make the tasks and write them, or what is wrong with the spec."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the package prints is not a task
    try:
        answer = Answer(tasks=_tasks(_read(spec)))
    except BadInputError as error:
        answer = Answer(wrong=str(error))
    out.write(json.dumps(answer.model_dump()).encode())
    out.flush()


def _tasks(spec: _Spec) -> tuple[Task, ...]:
    share, rest = divmod(spec.size, len(spec.families))
    made = [
        _family_tasks(family, share + (position < rest), spec)
        for position, family in enumerate(spec.families)
    ]
    return tuple(task for task in chain.from_iterable(zip_longest(*made)) if task is not None)


def _read(spec: str) -> _Spec:
    names, _, query = spec.removeprefix(PREFIX).partition("?")
    families = tuple(name.strip() for name in names.split("+"))
    known = reasoning_gym.families()
    for family in families:
        _check_family(family, known)
    if len(set(families)) < len(families):
        raise BadInputError(f"{spec}: names a family twice")
    config = _config(query)
    for family in families:
        _check_fields(family, config)
    size = _whole(config.pop("size", SIZE), "size", len(families), MAX_SIZE)
    return _Spec(families, size, _whole(config.pop("seed", SEED), "seed", 0, 2**32 - 1), config)


def _check_family(family: str, known: list[str]) -> None:
    if not family:
        raise BadInputError(f"{PREFIX} needs a family: {', '.join(known)}")
    if family not in known:
        close = get_close_matches(family, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(close)}? " if close else ""
        raise BadInputError(
            f"reasoning-gym has no family {family!r}; {hint}"
            f"{PREFIX!r} without a name lists all {len(known)}"
        )


def _check_fields(family: str, config: Config) -> None:
    known = reasoning_gym.config_fields(family)
    for field in config:
        if field not in known and field not in {"size", "seed"}:
            close = get_close_matches(field, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise BadInputError(
                f"reasoning-gym's {family} has no field {field!r}; {hint}It has {', '.join(known)}"
            )


def _config(query: str) -> Config:
    """The fields of a query. A value is JSON if it can be read so, else text."""
    config: Config = {}
    for part in query.split("&") if query else []:
        field, equals, value = part.partition("=")
        if not field or not equals:
            raise BadInputError(f"{part!r}: write field=value, and & between fields")
        if field in config:
            raise BadInputError(f"{field}: is given twice")
        config[field] = _value(unquote(value))
    return config


def _value(text: str) -> JsonValue:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _whole(value: JsonValue, field: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadInputError(f"{field}: must be a whole number from {least} to {most}")
    return value


def _family_tasks(family: str, wanted: int, spec: _Spec) -> list[Task]:
    """Different tasks of one family. Small configurations repeat themselves: look further then."""
    found: dict[str, Task] = {}
    for round_ in range(ROUNDS):
        found.clear()
        random.seed(spec.seed)  # some families draw from it too
        config = {**spec.config, "size": wanted << round_, "seed": spec.seed}
        try:
            for task in _made(family, config):
                found.setdefault(task.prompt, task)
                if len(found) == wanted:
                    return list(found.values())
        except BadInputError:
            raise
        except Exception as error:
            said = str(error) or type(error).__name__
            raise BadInputError(
                f"reasoning-gym's {family} cannot be generated like this: {said}"
            ) from error
    raise BadInputError(
        f"reasoning-gym's {family} gives only {len(found)} different tasks of {wanted}; "
        "ask for fewer, or for a wider configuration"
    )


def _made(family: str, config: Config) -> Iterator[Task]:
    dataset = reasoning_gym.dataset(family, config)
    size = config["size"]
    assert isinstance(size, int), "checked"
    for index in range(size):
        entry = dataset[index]
        prompt, answer = entry["question"], entry["answer"]
        if not isinstance(prompt, str) or not isinstance(answer, str | None):
            raise TypeError("its question or answer is not text")
        yield Task(
            id=f"{family}-{_digest(prompt, answer)}",
            prompt=prompt,
            ground_truth=answer,
            extra={"family": family, "config": config, "entry": reasoning_gym.kept(entry)},
        )


def _digest(prompt: str, answer: str | None) -> str:
    return hashlib.sha256(json.dumps([prompt, answer]).encode()).hexdigest()[:12]
