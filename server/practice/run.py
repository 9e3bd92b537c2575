"""A run from its first attempt to its last: the paper's loop, as a client of the server.

Each step takes a batch of tasks and has every task attempted by a group of rollouts, with the
library's current experiences in the prompt. The groups are handed in, in the order of the tasks,
and the run waits until the server has learned from them; only then does the next step begin. So
what is learned does not depend on which rollout finished first.

Held-out tasks are attempted without the library and with it, and compared in pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from experience_store.submissions.clean_text import MAX_ID
from server.practice.accounts import learned_updates, spent
from server.practice.beginning import Beginning, takes
from server.practice.errors import RunStoppedError
from server.practice.journal import Journal, task_key
from server.practice.library_client import LibraryClient
from server.practice.plan import Plan
from server.practice.playing import Playing
from server.practice.records import (
    Arm,
    Evaluation,
    Group,
    Learned,
    Record,
    Run,
    Served,
    Spent,
    Step,
    Task,
    total,
)
from server.practice.same_library import SameLibrary
from server.practice.teacher import GivenAnswer


class HandedIn(Record):
    """What the server said of a group."""

    signal: bool


@dataclass
class Runner:
    """Does a plan, and what of it is in the journal already only counts.

    Attributes:
        name: Of the run.
        model: The name of the model that plays.
        practice: Plays the groups of practice; `trial` those of the evaluation.
        policy: What a library elsewhere must allow, so that it learns from this run.
    """

    name: str
    model: str
    plan: Plan
    beginning: Beginning
    journal: Journal
    library: LibraryClient
    same: SameLibrary
    practice: Playing
    trial: Playing
    policy: tuple[str, ...] = ()
    steps: list[Step] = field(default_factory=list[Step])
    evaluations: list[Evaluation] = field(default_factory=list[Evaluation])

    async def practise(self) -> None:
        """All steps, and around them the evaluation if there are held-out tasks."""
        if self.plan.held_out:
            await self.evaluate("without")
        for number, (epoch, tasks) in enumerate(self.plan.batches(), start=1):
            step = await self._step(number, epoch, tasks)
            self.steps.append(step)
        if self.plan.held_out:
            await self.evaluate("with")

    def needs_library(self, steps: int, arms: Collection[Arm]) -> bool:
        """Whether something is left to do that needs the library.

        Args:
            steps: Of the run.
            arms: Of its evaluation.
        """
        learned = len(self.journal.keys("steps/*/learned"))
        return learned < steps or ("with" in arms and not self.tried("with"))

    def tried(self, arm: Arm) -> bool:
        """Whether every attempt of an arm is done."""
        done = len(self.journal.keys(f"{_arm_key(arm)}/*/score"))
        return done >= len(self.plan.held_out) * self.plan.k

    async def evaluate(self, arm: Arm) -> None:
        """One arm of the evaluation."""
        tasks = self.plan.held_out
        served: list[Served | None] = [None] * len(tasks)
        key = _arm_key(arm)
        if arm == "with":
            if not self.tried(arm):
                await self.same.check()
            served = [await self._served(key, task) for task in tasks]
        versions = {s.version for s in served if s is not None}
        if len(versions) > 1:
            raise RunStoppedError(
                f"the library moved from version {min(versions)} to {max(versions)} while it was "
                "evaluated: evaluate it again, in another folder (--run)"
            )
        what = f"evaluating {arm} experiences"
        pairs = list(zip(tasks, served, strict=True))
        groups = await self.trial.groups(key, what, pairs, self.plan.k)
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
            settings=self.beginning.settings,
            steps=self.steps,
            evaluations=self.evaluations,
            lost=lost + await self._unlearned(),
            stopped=stopped,
        )

    async def _step(self, number: int, epoch: int, tasks: Sequence[Task]) -> Step:
        key = _step_key(number)
        begun = self.journal.get(f"{key}/learned", Learned) is None
        if begun:
            await self.same.check()
        served = [await self._served(key, task) for task in tasks]
        what = f"step {number}, epoch {epoch}"
        pairs = [(task, s) for task, s in zip(tasks, served, strict=True)]
        groups = await self.practice.groups(key, what, pairs, self.plan.group_size)
        if begun:
            await self.same.check(served)
        groups = [
            group.model_copy(update={"signal": await self._hand_in(key, group, s)})
            for group, s in zip(groups, served, strict=True)
        ]
        learned = await self.journal.once(
            f"{key}/learned", Learned, lambda: self._learn(key, served)
        )
        return Step(number=number, epoch=epoch, groups=groups, learned=learned)

    async def _served(self, key: str, task: Task) -> Served:
        return await self.journal.once(
            f"{task_key(key, task.id)}/served",
            Served,
            lambda: self.library.serve(task, self.plan.max_tokens),
        )

    async def _hand_in(self, key: str, group: Group, served: Served) -> bool:
        async def hand_in() -> HandedIn:
            signal = await self.library.submit(
                self._group_id(key, group.task), group, served, self.model, self.plan.withheld
            )
            return HandedIn(signal=signal)

        under = task_key(key, group.task.id)
        return (await self.journal.once(f"{under}/handed-in", HandedIn, hand_in)).signal

    async def _learn(self, key: str, served: Sequence[Served]) -> Learned:
        await self.same.check(served)
        await self._check_policy()
        await self.library.learn(self.journal, key)
        own = total(a.spent for _, a in self.journal.all(f"{key}/answers/*", GivenAnswer))
        return await self.library.learned(min(s.version for s in served), self._known(), own)

    async def _check_policy(self) -> None:
        """Raise RunStoppedError if a library elsewhere does not learn from what it was given."""
        if not self.policy or (await self.library.standing()).waiting:
            return
        if set(await self.library.update_ids()) <= set(self._known()):
            flags = " ".join(f"--{name.replace('_', '-')}" for name in self.policy)
            raise RunStoppedError(
                f"library {self.library.library!r} does not learn from what this run hands in: run "
                f"`experience-mcp describe {self.library.library} {flags}` where its server is, "
                "then this command again"
            )

    async def _unlearned(self) -> Spent:
        """What the server spent on a step that is not done; a server that is gone cannot say."""
        try:
            return await self.library.spent_since(self._known())
        except RunStoppedError:
            return Spent()

    def _known(self) -> list[str]:
        return [*self.beginning.known, *learned_updates(self.journal)]

    def _group_id(self, key: str, task: Task) -> str:
        take = takes(self.journal)
        again = f".{take + 1}" if take else ""
        group_id = f"practice-{self.beginning.id}{again}-{key.removeprefix('steps/')}-{task.id}"
        if len(group_id) <= MAX_ID:
            return group_id
        return f"{group_id[: MAX_ID - 17]}-{hashlib.sha256(group_id.encode()).hexdigest()[:16]}"


def _step_key(number: int) -> str:
    return f"steps/{number:04}"


def _arm_key(arm: Arm) -> str:
    return f"evaluation/{arm}"
