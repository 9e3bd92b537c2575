"""Types for the part of the package reasoning-gym that is used; it has none of its own.

It is imported in isolated processes only: that takes seconds, and it prints, warns, and lets the
order of sets decide over some of its tasks.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, TypeAlias, cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from server.installation import how_to_install

GymEntry: TypeAlias = dict[str, object]
GymConfig: TypeAlias = Mapping[str, object]


class GymDataset(Protocol):
    """Tasks of one family."""

    def __getitem__(self, index: int) -> GymEntry:
        """An entry: `question`, `answer` (None where many are right) and `metadata`."""
        ...

    def score_answer(self, answer: str | None, entry: GymEntry) -> float:
        """The package's own verifier, from 0 to 1."""
        ...


class _Factory(Protocol):
    """The module `reasoning_gym.factory`."""

    DATASETS: Mapping[str, tuple[type, type]]

    def create_dataset(self, name: str, **config: object) -> GymDataset: ...


def check_installed() -> None:
    """Raises BadInputError if the package is missing."""
    if find_spec("reasoning_gym") is None:
        raise BadInputError(f"tasks of reasoning-gym need a package: {how_to_install('gym')}")


@cache
def _factory() -> _Factory:
    check_installed()
    import_module("reasoning_gym")  # registers the families
    return cast("_Factory", import_module("reasoning_gym.factory"))


def families() -> list[str]:
    """The names of all families. `composite` is left out: it has no tasks of its own."""
    return sorted(_factory().DATASETS.keys() - {"composite"})


def config_fields(family: str) -> list[str]:
    """What can be configured of a family."""
    _, config = _factory().DATASETS[family]
    return list(inspect.signature(config).parameters)


def dataset(family: str, config: GymConfig) -> GymDataset:
    """The family in this configuration; raises whatever the package raises."""
    return _factory().create_dataset(family, **config)


# Entries hold tuples and numbered keys, and some scorers tell them from lists and texts.

_TUPLE, _PAIRS = "tuple", "pairs"


def kept(value: object) -> JsonValue:
    """A value of an entry as JSON; the inverse of `restored`.

    Raises:
        TypeError: If it holds what JSON cannot keep.
    """
    match value:
        case None | bool():
            return value
        case str():
            return str(value)  # numpy's texts too
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case tuple():
            return {_TUPLE: _kept_list(cast("tuple[object, ...]", value))}
        case list():
            return _kept_list(cast("list[object]", value))
        case dict():
            return _kept_dict(cast("dict[object, object]", value))
        case _:
            raise TypeError(f"{type(value).__name__} cannot be kept as JSON")


def _kept_list(values: Sequence[object]) -> list[JsonValue]:
    return [kept(item) for item in values]


def _kept_dict(value: dict[object, object]) -> dict[str, JsonValue]:
    if all(isinstance(key, str) for key in value) and value.keys() not in ({_TUPLE}, {_PAIRS}):
        return {str(key): kept(item) for key, item in value.items()}
    return {_PAIRS: [[kept(key), kept(item)] for key, item in value.items()]}


def restored(value: JsonValue) -> object:
    """The inverse of `kept`."""
    match value:
        case list():
            return [restored(item) for item in value]
        case {"tuple": list(items), **others} if not others:
            return tuple(restored(item) for item in items)
        case {"pairs": list(pairs), **others} if not others:
            return dict(_restored_pairs(pairs))
        case dict():
            return {key: restored(item) for key, item in value.items()}
        case _:
            return value


def _restored_pairs(pairs: list[JsonValue]) -> Iterator[tuple[object, object]]:
    for pair in pairs:
        assert isinstance(pair, list), "kept in twos"
        key, item = pair
        yield restored(key), restored(item)
