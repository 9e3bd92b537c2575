"""Compare the attempts of one group (the paper's group relative semantic advantage).

Why did the winners win, and what follows for the library? All attempts stand in one prompt, each
as its summary or as its transcript, and share what room there is. The beginning that they have in
common is told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BaseModel, Field

from experience_store.learning.prompts import blocks
from experience_store.learning.prompts.answers import (
    MAX_OPERATIONS,
    OPERATION,
    RawAnswer,
    Schema,
    Suggestion,
    Text,
    object_schema,
    read_answer,
    read_suggestions,
)
from experience_store.learning.transcript import common_beginning, length, quote, shorten
from experience_store.library import Experience
from experience_store.token_estimate import clip_to_tokens, estimate_tokens
from experience_store.trajectory import Group, Message, Trajectory

_Content: TypeAlias = str | tuple[Message, ...]  # a summary, or what is told of a transcript


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why the winners won, and what the library should learn from it."""

    reasons: str
    suggestions: tuple[Suggestion, ...]


class _Answer(BaseModel):
    reasons: Text = ""
    operations: Annotated[list[object], Field(max_length=MAX_OPERATIONS)]


def read_comparison(raw: RawAnswer) -> Comparison:
    """Read the answer to a Compare question; raises AnswerRefusedError when it does not fit."""
    answer = read_answer(_Answer, raw)
    return Comparison(answer.reasons, read_suggestions(answer.operations))


@dataclass(frozen=True, slots=True)
class ComparedAttempt:
    """An attempt in a comparison: its summary if it has one, else its transcript."""

    trajectory: Trajectory
    served: tuple[str, ...] = ()
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """The question for a comparison.

    Attributes:
        attempts: The attempts to compare, best first.
        experiences: The existing experiences relevant to the task, best first.
        more_experiences: How many others the library has.
        left_out: Attempts of the group that are not compared (unscored, or too many).
        rewarded: Whether rewards, ground truth and feedback may be told.
        max_tokens: Estimated tokens of the whole prompt.
    """

    aim: blocks.Aim
    group: Group
    attempts: tuple[ComparedAttempt, ...]
    experiences: tuple[Experience, ...]
    more_experiences: int
    left_out: str
    rewarded: bool
    max_tokens: int
    schema: ClassVar[Schema] = object_schema(
        {
            "reasons": {"type": "string"},
            "operations": {"type": "array", "items": object_schema(OPERATION)},
        }
    )

    def prompt(self) -> str:
        """The prompt, of at most about `max_tokens` estimated tokens."""
        beginning = common_beginning([a.trajectory for a in self.attempts])
        fixed = estimate_tokens(self._fill("", "")) + 40 * len(self.attempts)
        fixed += sum(estimate_tokens(self._feedback(a)) for a in self.attempts)
        room = max(blocks.MIN_ATTEMPT_TOKENS * len(self.attempts), self.max_tokens - fixed)
        circumstances = _circumstances(beginning, room // 6)
        room -= estimate_tokens(circumstances)
        contents = [_content(a, len(beginning)) for a in self.attempts]
        shares = _share_out(room, [_cost(content) for content in contents])
        told = zip(self.attempts, contents, shares, strict=True)
        attempts = [self._block(number, *attempt) for number, attempt in enumerate(told, start=1)]
        return self._fill(circumstances, "\n".join(attempts))

    def read(self, raw: RawAnswer) -> Comparison:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return read_comparison(raw)

    def _fill(self, circumstances: str, attempts: str) -> str:
        return blocks.template(self._template()).substitute(
            objectives=self.aim.text(),
            max_lessons=self.aim.max_lessons,
            max_words=self.aim.max_words,
            experiences=blocks.listed(self.experiences),
            more_experiences=(
                f"({self.more_experiences} others, less relevant to this task, are not shown.)\n"
                if self.more_experiences
                else ""
            ),
            task=blocks.task(self.group),
            ground_truth=blocks.ground_truth(self.group, rewarded=self.rewarded),
            circumstances=circumstances,
            attempts=attempts,
            left_out=f"({self.left_out}.)\n" if self.left_out else "",
            evidence=(
                "The reference and the feedback tell what was right; the attempts tell how to "
                "get there."
                if self.group.ground_truth or any(a.trajectory.feedback for a in self.attempts)
                else "There is no reference: the rewards tell which way was right."
            ),
        )

    def _template(self) -> str:
        if not self.rewarded:
            return "compare_unrewarded"
        return "compare" if len(self.attempts) > 1 else "learn_from_one"

    def _block(self, number: int, attempt: ComparedAttempt, content: _Content, tokens: int) -> str:
        text, note = _fitted(content, tokens)
        reward = blocks.reward_attribute(attempt.trajectory, rewarded=self.rewarded)
        served = f' experiences_given="{", ".join(attempt.served)}"' if attempt.served else ""
        left_out = f"\n({note})" if note else ""
        return (
            f'<attempt number="{number}"{reward}{served}>\n{quote(text)}{left_out}\n</attempt>'
            f"{self._feedback(attempt)}"
        )

    def _feedback(self, attempt: ComparedAttempt) -> str:
        block = blocks.feedback(attempt.trajectory, rewarded=self.rewarded)
        return f"\n{block.rstrip()}" if block else ""


def _content(attempt: ComparedAttempt, shared: int) -> _Content:
    if attempt.summary is not None:
        return attempt.summary
    return attempt.trajectory.messages[shared:] or attempt.trajectory.messages[-1:]


def _share_out(room: int, wants: Sequence[int]) -> list[int]:
    """Divide `room` so that nobody gets more than it wants and the rest is shared evenly."""
    shares = [0] * len(wants)
    by_want = sorted(range(len(wants)), key=lambda i: wants[i])
    for served, position in enumerate(by_want):
        shares[position] = min(wants[position], room // (len(wants) - served))
        room -= shares[position]
    return shares


def _cost(content: _Content) -> int:
    return (estimate_tokens(content) if isinstance(content, str) else length(content)) + 8


def _fitted(content: _Content, tokens: int) -> tuple[str, str]:
    """The content in at most so many tokens, and what was left out of it."""
    if isinstance(content, str):
        return clip_to_tokens(content, tokens), ""
    short = shorten(content, tokens)
    return short.text, short.left_out


def _circumstances(beginning: tuple[Message, ...], tokens: int) -> str:
    if not beginning:
        return ""
    short = shorten(beginning, tokens)
    note = "\n(Shortened: whole sentences are missing at […].)" if short.left_out else ""
    return (
        "All attempts began like this:\n"
        f"<circumstances>\n{quote(short.text)}{note}\n</circumstances>\n"
    )
