"""Scorers of other packages, at work in a process of their own.

They parse what an agent wrote, and that may never end: a huge power holds the interpreter itself,
which neither a thread nor an alarm interrupts, only the end of the process does. Some of
reasoning-gym's scorers, and sympy's parser, even evaluate the answer as Python. So this process
has none of the parent's secrets, little memory, and starts, writes and connects to nothing. That
is a fence against mishap, not a sandbox against a determined attack.

It reads one question a line and writes one verdict a line, after a first verdict that says whether
the scorer could be loaded.
"""

from __future__ import annotations

import json
import os
import sys
from ast import literal_eval
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import BinaryIO, Literal, Protocol, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, JsonValue

from server.practice import reasoning_gym
from server.practice.verifiers.answer_extraction import final_answer
from server.practice.verifiers.answer_match import says
from server.practice.verifiers.formula import formula, latex
from server.practice.verifiers.number_reading import whole_number

Scorer: TypeAlias = Literal["math", "reasoning-gym"]
MEMORY = 4 << 30
_STARTS = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "webbrowser.")
_READS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class ScorerRequest(BaseModel):
    """An answer to be scored.

    Attributes:
        answers: What it may be read as: as a whole first, then with less and less around it.
        truths: The right ones, of which it is to be one.
    """

    model_config = ConfigDict(frozen=True)

    answers: Sequence[str]
    truths: Sequence[str] = ()
    family: str = ""
    config: dict[str, JsonValue] = {}
    entry: JsonValue = None


class ScorerReply(BaseModel):
    """What the scorer said; without a reward it failed, for the reason in `failure`."""

    model_config = ConfigDict(frozen=True)

    reward: float | None = None
    feedback: str | None = None
    failure: str | None = None


