"""What a run has spent, by its journal.

A phase of a run is a step or an arm of the evaluation. What a phase spent that the result does not
hold, because it was broken off or redone, is lost, and counted all the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from server.practice.records import Rollout, Score, Spent, StepLearning, total
from server.practice.run.journal import Journal, phase_of
from server.practice.run.teacher import TeacherAnswer


def spent(journal: Journal, *, but: Collection[str] = ()) -> Spent:
    """All that the run has spent, as far as the journal knows.

    Args:
        journal: The run's journal.
        but: Phases that do not count.
    """
    learned = list(journal.all("*/learned", StepLearning))
    told = {*but, *(phase_of(key) for key, _ in learned)}  # answers are part of the learning
    return total(
        [
            *(r.spent for key, r in journal.all("*/rollout", Rollout) if phase_of(key) not in but),
            *(s.spent for key, s in journal.all("*/score", Score) if phase_of(key) not in but),
            *(done.spent for key, done in learned if phase_of(key) not in but),
            *(
                answer.spent
                for key, answer in journal.all("*/answers/*", TeacherAnswer)
                if phase_of(key) not in told
            ),
            *(lost for _, lost in journal.all("lost/*", Spent)),
        ]
    )


def write_off(journal: Journal, spent: Spent, *, forget: str | None = None) -> str | None:
    """Count what was spent on something that the result will not hold; the key of the record.

    Args:
        journal: The run's journal.
        spent: How much.
        forget: The record in which it stands until now.
    """
    if spent != Spent():
        key = f"lost/{secrets.token_hex(6)}"
        journal.put(key, spent, instead_of=forget)
        return key
    if forget is not None:
        journal.forget(forget)
    return None


def learned_updates(journal: Journal) -> list[str]:
    """The updates that belong to steps of the run."""
    return [update for _, done in journal.all("*/learned", StepLearning) for update in done.updates]
