"""What a function of the user's own returned, read as a score.

Packages of numbers are known by their behaviour only: none of them needs to be installed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Complex, Real
from typing import SupportsFloat, SupportsIndex, cast

from pydantic import BaseModel

from experience_store.submissions.clean_text import clean
from server.practice.records import Score, Spent
from server.practice.verifiers.protocol import VerifierError, shortened

MAX_SPENT = 10**12  # of anything, by one call
REWARD = ("reward", "score")
FEEDBACK = ("feedback", "reason", "reasons", "reasoning", "explanation")
_LIKENESS = 0.75  # of a misspelt field to the one that was meant
_NEAR = 0.85  # the same where the reward is there: others may have fields of their own
_ALLOWED = (
    "it must return a number, a bool, None, (number, feedback), "
    "{'reward': number, 'feedback': text} or a Score"
)


def read_result(name: str, result: object) -> Score:
    """The score that a function's result means.

    Args:
        name: The function, for errors.
        result: A finite number (of numpy, decimal and the like, too), a bool, None, a pair of
            number and feedback, a `Score`, or a dict, named tuple, dataclass or pydantic model
            with `reward` or `score` and perhaps `feedback`, `reason`, `reasons`, `reasoning` or
            `explanation`. What else such a result or a tuple holds is left aside, but not what
            looks like one of these misspelt.

    Raises:
        VerifierError: If it is anything else; it says what came and what is expected.
    """
    match result:
        case Score():
            _finite(name, result.reward)
            _check_spent(name, result.spent)
            return _cleaned(name, result)
        case _ if (fields := _fields(result)) is not None:
            return _from_fields(name, fields)
        case tuple():
            return _pair(name, cast("tuple[object, ...]", result))
        case _:
            return _score(name, _number(name, result), None)


def _fields(result: object) -> Mapping[str, object] | None:
    """The named parts of a result that has such."""
    if isinstance(result, Mapping):
        return {str(key): value for key, value in cast("Mapping[object, object]", result).items()}
    if isinstance(result, BaseModel):
        return dict(result)
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    if names := cast("tuple[str, ...]", getattr(result, "_fields", ())):  # of a named tuple
        return {name: getattr(result, name) for name in names}
    return None


def _from_fields(name: str, fields: Mapping[str, object]) -> Score:
    rewards = [fields[key] for key in REWARD if key in fields]
    if not rewards:
        _refuse_misspelt(name, fields, REWARD, _LIKENESS)
        named = ", ".join(map(repr, fields)) or "nothing"
        raise VerifierError(f"{name} returned no 'reward' but {shortened(named)}; {_ALLOWED}")
    reward, *others = (_number(name, reward) for reward in rewards)
    if any(other != reward for other in others):
        raise VerifierError(f"{name} returned a 'reward' and a 'score' that differ: return one")
    _refuse_misspelt(name, fields.keys() - {*REWARD, *FEEDBACK}, FEEDBACK, _NEAR)
    said = [_text(fields[key]) for key in FEEDBACK if key in fields]
    return _score(name, reward, "\n".join(filter(None, said)) or None)


def _refuse_misspelt(
    name: str, fields: Iterable[str], known: Sequence[str], likeness: float
) -> None:
    for key in fields:
        if close := get_close_matches(key.lower(), known, 1, likeness):
            raise VerifierError(
                f"{name} returned an unknown field {shortened(key)!r}; did you mean {close[0]!r}?"
            )


def _pair(name: str, result: tuple[object, ...]) -> Score:
    match result:
        case (reward, (str() | None) as feedback, *_):
            return _score(name, _number(name, reward), feedback)
        case _:
            kinds = ", ".join(type(item).__name__ for item in result)
            raise _wrong(name, f"a tuple of {len(result)} ({kinds}) that is not (number, feedback)")


def _text(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case list() | tuple():
            items = cast("list[object]", value)
            return "\n".join(filter(None, map(_text, items)))
        case Mapping():
            return json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
        case _:
            return str(value)


def _score(name: str, reward: float | None, feedback: str | None) -> Score:
    failure = f"{name} gave no reward" if reward is None else None
    text = clean(feedback) if feedback is not None else None
    return Score(reward=reward, feedback=text, failure=failure)


def _cleaned(name: str, score: Score) -> Score:
    """A score that can be stored, and says why it has no reward."""
    words = {"feedback": score.feedback, "failure": score.failure}
    if score.reward is None and not score.failure:
        words["failure"] = f"{name} gave no reward"
    return score.model_copy(update={key: text and clean(text) for key, text in words.items()})


def _number(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, (str, bytes, bytearray)):
        raise _wrong(name, f"the {type(value).__name__} {shortened(repr(value))}, not a number")
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        raise _wrong(name, "a generator: it says yield where it must return")
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # or it warns that nothing awaited it
        raise _wrong(name, f"a {type(value).__name__} that nothing awaits")
    if shape := getattr(value, "shape", ()):
        raise _wrong(name, f"{type(value).__name__} of shape {shape}, not a single number")
    complex_ = isinstance(value, Complex) and not isinstance(value, Real)
    if complex_ or not isinstance(value, (SupportsFloat, SupportsIndex)):
        raise _wrong(name, f"a {type(value).__name__}")
    try:
        return _finite(name, float(value))
    except OverflowError as error:
        raise VerifierError(
            f"{name} gave a reward that is too large; it must be finite as a float"
        ) from error
    except (TypeError, ValueError) as error:
        raise _wrong(name, f"a {type(value).__name__} that is not a number ({error})") from error


def _wrong(name: str, what: str) -> VerifierError:
    return VerifierError(f"{name} returned {what}; {_ALLOWED}")


def _finite(name: str, reward: float | None) -> float | None:
    if reward is not None and not math.isfinite(reward):
        raise VerifierError(f"{name} gave {reward} for a reward; it must be finite")
    return reward


def _check_spent(name: str, spent: Spent) -> None:
    counts = (spent.calls, spent.prompt_tokens, spent.cached_tokens, spent.completion_tokens)
    counts = (*counts, spent.estimated, spent.cost or 0.0)
    if not all(0 <= count <= MAX_SPENT for count in counts):
        raise VerifierError(
            f"{name} reports impossible spending: {spent!r}; each must be from 0 to {MAX_SPENT:g}"
        )