def main(name: str) -> None:
    """Answer questions until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what scorers print is not an answer
    try:
        score = _loaded(cast("Scorer", name))
    except Exception as error:  # noqa: BLE001  # the parent tells the user
        _say(answers, ScorerReply(failure=f"{name} cannot be loaded: {_named(error)}"))
        return
    _fence()
    _say(answers, ScorerReply())
    for line in sys.stdin.buffer:
        _say(answers, _verdict(score, line))


def _say(out: BinaryIO, verdict: ScorerReply) -> None:
    out.write(json.dumps(verdict.model_dump()).encode() + b"\n")
    out.flush()


def _verdict(score: Callable[[ScorerRequest], ScorerReply], line: bytes) -> ScorerReply:
    try:
        return score(ScorerRequest.model_validate(json.loads(line)))
    except Exception as error:  # noqa: BLE001  # an answer too: the scorer failed
        return ScorerReply(failure=f"the scorer failed: {_named(error)}")


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


def _fence() -> None:
    """Little memory, and from here on no files, processes or connections."""
    sys.dont_write_bytecode = True
    if sys.platform == "linux":
        import resource  # noqa: PLC0415  # only some systems have it

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        flags = arguments[2]
        forbidden = isinstance(flags, int) and bool(flags & _WRITING)
    else:
        forbidden = event.startswith(_STARTS) and event not in _READS
    if forbidden:
        raise PermissionError(f"{event} is not for answers")


def _loaded(name: Scorer) -> Callable[[ScorerRequest], ScorerReply]:
    if name == "math":
        _math_verify()
        return score_mathematics
    reasoning_gym.families()
    return score_gym


# math-verify


class _MathVerify(Protocol):
    """What is used of the package math-verify, whose types are not complete."""

    def parse(
        self, pred: str, *, parsing_timeout: int | None, raise_on_error: bool
    ) -> list[object]: ...

    def verify(
        self,
        gold: list[object],
        target: list[object],
        *,
        allow_set_relation_comp: bool,
        timeout_seconds: int | None,
        raise_on_error: bool,
    ) -> bool: ...


@cache
def _math_verify() -> _MathVerify:
    return cast("_MathVerify", import_module("math_verify"))


def score_mathematics(question: ScorerRequest) -> ScorerReply:
    """Whether the answer is mathematically the same as a ground truth."""
    answer = question.answers[0]
    if any(says(answer, truth) for truth in question.truths):
        return ScorerReply(reward=1.0)
    written = formula(answer)
    wanted = [_read(truth) for truth in question.truths]
    if not all(map(_is_mathematics, wanted)):
        return ScorerReply(failure="math-verify cannot read the ground truth as mathematics")
    if written and all(_decided(written, truth) for truth in question.truths):
        return ScorerReply(reward=0.0)
    try:
        got = _read_formula(written) if written else []
        right = bool(got) and any(_same(one, got) for one in wanted)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        if not all(_same(one, one) for one in wanted):
            raise
        return ScorerReply(reward=0.0, feedback=f"cannot be compared: {_named(error)}")
    if right:
        return ScorerReply(reward=1.0)
    return ScorerReply(reward=0.0, feedback=None if got else "no mathematics in the answer")


def _decided(written: str, truth: str) -> bool:
    """Whether both are numbers that `says` has compared: exact ones, or the same."""
    numbers = whole_number(written), whole_number(truth)
    if None in numbers:
        return False
    return numbers[0] == numbers[1] or all(n is not None and n.denominator == 1 for n in numbers)


def _is_mathematics(parsed: list[object]) -> bool:
    """Whether it was parsed: what the package cannot read it passes on as text."""
    return not all(isinstance(item, str) for item in parsed)


def _read(truth: str) -> list[object]:
    """The mathematics of a ground truth. Time is up to the parent: the package has no limit."""
    written = final_answer(truth)
    return _read_formula(latex(written)) or _parsed(written)


def _read_formula(written: str) -> list[object]:
    return _parsed(rf"\boxed{{{written}}}")


def _parsed(text: str) -> list[object]:
    return _math_verify().parse(text, parsing_timeout=None, raise_on_error=True)


def _same(wanted: list[object], got: list[object]) -> bool:
    return _math_verify().verify(
        wanted, got, allow_set_relation_comp=True, timeout_seconds=None, raise_on_error=True
    )


# reasoning-gym

_EVALUATING = ("string_insertion", "spiral_matrix", "number_sorting", "binary_matrix", "n_queens")


def score_gym(question: ScorerRequest) -> ScorerReply:
    """What the family's own scorer says.

    One that breaks on an answer and not on the right one cannot read it: that is a bad answer.
    """
    entry = reasoning_gym.restored(question.entry)
    assert isinstance(entry, dict), "kept by the dataset"
    known = cast("reasoning_gym.GymEntry", entry)
    dataset = _dataset(question.family, json.dumps(question.config, sort_keys=True))
    try:
        return ScorerReply(reward=_best(dataset, question.answers, known))
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        right = known["answer"]
        if not isinstance(right, str) or dataset.score_answer(right, known) <= 0:
            raise
        return ScorerReply(reward=0.0, feedback=f"cannot be read: {_named(error)}")


def _best(
    dataset: reasoning_gym.GymDataset, answers: Sequence[str], known: reasoning_gym.GymEntry
) -> float:
    """The reward of the first reading, unless another is right: parts of one are no better."""
    reward = float(dataset.score_answer(answers[0], known))
    for answer in answers[1:]:
        if reward >= 1:
            break
        with suppress(Exception):  # as bad an answer as one that scores 0
            if dataset.score_answer(answer, known) >= 1:
                reward = 1.0
    return reward


@cache
def _dataset(family: str, config: str) -> reasoning_gym.GymDataset:
    dataset = reasoning_gym.dataset(family, cast("reasoning_gym.GymConfig", json.loads(config)))
    if family in _EVALUATING:  # lists, as their scorers expect them, need no evaluation
        vars(sys.modules[type(dataset).__module__])["eval"] = literal_eval
    return dataset
