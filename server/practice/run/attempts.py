"""One attempt: play the task, retry what broke off, and have the verifier score it.

A rollout that breaks off for good, and a verifier that is unavailable, leave the attempt
unscored. Nothing here turns a failure into a reward of zero, and what was an outage says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from server.learning.models import ModelForbiddenError, ModelRefusedError, UnusableKind
from server.practice.players import BrokenOffError, Player, UnusableAnswerError
from server.practice.records import Rollout, Score, Spent, Task, total
from server.practice.run_errors import BudgetSpentError, EndpointRefusedError, LimitReachedError
from server.practice.spending import Budget, RolloutLimits, UsageMeter, record_spending
from server.practice.verifiers import Verifier, VerifierError

PAUSE_SECONDS = 1.0  # before the second try; doubled for each further one


@dataclass(frozen=True, slots=True)
class AttemptSettings:
    """The settings of every attempt of a phase.

    Attributes:
        limits: Limits of one try.
        tries: Maximum tries of a rollout.
        call_seconds: Timeout of one call; see `UsageMeter.met_silence`.
    """

    limits: RolloutLimits = field(default_factory=RolloutLimits)
    tries: int = 3
    call_seconds: float = math.inf


async def roll_out(
    player: Player,
    prompt: str,
    *,
    key: str,
    attempt_settings: AttemptSettings,
    budget: Budget,
    lost: Callable[[Spent], object],
) -> Rollout:
    """Play a prompt to its end, or to the last try that breaks off.

    Args:
        player: Plays it.
        prompt: The task, with the experiences if there are any.
        key: The attempt's key, from which its seed is derived.
        attempt_settings: Tries and limits.
        budget: Counts the calls.
        lost: Called with what was spent if the run stops in the middle.

    Raises:
        BudgetSpentError: If the run may not spend more.
        EndpointRefusedError: If no try can ever do better.
    """
    meters: list[UsageMeter] = []
    try:
        while True:
            meters.append(meter := UsageMeter(budget, attempt_settings.limits))
            started = time.monotonic()
            end = await _try(
                player, prompt, meter, seed_of(key, len(meters)), attempt_settings.call_seconds
            )
            if not end.again or len(meters) >= attempt_settings.tries:
                break
            await asyncio.sleep(PAUSE_SECONDS * 2 ** (len(meters) - 1))
    except BaseException:
        lost(total(meter.spent for meter in meters))
        raise
    return Rollout(
        messages=meter.messages,
        answer=end.answer,
        tool_calls=meter.tool_calls,
        spent=total(meter.spent for meter in meters),
        seconds=round(time.monotonic() - started, 3),
        tries=len(meters),
        failure=end.failure,
        exhausted=end.exhausted,
        outage=end.outage,
        refused=end.refused,
        unusable=end.unusable,
    )


@dataclass(frozen=True, slots=True)
class _End:
    """How a try ended: with an answer, or with a failure, and whether another may do better."""

    answer: str = ""
    failure: str | None = None
    again: bool = False
    exhausted: bool = False
    outage: bool = False
    refused: bool = False
    unusable: UnusableKind | None = None


async def _try(
    player: Player, prompt: str, meter: UsageMeter, seed: int, call_seconds: float
) -> _End:
    seconds = meter.limits.seconds
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            return _End(await player.play(prompt, meter, seed))
    except TimeoutError:
        if seconds is None or not clock.expired():
            raise
        late = f"no end after {seconds:g} s (--rollout-seconds)"
        silent = meter.met_silence(call_seconds)
        return _End(failure=late, exhausted=not silent, outage=silent)
    except LimitReachedError as error:
        return _End(failure=str(error), exhausted=True)
    except UnusableAnswerError as error:
        return _End(failure=str(error), again=error.again, unusable=error.unusable)
    except BrokenOffError as error:
        refused = error.refused and not meter.spent.calls  # else only this conversation was
        return _End(failure=str(error), again=error.again, outage=error.outage, refused=refused)


async def score(
    verifier: Verifier,
    task: Task,
    rollout: Rollout,
    *,
    budget: Budget,
    lost: Callable[[Spent], object],
    failed: Callable[[VerifierError], object] = lambda _: None,
) -> Score:
    """What the verifier says; unscored if the rollout failed or the verifier is unavailable.

    Args:
        verifier: Scores it.
        task: What was attempted.
        rollout: The attempt.
        budget: Counts the calls.
        lost: Called with what was spent if the run stops in the middle.
        failed: Called with the error of a verifier that is unavailable.

    Raises:
        BudgetSpentError: If the verifier asks a model and the run may not spend more.
        EndpointRefusedError: If it asks one that refuses every call.
    """
    if rollout.failure is not None:
        failure = f"the attempt failed: {rollout.failure}"
        return Score(reward=None, failure=failure, outage=rollout.outage, refused=rollout.refused)
    with record_spending() as calls:
        try:
            scored = await verifier.verify(task, rollout)
            if not calls:  # a function of the user's own asks its models by itself
                budget.add(scored.spent)
        except VerifierError as error:
            failed(error)
            refused = isinstance(error.__cause__, ModelRefusedError)
            if not calls:
                budget.add(error.spent)
            try:
                _see_if_it_may_be_asked(error, budget)
            except (BudgetSpentError, EndpointRefusedError):
                lost(error.spent)
                raise
            return Score(
                reward=None,
                failure=str(error),
                spent=error.spent,
                outage=not refused,
                refused=refused and not error.spent.calls,
            )
        except BaseException:
            lost(total(calls))
            raise
    return scored


def _see_if_it_may_be_asked(error: VerifierError, budget: Budget) -> None:
    """A judge that may not be asked is no outage: see `score` for what this raises."""
    budget.check()
    if isinstance(error.__cause__, ModelForbiddenError):
        raise EndpointRefusedError(str(error)) from error


def seed_of(key: str, number: int) -> int:
    """A seed for one try; the same whenever the run is started again."""
    digest = hashlib.sha256(f"{key}#{number}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1
