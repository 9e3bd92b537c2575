"""What a run has spent, by its journal."""

from __future__ import annotations

from server.practice.journal import Journal
from server.practice.records import Learned, Rollout, Score, Spent, total
from server.practice.teacher import GivenAnswer


def spent(journal: Journal) -> Spent:
    """All that the run has spent, as far as the journal knows."""
    return _recorded(journal, "*") + _answered(journal) + _lost(journal)


def lost(journal: Journal) -> Spent:
    """What was spent on attempts and steps that the result does not hold."""
    return _recorded(journal, "repeated/*") + _lost(journal)


def learned_updates(journal: Journal) -> list[str]:
    """The updates that belong to steps of the run."""
    return [update for _, done in journal.all("*/learned", Learned) for update in done.updates]


def _recorded(journal: Journal, under: str) -> Spent:
    return (
        total(rollout.spent for _, rollout in journal.all(f"{under}/rollout", Rollout))
        + total(score.spent for _, score in journal.all(f"{under}/score", Score))
        + total(learned.spent for _, learned in journal.all(f"{under}/learned", Learned))
    )


def _answered(journal: Journal) -> Spent:
    """What the teacher spent on steps that are not done; in others it is part of the learning."""
    done = {key.removesuffix("/learned") for key in journal.keys("*/learned")}
    return total(
        answer.spent
        for key, answer in journal.all("*/answers/*", GivenAnswer)
        if key.partition("/answers/")[0] not in done
    )


def _lost(journal: Journal) -> Spent:
    return total(spent for _, spent in journal.all("lost/*", Spent))
