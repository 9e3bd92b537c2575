"""Short ways to make runs of practice and evaluation in tests."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from server.practice.records import (
    Arm,
    AttemptGroup,
    Evaluation,
    PracticeStep,
    Rollout,
    Run,
    Score,
    ScoredAttempt,
    Spent,
    StepLearning,
    Task,
)

BROKE_OFF = "the tool server hung up"
OUT_OF_ORDER = "the judge did not answer"


def spent(calls: int = 1, tokens: int = 100, cost: float | None = None) -> Spent:
    return Spent(calls=calls, prompt_tokens=tokens, completion_tokens=tokens // 10, cost=cost)


def attempt(
    reward: float | None,
    *,
    tool_calls: int = 2,
    rollout: Spent | None = None,
    verifying: Spent | None = None,
    broke_off: str | None = None,
    unverified: str | None = None,
) -> ScoredAttempt:
    return ScoredAttempt(
        rollout=Rollout(
            messages=[],
            answer="An answer.",
            tool_calls=tool_calls,
            spent=rollout or Spent(),
            failure=broke_off,
        ),
        score=Score(reward=reward, failure=unverified, spent=verifying or Spent()),
    )


def broken_off(reason: str = BROKE_OFF) -> ScoredAttempt:
    return attempt(None, broke_off=reason)


def unverified(reason: str = OUT_OF_ORDER) -> ScoredAttempt:
    return attempt(None, unverified=reason)


def task(name: str) -> Task:
    return Task(id=name, prompt=f"Do {name}.")


def group(name: str, *rewards: float | ScoredAttempt, signal: bool | None = None) -> AttemptGroup:
    made = [r if isinstance(r, ScoredAttempt) else attempt(r) for r in rewards]
    return AttemptGroup(task=task(name), attempts=made, signal=signal)


def arm(name: Arm, rewards: Mapping[str, Sequence[float | ScoredAttempt]]) -> Evaluation:
    groups = [group(task_id, *given) for task_id, given in rewards.items()]
    return Evaluation(arm=name, version=3 if name == "with" else None, groups=groups)


def step(number: int, *groups: AttemptGroup, learned: StepLearning | None = None) -> PracticeStep:
    after = learned or StepLearning(before=number - 1, version=number, size=number)
    return PracticeStep(number=number, epoch=1, groups=list(groups), learned=after)


def run(
    *steps: PracticeStep,
    without: Mapping[str, Sequence[float | ScoredAttempt]] | None = None,
    with_library: Mapping[str, Sequence[float | ScoredAttempt]] | None = None,
    stopped: str | None = None,
    settings: Mapping[str, JsonValue] | None = None,
) -> Run:
    arms = [arm("without", without)] if without is not None else []
    arms += [arm("with", with_library)] if with_library is not None else []
    return Run(
        name="a-run",
        library="payables",
        settings=dict(settings or {}),
        steps=list(steps),
        evaluations=arms,
        stopped=stopped,
    )


def whole_run(
    *, steps: int = 6, tasks: int = 30, attempts: int = 4, cost: float | None = 0.002
) -> Run:
    """A run as it might be: practice that helps, some failures, an evaluation of both arms."""
    draw = random.Random(1)
    return Run(
        name="aime-practice",
        library="competition-maths",
        settings={
            "agent.model": "some-model",
            "attempts": attempts,
            "epochs": 3,
            "learner": {"model": "another-model", "temperature": 0.7},
            "tools": ["python", "calculator"],
        },
        steps=[_a_step(draw, number, attempts, cost) for number in range(1, steps + 1)],
        evaluations=[
            Evaluation(
                arm="without",
                version=None,
                groups=_evaluated(random.Random(3), tasks, attempts, 0.0, cost),
            ),
            Evaluation(
                arm="with",
                version=steps,
                groups=_evaluated(random.Random(4), tasks, attempts, 0.18, cost),
            ),
        ],
    )


def _a_step(draw: random.Random, number: int, attempts: int, cost: float | None) -> PracticeStep:
    chance = 0.35 + 0.05 * number
    groups = [
        _drawn(draw, f"train-{number}-{i}", attempts, chance, cost, signal=draw.random() < 0.7)
        for i in range(8)
    ]
    changes = [f"Add G{number}{i} Check the result by putting it in." for i in range(number % 4)]
    refused = ["Refused Add 'Use a tool': says the same as G1"] if number % 2 else []
    learned = StepLearning(
        before=number - 1,
        version=number,
        size=3 + 2 * number,
        changes=changes,
        refused=refused,
        updates=[f"u{number}"],
        failed=["the learner's endpoint answered 503"] if number == 3 else [],
        spent=spent(9, 21_000 + 900 * number, cost and cost * 12),
    )
    return PracticeStep(number=number, epoch=1 + number // 4, groups=groups, learned=learned)


def _evaluated(
    draw: random.Random, tasks: int, attempts: int, gain: float, cost: float | None
) -> list[AttemptGroup]:
    made: list[AttemptGroup] = []
    hardness = random.Random(2)
    for number in range(tasks):
        chance = min(1.0, hardness.random() * 0.9 + gain)
        made.append(_drawn(draw, f"aime-{number}", attempts, chance, cost, signal=None))
    return made


def _drawn(
    draw: random.Random,
    name: str,
    attempts: int,
    chance: float,
    cost: float | None,
    *,
    signal: bool | None,
) -> AttemptGroup:
    made: list[ScoredAttempt] = []
    for _ in range(attempts):
        reward = float(draw.random() < chance)
        fate = draw.random()
        calls = draw.randint(1, 9)
        made.append(
            attempt(
                None if fate < 0.04 else reward,
                tool_calls=calls,
                rollout=spent(calls + 1, 900 * calls, cost and cost * calls),
                verifying=spent(1, 300, cost and cost / 4),
                broke_off=BROKE_OFF if fate < 0.03 else None,
                unverified=OUT_OF_ORDER if 0.03 <= fate < 0.04 else None,
            )
        )
    return AttemptGroup(task=task(name), attempts=made, signal=signal)
