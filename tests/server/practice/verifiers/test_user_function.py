"""A verifier of the user's own: what it may return, and how it may fail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from experience_store.errors import BadInputError
from server.practice.records import Score, Spent
from server.practice.verifiers import (
    Verifier,
    VerifierError,
    make_verifier,
    user_function,
)
from tests.server.practice.verifiers.verifier_builders import (
    said,
    task,
)

OWN = """
import asyncio
import json
import threading
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from pydantic import BaseModel

from server.practice.records import Rollout, Score, Spent, Task


def thread(task: Task, rollout: Rollout) -> float:
    return float(threading.current_thread() is threading.main_thread())


async def waits(task: Task, rollout: Rollout) -> float:
    await asyncio.sleep(0)
    return float(rollout.answer == task.ground_truth)


class Judge:
    async def __call__(self, task, rollout):
        return 0.25


judge = Judge()
number = 5
right = lambda task, rollout: rollout.answer == task.ground_truth
half = lambda task, rollout: Fraction(1, 2)
pair = lambda task, rollout: (0.5, "half of it")
torn = lambda task, rollout: (0.5, "half \\ud83d")
torn_score = lambda task, rollout: Score(reward=0.5, feedback="half \\ud83d")
no_score = lambda task, rollout: Score(reward=None)
huge = lambda task, rollout: 10**400
absurd = lambda task, rollout: Score(reward=1.0, spent=Spent(calls=-1))
unknown = lambda task, rollout: (None, "cannot tell")
whole = lambda task, rollout: Score(reward=-3.0, spent=Spent(calls=1))
nothing = lambda task, rollout: None
nan = lambda task, rollout: float("nan")
endless = lambda task, rollout: Score(reward=float("inf"))
text = lambda task, rollout: "1.0"
triple = lambda task, rollout: (1.0, "a", {"b": 1})
alone = lambda task: 1.0


def ending(task, rollout):
    raise SystemExit("over")


class Pair(NamedTuple):
    score: float
    explanation: str


@dataclass
class Whole:
    reward: float
    feedback: str
    details: int = 0


class Model(BaseModel):
    reward: float
    reason: str


class Scalar:
    # as numpy's: a number by its behaviour only

    shape = ()
    ndim = 0

    def __float__(self):
        return 0.25


class Array(Scalar):
    shape = (3,)


scalar = lambda task, rollout: Scalar()
array = lambda task, rollout: Array()
decimal = lambda task, rollout: Decimal("0.5")
not_a_number = lambda task, rollout: Decimal("sNaN")
named = lambda task, rollout: Pair(0.5, "half")
data = lambda task, rollout: Whole(0.5, "half")
model = lambda task, rollout: Model(reward=0.5, reason="half")
mapping = lambda task, rollout: {"score": True, "reasons": ["a", "b"], "details": {}}
scalars = lambda task, rollout: {"reward": Scalar()}
no_words = lambda task, rollout: (1.0, None)
misspelt = lambda task, rollout: {"reward": 1.0, "feedbak": "x"}
imaginary = lambda task, rollout: 1 + 2j
other_name = lambda task, rollout: {"rewrad": 1.0}
no_reward = lambda task, rollout: {"accuracy": 1.0}
two_rewards = lambda task, rollout: {"reward": 1.0, "score": 0.5}
odd_words = lambda task, rollout: (1.0, 5)
odd_feedback = lambda task, rollout: {"reward": 1.0, "feedback": 5}
odd_reasons = lambda task, rollout: {"reward": 1.0, "reasons": [{"a": [1]}, "b"]}
more_rewards = lambda task, rollout: {"reward": 0.5, "rewards": [1], "rewarded": True}
generator = lambda task, rollout: (n for n in range(3))
later = lambda task, rollout: {"reward": asyncio.sleep(0)}


def yields(task, rollout):
    yield 1.0


def helper():
    return {}["missing"]


def in_a_package(task, rollout):
    return json.loads(helper.__name__)


def calls_a_helper(task, rollout):
    return helper()


async def ending_later(task, rollout):
    raise SystemExit("over")


async def cancelled(task, rollout):
    raise asyncio.CancelledError


def torn_error(task, rollout):
    raise ValueError("\\ud83d half")


def stopping(task, rollout):
    raise StopIteration


let_go = threading.Event()


def forever(task, rollout):
    let_go.wait()


async def never(task, rollout):
    await asyncio.Event().wait()


