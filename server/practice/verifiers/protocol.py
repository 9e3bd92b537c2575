"""What a verifier is, and what all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from typing_extensions import override

from experience_store.errors import BadInputError, ExperienceError
from experience_store.submissions.clean_text import clean
from experience_store.thoughts import without_thoughts
from server.practice.records import Rollout, Score, Spent, Task
from server.practice.verifiers.answer_wording import declines

MAX_REASON = 400  # characters of what an error passes on
MAX_NAMED = 5  # tasks that an error names


class VerifierError(ExperienceError):
    """The verifier is unavailable.

    The attempt stays unscored then: this is not a reward of zero, and no other verifier steps in.

    Attributes:
        spent: What was spent before it failed.
        traceback: The whole traceback, where a function of the user's own raised.
    """

    def __init__(
        self, message: str, spent: Spent | None = None, traceback: str | None = None
    ) -> None:
        super().__init__(clean(shortened(message)))
        self.spent = spent or Spent()
        self.traceback = traceback


class Verifier(Protocol):
    """Scores attempts.

    Attributes:
        name: As --verifier gives it.
    """

    name: str

    def check(self, tasks: Sequence[Task]) -> None:
        """Check, before anything is spent, that the tasks can be scored. By default, any can.

        Raises:
            BadInputError: If some cannot; it names up to five.
        """

    async def verify(self, task: Task, rollout: Rollout) -> Score:
        """Score what the agent did.

        Raises:
            VerifierError: If the verifier is unavailable.
        """
        ...

    async def close(self) -> None:
        """End its processes, if it has some. A model that it was given stays open."""


class AnswerVerifier(Verifier):
    """A verifier that scores answers: never thoughts, and never nothing.

    An empty answer, or one that holds nothing but reasoning, is a failure and stays unscored.
    """

    @override
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        answer = without_thoughts(rollout.answer)
        if not answer.strip():
            what = "holds nothing but reasoning" if rollout.answer.strip() else "is empty"
            return Score(reward=None, failure=f"the answer {what}", unusable="empty")
        return await self.score(task, rollout.model_copy(update={"answer": answer}))

    async def score(self, task: Task, rollout: Rollout) -> Score:
        """Score an answer that is there, without thoughts in it; otherwise as `verify`."""
        raise NotImplementedError


class TruthVerifier(AnswerVerifier):
    """A verifier that compares answers with the ground truth.

    A wrong answer that only declines to answer is a refusal: a failure that stays unscored, in
    words as much as in a field of its own.
    """

    @override
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        scored = await super().verify(task, rollout)
        right = scored.reward is None or scored.reward >= 1
        if right or not declines(without_thoughts(rollout.answer)):
            return scored
        failure = f"the model refused to answer: {shortened(rollout.answer.strip())}"
        return Score(reward=None, failure=failure, unusable="refusal")


def shortened(text: str) -> str:
    """The text, if it is of no more than `MAX_REASON` characters; else its beginning."""
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"


def refuse_tasks(bad: Sequence[Task], reason: str) -> None:
    """Raises BadInputError if there are any of these tasks, and names them."""
    if bad:
        named = ", ".join(repr(shortened(task.id)) for task in bad[:MAX_NAMED])
        more = f" and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else ""
        raise BadInputError(f"{reason}: {named}{more}")


def require_truth(name: str, tasks: Sequence[Task]) -> None:
    """Raises BadInputError if a task has no ground truth."""
    refuse_tasks(
        [task for task in tasks if task.ground_truth is None],
        f"the verifier {name!r} compares with the ground truth, which these tasks do not have",
    )


def truths(task: Task) -> tuple[str, ...]:
    """The right answers of a task that has one: any of them is right.

    They are the ground truth and, where the dataset gives several, those in
    `task.extra["right_answers"]`.

    Raises:
        VerifierError: If it has none, which `check` would have told.
    """
    if task.ground_truth is None:
        raise VerifierError(f"task {task.id!r} has no ground truth")
    match task.extra.get("right_answers"):
        case list(several):
            more = (answer for answer in several if isinstance(answer, str))
        case _:
            more = ()
    return tuple(dict.fromkeys((task.ground_truth, *more)))
