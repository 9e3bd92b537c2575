"""A run from its first attempt to its last: the paper's loop, as a client of the server.

Each step takes a batch of tasks and has every task attempted by a group of rollouts, with the
library's current experiences in the prompt. The groups are submitted in the order of the tasks,
and the run waits until the server has learned from them; only then does the next step begin. So
what is learned does not depend on which rollout finished first.

Held-out tasks are attempted without the library and with it, and compared in pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from experience_store.library import Library
from experience_store.submissions.clean_text import MAX_ID
from server.practice.client.library_client import LibraryClient, Withheld, spent_by_server
from server.practice.datasets import shuffled
from server.practice.records import (
    Arm,
    AttemptGroup,
    Evaluation,
    JournalRecord,
    PracticeStep,
    Run,
    Served,
    Spent,
    StepLearning,
    Task,
    TeacherAnswer,
    total,
)
from server.practice.run.direct import DirectQuestion, write_directly
from server.practice.run.group_runner import GroupRunner
from server.practice.run.journal import Journal, learned_updates, spent, task_key
from server.practice.run.learning import LibraryLearning
from server.practice.run.run_start import LibraryIdentity, RunStart, restarts
from server.practice.run.teacher import BudgetedModel
from server.practice.run_errors import RunStoppedError
from server.text import count


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run of practice does.

    Attributes:
        tasks: Tasks to practise on.
        held_out: Tasks to evaluate on, without the library before and with it after; may be empty.
        epochs: Passes over all tasks, each in another order.
        group_size: Attempts at a task in practice.
        batch_size: Tasks per step.
        k: Attempts at a held-out task.
        seed: Seed for the order of tasks and for the attempts' own seeds.
        max_tokens: Token budget for experiences in a prompt; None for the server's own.
        withheld: What the learner is not told.
        direct: Experiences that are written without practice, instead of the steps.
        arms: What is measured on the held-out tasks.
    """

    tasks: tuple[Task, ...]
    held_out: tuple[Task, ...] = ()
    epochs: int = 3
    group_size: int = 5
    batch_size: int = 100
    k: int = 1
    seed: int = 0
    max_tokens: int | None = None
    withheld: Withheld = field(default_factory=Withheld)
    direct: int | None = None
    arms: tuple[Arm, ...] = ("without", "with")

    @property
    def attempts(self) -> int:
        """All attempts, of practice and evaluation."""
        practised = 0 if self.direct else len(self.tasks) * self.epochs * self.group_size
        return practised + len(self.held_out) * self.k * len(self.arms)

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return 1 if self.direct else len(self.batches())

    def batches(self) -> list[tuple[int, tuple[Task, ...]]]:
        """The tasks of every step, each with its epoch."""
        return [
            (epoch, ordered[start : start + self.batch_size])
            for epoch in range(1, self.epochs + 1)
            for ordered in [shuffled(self.tasks, self.seed, epoch)]
            for start in range(0, len(ordered), self.batch_size)
        ]


class SubmitResult(JournalRecord):
    """The server's answer to a submitted group."""

    signal: bool


