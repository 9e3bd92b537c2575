"""Verifiers of other packages: math-verify and reasoning-gym."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from experience_store.errors import BadInputError
from server.practice import reasoning_gym
from server.practice.records import Rollout, Score, Task
from server.practice.verifiers.answer_extraction import answer_in_tags
from server.practice.verifiers.package_scorers import ScorerReply, ScorerRequest
from server.practice.verifiers.protocol import (
    VerifierError,
    refuse_tasks,
    require_truth,
    shortened,
    truth,
)
from server.practice.verifiers.subprocess_scorer import SubprocessScorer, ask_all

TIME_LIMIT = 10.0  # seconds for one answer
MAX_ANSWER = 20_000  # characters from its end; what packages do to longer ones takes for ever


class MathVerifier:
    r"""1 if math-verify finds the answer equal to the ground truth, else 0.

    The answer is the part marked as such, in `\boxed{}` first of all (see `finding`); in a text
    without marks math-verify looks for itself. An answer that it cannot decide on in time stays
    unscored.
    """

    name = "math"

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        if find_spec("math_verify") is None:
            raise BadInputError(
                "math-verify is not installed: pip install 'experience-mcp[practice]'"
            )
        self._time_limit = time_limit
        self._scorer_process = SubprocessScorer("math", time_limit)

    def check(self, tasks: Sequence[Task]) -> None:
        """Every task needs a ground truth that equals itself. Takes seconds."""
        require_truth(self.name, tasks)
        questions = [ScorerRequest(truth=truth(t), answer=rf"\boxed{{{truth(t)}}}") for t in tasks]
        verdicts = ask_all("math", questions, self._time_limit)
        refuse_tasks(
            [task for task, verdict in zip(tasks, verdicts, strict=True) if not verdict.reward],
            "math-verify cannot read the ground truth of these tasks as mathematics",
        )

    async def verify(self, task: Task, rollout: Rollout) -> Score:
        """See the class."""
        question = ScorerRequest(truth=truth(task), answer=rollout.answer[-MAX_ANSWER:])
        return _score(await self._scorer_process.ask(question))

    async def close(self) -> None:
        """End its process."""
        await self._scorer_process.close()


class GymVerifier:
    """What the scorer of the task's family in reasoning-gym says, from 0 to 1.

    It is given what stands in the last `<answer>` tags, as the package advises, or else the whole
    answer.
    """

    name = "reasoning-gym"

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        reasoning_gym.check_installed()
        self._scorer_process = SubprocessScorer("reasoning-gym", time_limit)

    def check(self, tasks: Sequence[Task]) -> None:
        """Every task must have been made by reasoning-gym."""
        refuse_tasks(
            [task for task in tasks if _family(task) is None],
            "the verifier 'reasoning-gym' scores tasks of a dataset reasoning-gym:FAMILY only, "
            "and not these",
        )

    async def verify(self, task: Task, rollout: Rollout) -> Score:
        """See the class."""
        tagged = answer_in_tags(rollout.answer)
        answer = rollout.answer.strip() if tagged is None else tagged
        score = _score(await self._scorer_process.ask(_gym_question(task, answer)))
        if tagged is None and score.reward != 1:
            return score.model_copy(update={"feedback": _joined(score.feedback, _WITHOUT_TAGS)})
        return score

    async def close(self) -> None:
        """End its process."""
        await self._scorer_process.close()


_WITHOUT_TAGS = "there were no <answer> tags, so the whole text was taken as the answer"


def _family(task: Task) -> str | None:
    match task.extra:
        case {"family": str(family), "config": dict(), "entry": dict()}:
            return family
        case _:
            return None


def _gym_question(task: Task, answer: str) -> ScorerRequest:
    match task.extra:
        case {"family": str(family), "config": dict(config), "entry": dict(entry)}:
            return ScorerRequest(
                answer=answer[-MAX_ANSWER:], family=family, config=config, entry=entry
            )
        case _:
            raise VerifierError(f"task {task.id!r} was not made by reasoning-gym")


def _score(verdict: ScorerReply) -> Score:
    reward = verdict.reward
    if reward is None or not 0 <= reward <= 1:
        raise VerifierError(f"the scorer gave {reward} for a reward")
    return Score(reward=reward, feedback=verdict.feedback and shortened(verdict.feedback))


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
