"""What a run of practice does, before it does it."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.practice.client.library import Withheld
from server.practice.datasets import shuffled
from server.practice.records import Task


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
