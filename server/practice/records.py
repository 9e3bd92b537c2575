"""The data of a run of practice or evaluation, as its journal keeps it.

A task is attempted several times: each attempt is a rollout (what the agent did) and a score
(what the verifier said). The attempts at one task under the same circumstances are a group. A
step of practice is a batch of groups and what the library learned from them; an arm of an
evaluation is all tasks attempted with the library, or without it.

A failure is distinct from a bad result everywhere: a rollout that broke off, or a verifier that was
unavailable, leaves an attempt *unscored*. That is not a reward of zero. And an outage is distinct
from a failure of the agent's own: an attempt that met one is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from server.learning.models import UnusableKind

Arm: TypeAlias = Literal["without", "with"]


class JournalRecord(BaseModel):
    """A value of the journal: immutable, and strict about what it holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(JournalRecord):
    """Something to be done.

    Attributes:
        id: Unique in its dataset.
        prompt: The task as the agent is given it.
        ground_truth: The right answer, if known; only verifiers and the learner see it.
        extra: Whatever else the dataset says about it; verifiers may use it.
    """

    id: str
    prompt: str
    ground_truth: str | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Spent(JournalRecord):
    """Model calls and what they cost, as the endpoint counted them.

    Attributes:
        calls: Answered calls.
        prompt_tokens: Prompt tokens, the `cached_tokens` among them.
        cost: In the currency of the prices; None where no prices are configured.
        estimated: Calls whose tokens are estimated, because the endpoint did not report them.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    estimated: int = 0

    def __add__(self, other: Spent) -> Spent:
        """Both together; the cost is None only where neither has one."""
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Spent(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost=sum(costs) if costs else None,
            estimated=self.estimated + other.estimated,
        )

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


def total(spent: Iterable[Spent]) -> Spent:
    """The sum."""
    return sum(spent, Spent())


class Served(JournalRecord):
    """What `get_experiences` answered for a task: the experiences that its attempts are given."""

    retrieval_id: str
    version: int
    experiences: dict[str, str]
    omitted: int = 0


class Rollout(JournalRecord):
    """What the agent did in one attempt.

    Attributes:
        messages: OpenAI chat messages, with the experiences as the agent was given them.
        answer: Its last words; what verifiers look at first.
        tool_calls: How many tools it called.
        spent: All tries together.
        seconds: Duration of the last try.
        tries: Number of tries; all but the last broke off.
        failure: Why it broke off for good; None for one that finished.
        exhausted: Whether it broke off because it reached a limit of rollouts.
        outage: Whether the last try broke off because of an outage that is not the agent's doing:
            a retry may succeed.
        refused: Whether the endpoint refused the very first prompt.
        unusable: What came in place of an answer, if that is why it failed.
    """

    messages: list[dict[str, JsonValue]]
    answer: str
    tool_calls: int = 0
    spent: Spent = Spent()
    seconds: float = 0.0
    tries: int = 1
    failure: str | None = None
    exhausted: bool = False
    outage: bool = False
    refused: bool = False
    unusable: UnusableKind | None = None


class Score(JournalRecord):
    """What the verifier said about one attempt.

    Attributes:
        reward: Any real number, higher is better; None for unscored.
        feedback: Its reasons, if it gives any; the learner sees them.
        failure: Why there is no reward.
        spent: What the verifier spent, if it asked a language model.
        outage: Whether there is no reward because of an outage, in the rollout or the verifier.
        refused: Whether there is no reward because an endpoint refused the prompt.
        unusable: What the verifier found in place of an answer, if that is why there is no reward.
    """

    reward: float | None
    feedback: str | None = None
    failure: str | None = None
    spent: Spent = Spent()
    outage: bool = False
    refused: bool = False
    unusable: UnusableKind | None = None


class ScoredAttempt(JournalRecord):
    """One attempt at a task."""

    rollout: Rollout
    score: Score

    @property
    def reward(self) -> float | None:
        """The reward; None for unscored."""
        return self.score.reward

    @property
    def unusable(self) -> UnusableKind | None:
        """What came in place of an answer, whoever found it."""
        return self.rollout.unusable or self.score.unusable


class AttemptGroup(JournalRecord):
    """The attempts at one task under the same circumstances.

    Attributes:
        signal: Whether the rewards differ enough to learn from; None where nothing is learned.
    """

    task: Task
    attempts: list[ScoredAttempt]
    signal: bool | None = None


class TeacherAnswer(JournalRecord):
    """What the teacher answered, and what that cost."""

    text: str
    spent: Spent


class StepLearning(JournalRecord):
    """What a step did to the library.

    Attributes:
        before: The version its attempts were given.
        version: The version after it; equal to `before` if nothing was learned.
        size: Experiences in that version.
        changes: What was changed, in words.
        refused: What was proposed and refused, in words.
        updates: Ids of the updates.
        failed: Why updates ended without a new version, if any did.
        spent: What learning spent.
    """

    before: int
    version: int
    size: int
    changes: list[str] = Field(default_factory=list[str])
    refused: list[str] = Field(default_factory=list[str])
    updates: list[str] = Field(default_factory=list[str])
    failed: list[str] = Field(default_factory=list[str])
    spent: Spent = Spent()


class PracticeStep(JournalRecord):
    """One step of practice: a batch of groups and what was learned from them.

    Attributes:
        number: From 1, over all epochs.
        epoch: From 1.
    """

    number: int
    epoch: int
    groups: list[AttemptGroup]
    learned: StepLearning


class Evaluation(JournalRecord):
    """One arm of an evaluation: every task, attempted k times.

    Attributes:
        version: The library version whose experiences were given; None in the arm without.
    """

    arm: Arm
    version: int | None
    groups: list[AttemptGroup]


class Run(JournalRecord):
    """Everything a report needs.

    Attributes:
        name: The run's name.
        library: The library's name.
        settings: As the run was started, for people to read.
        steps: Steps of practice, in order; empty for a run that only evaluates.
        evaluations: `without` before `with`.
        lost: Spent on attempts and steps that are not among these: failed, unfinished, or redone.
        stopped: Why the run is not complete; None for one that is.
        unmeasured: Why the arm with the library was left out, if it was to be measured.
    """

    name: str
    library: str
    settings: dict[str, JsonValue]
    steps: list[PracticeStep] = Field(default_factory=list[PracticeStep])
    evaluations: list[Evaluation] = Field(default_factory=list[Evaluation])
    lost: Spent = Spent()
    stopped: str | None = None
    unmeasured: str | None = None
