r"""Verifiers that compare the answer with the ground truth as text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from server.practice.records import Rollout, Score, Task
from server.practice.verifiers.answer_extraction import final_answer
from server.practice.verifiers.protocol import require_truth, shortened, truth

_QUOTES = "\"'`*_\u2018\u2019\u201c\u201d\u00ab\u00bb$,:; \\"
_ENDS = f"{_QUOTES}.?"


class ExactVerifier:
    """1 if the whole answer is the ground truth, character for character, else 0.

    Only space around it does not count.
    """

    name = "exact"

    def check(self, tasks: Sequence[Task]) -> None:
        """Every task needs a ground truth."""
        require_truth(self.name, tasks)

    async def verify(self, task: Task, rollout: Rollout) -> Score:
        """See the class."""
        right = rollout.answer.strip() == truth(task).strip()
        return Score(reward=float(right), feedback=None if right else "not the exact answer")

    async def close(self) -> None:
        """Nothing to let go of."""


class MatchVerifier:
    r"""1 if the answer says what the ground truth says, else 0.

    The answer is the whole text, or the part that is marked as the answer: in `<answer>` tags, in
    `\boxed{}`, or after "answer:" (see `finding`). Both sides are normalised: Unicode NFKC, no
    case, single spaces, and at both ends no quotes, emphasis, dollar signs, commas, colons and
    semicolons, nor full stops and question marks at the end. Signs and brackets stay: -5 is
    not 5, and 5! is not 5.
    """

    name = "match"

    def check(self, tasks: Sequence[Task]) -> None:
        """Every task needs a ground truth."""
        require_truth(self.name, tasks)

    async def verify(self, task: Task, rollout: Rollout) -> Score:
        """See the class."""
        wanted, final = normalised(truth(task)), final_answer(rollout.answer)
        right = wanted in {normalised(rollout.answer), normalised(final)}
        feedback = None if right else f"not the right answer: {shortened(final) or '(empty)'}"
        return Score(reward=float(right), feedback=feedback)

    async def close(self) -> None:
        """Nothing to let go of."""


def normalised(text: str) -> str:
    """The text as `Match` compares it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    single = re.sub(r"\s+", " ", folded)
    return single.lstrip(_QUOTES).rstrip(_ENDS)
