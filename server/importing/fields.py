"""Fields by their names, which may lead into objects and lists: `test_result.report.resolved`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from math import isfinite
from typing import TypeAlias, TypeGuard, cast

from experience_store.errors import BadInputError
from experience_store.submissions.forms.fields import snake_case
from server.json_values import as_list, as_object

Json: TypeAlias = Mapping[str, object]

TASK_FIELDS = ("task", "prompt", "question", "problem", "query", "instruction", "input")
_REWARDS = (
    *("reward", "score", "correct", "accuracy", "acc", "exact_match", "resolved", "success"),
    *("passed", "pass", "grade", "rating", "return", "solved", "verdict", "outcome"),
)
_REWARD_ENDINGS = ("reward", "rewards", "score", "scores", "correct", "success", "accuracy")
_SCORES = (
    "score",
    "scores",
    "rewards",
    "feedback",
    "feedback_stats",
)  # of objects and lists of rewards
_HOLDERS = ("score", "feedback", "reward")
_VERDICTS = {"correct", "incorrect", "pass", "fail", "passed", "failed", "true", "false"}
_OUTPUT_ENDINGS = (
    "answer",
    "output",
    "outputs",
    "output.value",
    "response",
    "completion",
    "prediction",
    "generation",
    "said",
)
_DEPTH = 4  # of looking for rewards
_CLOSE = 0.8  # how much like `reward` a misspelt name is


def lookup(value: object, name: str) -> object:
    """What a field holds; None also where the way to it ends in null.

    Raises:
        BadInputError: If there is no such field; says which there are.
    """
    found, holder = _find(value, name)
    if found:
        return holder
    names = field_names(value)
    close = get_close_matches(name, names, n=1, cutoff=0.7)
    hint = f"did you mean {close[0]!r}?" if close else f"its fields are {listed(names)}"
    raise BadInputError(f"has no field {name!r}; {hint}")


def has(value: object, name: str) -> bool:
    """Whether there is such a field."""
    return _find(value, name)[0]


def _find(value: object, name: str) -> tuple[bool, object]:
    """Whether the field is there, and what it holds. A name may itself have dots."""
    if (record := as_object(value)) is not None:
        if name in record:
            return True, record[name]
        head, _, rest = name.partition(".")
        while rest:
            if head in record:
                return (True, None) if record[head] is None else _find(record[head], rest)
            more, _, rest = rest.partition(".")
            head = f"{head}.{more}"
    elif (items := as_list(value)) is not None:
        head, _, rest = name.partition(".")
        if head.isdecimal() and int(head) < len(items):
            return _find(items[int(head)], rest) if rest else (True, items[int(head)])
    return False, None


@lru_cache(maxsize=4_096)
def bare_name(name: str) -> str:
    """A name as it is spelt without capitals, underscores and spaces: `Task ID` is `task_id`."""
    return "".join(name.split()).replace("_", "").replace("-", "").lower()


def first(value: Json, names: Sequence[str], but: Sequence[str] = ()) -> str | None:
    """The first of these names that leads to something."""
    found = (n for n in names if n not in but and has(value, n) and lookup(value, n) is not None)
    return next(found, None)


def first_spelt(value: Json, names: Sequence[str], but: Sequence[str] = ()) -> str | None:
    """The first of these names, in any spelling, that leads to something."""
    spelt = {bare_name(n): n for n in value if value[n] is not None}
    return first(
        value, [n for name in names for n in (name, spelt.get(bare_name(name), name))], but
    )


def field_names(value: object, depth: int = _DEPTH) -> list[str]:
    """The dotted names of an object's fields, the outer ones first; not those in lists."""
    record = as_object(value)
    if record is None or not depth:
        return []
    inner = [f"{name}.{sub}" for name, of in record.items() for sub in field_names(of, depth - 1)]
    return [*record, *inner]


def listed(names: Sequence[str], longest: int = 20) -> str:
    """Names in one line, with the number of those left out."""
    more = f" and {len(names) - longest} more" if len(names) > longest else ""
    return (", ".join(names[:longest]) or "none") + more


def reward_like(value: object) -> list[str]:
    """The names of fields that look like rewards: a number (also as text) or a grade, named so."""
    names = [name for name in field_names(value) if _is_reward(name, _find(value, name)[1])]
    lists = [name for name in field_names(value) if _is_scores(name)]
    return names + [found for name in lists for found in _in_list(name, _find(value, name)[1])]


def _in_list(name: str, value: object) -> list[str]:
    """The names of rewards in a list of scores, each an object with its value."""
    return [
        f"{name}.{number}.{field}"
        for number, score in enumerate(objects(value))
        for field in ("value", "score", "avg", "mean")
        if isinstance(score.get(field), float | int)
    ][:1]


def _is_scores(name: str) -> bool:
    return snake_case(name.rpartition(".")[2]).endswith(_SCORES)


def _is_reward(name: str, value: object) -> bool:
    if not (isinstance(value, float | int) or (isinstance(value, str) and _is_graded(value))):
        return False
    outer, _, written = name.rpartition(".")
    last = snake_case(written)
    return (
        (bool(outer) and _is_scores(outer))
        or (last == "label" and isinstance(value, bool))
        or last in _REWARDS
        or last.endswith(_REWARD_ENDINGS)
        or last.startswith("reward_")
        or bool(get_close_matches(last, ("reward",), cutoff=_CLOSE))
        or (last in {"value", "avg", "mean"} and any(word in name.lower() for word in _HOLDERS))
    )


def _is_graded(text: str) -> bool:
    """Whether a text is a number, as in a table, or says how it went."""
    try:
        return isfinite(float(text))
    except ValueError:
        return text.strip().lower() in _VERDICTS


def output_like(value: object) -> list[str]:
    """The names of fields that look like what was said: named so, with text."""
    return [
        name
        for name in field_names(value)
        if isinstance(_find(value, name)[1], str)
        and ".".join(name.rsplit(".", 2)[-2:]).lower().endswith(_OUTPUT_ENDINGS)
    ]


def read_name(field: str, value: object) -> str:
    """The name in a field: text or an integer.

    Raises:
        BadInputError: If it is something else, or empty.
    """
    if isinstance(value, float) and value.is_integer():  # as tables with gaps have it
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise BadInputError(f"{field}: must be text or an integer")
    return str(value).strip()


def are_texts(value: object) -> TypeGuard[Sequence[str]]:
    """Whether it is a list with nothing but texts."""
    items = cast("list[object]", value) if isinstance(value, list | tuple) else None
    return items is not None and all(isinstance(item, str) for item in items)


def objects(value: object) -> list[Json]:
    """The objects in a list; none if it is not one."""
    return [item for item in map(as_object, as_list(value) or ()) if item is not None]


def only_objects(field: str, value: object) -> list[Json]:
    """The objects in a list; none if it is not one.

    Raises:
        BadInputError: If something else is in the list, which would be lost.
    """
    found = objects(value)
    for number, item in enumerate(as_list(value) or ()):
        if as_object(item) is None:
            raise BadInputError(f"{field}[{number}]: must be an object")
    return found


def list_hint(value: Json) -> str | None:
    """How to read the entries that an object seems to hold in a list; None if it has none."""
    name = next((name for name, of in value.items() if objects(of)), None)
    return None if name is None else f"if {name} holds the entries: `jq -c '.{name}[]' FILE`"


def without(value: Json, names: Iterator[str] | Sequence[str]) -> dict[str, object]:
    """The fields that are not among these, and hold something."""
    left = set(names)
    return {k: v for k, v in value.items() if k not in left and v is not None}