def broken(task, rollout):
    raise KeyError("x" * 5_000)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Verifier]:
    (tmp_path / "own_rewards.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return lambda name: make_verifier(f"own_rewards:{name}", judge=None)


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("thread", Score(reward=0.0)),
        ("waits", Score(reward=1.0)),
        ("judge", Score(reward=0.25)),
        ("right", Score(reward=1.0)),
        ("half", Score(reward=0.5)),
        ("pair", Score(reward=0.5, feedback="half of it")),
        ("whole", Score(reward=-3.0, spent=Spent(calls=1))),
        ("torn", Score(reward=0.5, feedback="half ?")),
        ("torn_score", Score(reward=0.5, feedback="half ?")),
        ("no_score", Score(reward=None, failure="own_rewards:no_score gave no reward")),
        ("scalar", Score(reward=0.25)),
        ("decimal", Score(reward=0.5)),
        ("named", Score(reward=0.5, feedback="half")),
        ("data", Score(reward=0.5, feedback="half")),
        ("model", Score(reward=0.5, feedback="half")),
        ("mapping", Score(reward=1.0, feedback="a\nb")),
        ("scalars", Score(reward=0.25)),
        ("no_words", Score(reward=1.0)),
        ("more_rewards", Score(reward=0.5)),
        ("odd_feedback", Score(reward=1.0, feedback="5")),
        ("odd_reasons", Score(reward=1.0, feedback='{"a": [1]}\nb')),
        ("triple", Score(reward=1.0, feedback="a")),
        ("nothing", Score(reward=None, failure="own_rewards:nothing gave no reward")),
        (
            "unknown",
            Score(
                reward=None, feedback="cannot tell", failure="own_rewards:unknown gave no reward"
            ),
        ),
    ],
)
async def test_a_function_returns_the_reward(
    own: Callable[[str], Verifier], name: str, score: Score
) -> None:
    verifier = own(name)
    verifier.check([task()])
    assert await verifier.verify(task("Paris"), said("Paris")) == score


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("broken", "broken raised KeyError"),
        ("ending", r"ending raised SystemExit in .*own_rewards.py:\d+: over"),
        ("ending_later", r"ending_later raised SystemExit in .*own_rewards.py:\d+: over"),
        ("cancelled", "cancelled raised CancelledError"),
        ("torn_error", r"torn_error raised ValueError in .*own_rewards.py:\d+: \? half"),
        ("huge", "gave a reward that is too large"),
        ("absurd", "reports impossible spending"),
        ("stopping", "stopping raised StopIteration"),
        ("nan", "gave nan for a reward"),
        ("endless", "gave inf for a reward"),
        ("text", "returned the str '1.0', not a number; it must return a number, a bool"),
        ("odd_words", r"returned a tuple of 2 \(float, int\)"),
        ("array", r"returned Array of shape \(3,\), not a single number"),
        ("not_a_number", "returned a Decimal that is not a number"),
        ("other_name", "unknown field 'rewrad'; did you mean 'reward'"),
        ("no_reward", "no 'reward' but 'accuracy'"),
        ("two_rewards", "a 'reward' and a 'score' that differ"),
        ("misspelt", "unknown field 'feedbak'; did you mean 'feedback'"),
        ("imaginary", "returned a complex; it must return a number"),
        ("later", "returned a coroutine that nothing awaits"),
        ("generator", "a generator: it says yield where it must return"),
    ],
)
async def test_a_failing_function_is_unavailable_and_not_zero(
    own: Callable[[str], Verifier], name: str, wrong: str
) -> None:
    with pytest.raises(VerifierError, match=wrong) as caught:
        await own(name).verify(task("Paris"), said("Paris"))
    assert len(str(caught.value)) <= 400


@pytest.mark.parametrize("name", ["calls_a_helper", "in_a_package"])
async def test_an_error_says_where_in_the_users_own_code_it_was_raised(
    own: Callable[[str], Verifier], name: str
) -> None:
    with pytest.raises(VerifierError) as caught:
        await own(name).verify(task("Paris"), said("Paris"))
    call = {"calls_a_helper": 'return {}["missing"]', "in_a_package": "return json.loads("}[name]
    (line,) = [n for n, text in enumerate(OWN.splitlines(), 1) if call in text]
    assert f"own_rewards.py:{line}: " in str(caught.value)
    assert caught.value.traceback is not None
    assert caught.value.traceback.startswith("Traceback (most recent call last)")
    assert call in caught.value.traceback


async def test_an_empty_answer_never_reaches_the_function(
    own: Callable[[str], Verifier],
) -> None:
    assert (await own("right").verify(task(" "), said(" "))).reward is None
    assert (await own("right").verify(task("4"), said("<think>5</think>4"))).reward == 1.0


async def test_cancelling_a_verification_is_not_a_failure_of_the_function(
    own: Callable[[str], Verifier],
) -> None:
    work = asyncio.create_task(own("never").verify(task("Paris"), said("Paris")))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


@pytest.mark.parametrize("name", ["forever", "never"])
async def test_a_function_that_hangs_leaves_the_attempt_unscored(
    own: Callable[[str], Verifier], name: str
) -> None:
    own(name)
    verifier = make_verifier(f"own_rewards:{name}", judge=None, function_seconds=0.01)
    with pytest.raises(VerifierError, match=r"verdict within 0.01 seconds \(--verifier-seconds\)"):
        await verifier.verify(task("Paris"), said("Paris"))
    sys.modules["own_rewards"].let_go.set()


async def test_hanging_calls_are_limited(
    own: Callable[[str], Verifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    own("forever")
    monkeypatch.setattr(user_function, "MAX_HANGING", 2)
    verifier = make_verifier("own_rewards:forever", judge=None, function_seconds=0.01)
    let_go = sys.modules["own_rewards"].let_go
    let_go.clear()
    for _ in range(2):
        with pytest.raises(VerifierError, match="verdict within"):
            await verifier.verify(task("Paris"), said("Paris"))
    with pytest.raises(VerifierError, match="2 calls of own_rewards:forever do not end"):
        await verifier.verify(task("Paris"), said("Paris"))
    let_go.set()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("wait", "did you mean 'waits'"),
        ("number", "is a int, not a function"),
        ("alone", r"must be callable as function\(task, rollout\)"),
        ("not a name", "write module:function"),
        ("yields", "says yield where it must return"),
    ],
)
def test_an_unusable_function_is_refused_at_the_start(
    own: Callable[[str], Verifier], name: str, wrong: str
) -> None:
    with pytest.raises(BadInputError, match=wrong):
        own(name)


def test_a_module_that_fails_to_import_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    (tmp_path / "own_broken.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="ZeroDivisionError"):
        make_verifier("own_broken:f", judge=None)
    with pytest.raises(BadInputError, match="No module named 'own_missing'"):
        make_verifier("own_missing:f", judge=None)
    assert sys.path == before
