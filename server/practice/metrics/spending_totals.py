"""What a run spent, by purpose."""

from __future__ import annotations

from collections.abc import Iterable

from server.practice.metrics.attempt_metrics import attempts_of
from server.practice.records import AttemptGroup, JournalRecord, Run, Spent, total


class SpendingTotals(JournalRecord):
    """What a run spent. `whole` is the sum of the six purposes.

    Attributes:
        practice_rollouts: Inference in practice.
        practice_verification: Verifiers in practice that asked a language model.
        learning: What turned groups into experiences.
        evaluation_rollouts: Inference in evaluation, all arms.
        evaluation_verification: Verifiers in evaluation.
        lost: Attempts and steps that were broken off, unfinished, or redone.
        whole: All of it.
        unpriced: The purposes that made calls but have no cost; `whole` lacks theirs.
    """

    practice_rollouts: Spent
    practice_verification: Spent
    learning: Spent
    evaluation_rollouts: Spent
    evaluation_verification: Spent
    lost: Spent = Spent()
    whole: Spent
    unpriced: list[str]

    @property
    def parts(self) -> dict[str, Spent]:
        """What was spent for each purpose."""
        return {
            "practice_rollouts": self.practice_rollouts,
            "practice_verification": self.practice_verification,
            "learning": self.learning,
            "evaluation_rollouts": self.evaluation_rollouts,
            "evaluation_verification": self.evaluation_verification,
            "lost": self.lost,
        }


def totals(run: Run) -> SpendingTotals:
    """Add up what the run spent."""
    practised, verified = _spent(group for step in run.steps for group in step.groups)
    evaluated, judged = _spent(group for arm in run.evaluations for group in arm.groups)
    parts = {
        "practice_rollouts": practised,
        "practice_verification": verified,
        "learning": total(step.learned.spent for step in run.steps),
        "evaluation_rollouts": evaluated,
        "evaluation_verification": judged,
        "lost": run.lost,
    }
    unpriced = [purpose for purpose, spent in parts.items() if spent.calls and spent.cost is None]
    return SpendingTotals(**parts, whole=total(parts.values()), unpriced=unpriced)


def _spent(groups: Iterable[AttemptGroup]) -> tuple[Spent, Spent]:
    """For rollouts, and for verifying."""
    attempts = attempts_of(groups)
    return total(a.rollout.spent for a in attempts), total(a.score.spent for a in attempts)