@dataclass
class Runner:
    """Does what a plan says; work that is in the journal already is not repeated.

    Attributes:
        name: The run's name.
        model: The name of the model that attempts the tasks.
        practice: Runs the groups of practice.
        evaluation: Runs the groups of the evaluation.
        teacher: Writes experiences without practice, if the plan says so.
        missing_policy: What the library's policy lacks to learn from this run.
    """

    name: str
    model: str
    plan: RunPlan
    start: RunStart
    journal: Journal
    library: LibraryClient
    identity: LibraryIdentity
    learning: LibraryLearning
    practice: GroupRunner
    evaluation: GroupRunner
    teacher: BudgetedModel
    missing_policy: tuple[str, ...] = ()
    unmeasured: str | None = None
    steps: list[PracticeStep] = field(default_factory=list[PracticeStep])
    evaluations: list[Evaluation] = field(default_factory=list[Evaluation])

    async def practise(self) -> None:
        """All steps, and around them the evaluation if there are held-out tasks."""
        if self.plan.held_out:
            await self.evaluate("without")
        if self.plan.direct:
            self.steps.append(await self._write_directly(self.plan.direct))
        else:
            for number, (epoch, tasks) in enumerate(self.plan.batches(), start=1):
                self.steps.append(await self._step(number, epoch, tasks))
        if self.plan.held_out:
            await self.evaluate("with")

    @property
    def progress(self) -> str:
        """How much is done, such as `24 of 94 attempts done`."""
        parts = ["steps", *(_arm_key(arm) for arm in self.plan.arms)]
        done = sum(len(self.journal.keys(f"{part}/*/score")) for part in parts)
        return f"{done:,} of {count(self.plan.attempts, 'attempt')} done"

    @property
    def is_learning(self) -> bool:
        """Whether a step is left to do."""
        return len(self.journal.keys("steps/*/learned")) < self.plan.steps

    def is_evaluated(self, arm: Arm) -> bool:
        """Whether every attempt of an arm is done."""
        done = len(self.journal.keys(f"{_arm_key(arm)}/*/score"))
        return done >= len(self.plan.held_out) * self.plan.k

    async def evaluate(self, arm: Arm) -> None:
        """One arm of the evaluation; with a library that serves nothing it is left out."""
        tasks = self.plan.held_out
        served: list[Served | None] = [None] * len(tasks)
        key = _arm_key(arm)
        if arm == "with":
            found = None if self.is_evaluated(arm) else await self.library.find()
            if not self.is_evaluated(arm):
                self.identity.check(found)
                if found is None or not found.experiences:
                    self.unmeasured = f"library {self.library.library!r} has no experiences"
                    return
            served = [await self._served(key, task) for task in tasks]
            if not any(s and s.experiences for s in served):
                self.unmeasured = f"library {self.library.library!r} serves none of its experiences"
                return
        versions = {s.version for s in served if s is not None}
        if len(versions) > 1:
            raise RunStoppedError(
                f"the library moved from version {min(versions)} to {max(versions)} while it was "
                "evaluated: evaluate it again, in another folder (--run)"
            )
        what = f"evaluating {arm} experiences"
        pairs = list(zip(tasks, served, strict=True))
        groups = await self.evaluation.groups(key, what, pairs, self.plan.k)
        self.evaluations.append(
            Evaluation(arm=arm, version=next(iter(versions), None), groups=groups)
        )

    async def result(self, stopped: str | None = None) -> Run:
        """The run as far as it is done."""
        done = [_step_key(step.number) for step in self.steps]
        done += [_arm_key(evaluation.arm) for evaluation in self.evaluations]
        lost = spent(self.journal, but=done)
        return Run(
            name=self.name,
            library=self.library.library,
            settings=self.start.settings,
            steps=self.steps,
            evaluations=self.evaluations,
            lost=lost + await self._unlearned(),
            stopped=None if stopped is None else self.journal.redactor.text(stopped),
            unmeasured=self.unmeasured,
        )

    async def _step(self, number: int, epoch: int, tasks: Sequence[Task]) -> PracticeStep:
        key = _step_key(number)
        is_learned = self.journal.get(f"{key}/learned", StepLearning) is not None
        if not is_learned:
            self._check_policy()
        served = [await self._served(key, task) for task in tasks]
        what = f"step {number}, epoch {epoch}"
        pairs = [(task, s) for task, s in zip(tasks, served, strict=True)]
        groups = await self.practice.groups(key, what, pairs, self.plan.group_size)
        if not is_learned:
            self.identity.check(await self.library.find(), served)
        groups = [
            group.model_copy(update={"signal": await self._submit(key, group, s)})
            for group, s in zip(groups, served, strict=True)
        ]
        if not is_learned:  # again: the first submission creates the library
            self.identity.check(await self.library.find(), served)
        learned = await self.journal.once(
            f"{key}/learned", StepLearning, lambda: self._learn(key, served)
        )
        return PracticeStep(number=number, epoch=epoch, groups=groups, learned=learned)

    async def _served(self, key: str, task: Task) -> Served:
        return await self.journal.once(
            f"{task_key(key, task.id)}/served",
            Served,
            lambda: self.library.serve(self.journal.redactor.record(task), self.plan.max_tokens),
        )

    async def _submit(self, key: str, group: AttemptGroup, served: Served) -> bool:
        async def submit() -> SubmitResult:
            signal = await self.library.submit(
                self._group_id(key, group.task), group, served, self.model, self.plan.withheld
            )
            return SubmitResult(signal=signal)

        under = task_key(key, group.task.id)
        return (await self.journal.once(f"{under}/handed-in", SubmitResult, submit)).signal

    async def _learn(self, key: str, served: Sequence[Served]) -> StepLearning:
        if await self.library.find() is None:  # nothing could be submitted
            return StepLearning(before=0, version=0, size=0)
        info = await self.learning.learn(key)
        by_teacher = total(a.spent for _, a in self.journal.all(f"{key}/answers/*", TeacherAnswer))
        before = min(s.version for s in served)
        return await self.learning.outcome(info, before, self._known(), by_teacher)

    async def _write_directly(self, count: int) -> PracticeStep:
        found = await self.library.find()
        if self.is_learning:
            self.identity.check(found)
        library = found.as_library() if found else Library(self.library.library)
        question = DirectQuestion(library, self.plan.tasks, count)
        note = f"written directly, run {self.start.id}"
        return await write_directly(self.journal, self.teacher, self.library, question, note)

    def _check_policy(self) -> None:
        """Raise RunStoppedError if the library would not learn from this run."""
        if self.missing_policy:
            flags = " ".join(f"--{name.replace('_', '-')}" for name in self.missing_policy)
            raise RunStoppedError(
                f"library {self.library.library!r} does not learn from what this run submits: run "
                f"`experience-mcp describe {self.library.library} {flags}` where its server is, "
                "then this command again"
            )

    async def _unlearned(self) -> Spent:
        """What the server spent on a step that is not done; a server that is gone cannot say."""
        known = self._known()
        try:
            updates = [u for u in await self.library.updates() if u.id not in known]
        except RunStoppedError:
            return Spent()
        return total(spent_by_server(updates).values())

    def _known(self) -> set[str]:
        return {*self.start.known, *learned_updates(self.journal)}

    def _group_id(self, key: str, task: Task) -> str:
        take = restarts(self.journal)
        again = f".{take + 1}" if take else ""
        group_id = f"practice-{self.start.id}{again}-{key.removeprefix('steps/')}-{task.id}"
        if len(group_id) <= MAX_ID:
            return group_id
        return f"{group_id[: MAX_ID - 17]}-{hashlib.sha256(group_id.encode()).hexdigest()[:16]}"


def _step_key(number: int) -> str:
    return f"steps/{number:04}"


def _arm_key(arm: Arm) -> str:
    return f"evaluation/{arm}"
