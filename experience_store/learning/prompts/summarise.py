"""Retell one long attempt (the paper's trajectory summary)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BaseModel, StringConstraints

from experience_store.learning.prompts import blocks
from experience_store.learning.prompts.answers import (
    RawAnswer,
    Schema,
    Text,
    object_schema,
    read_answer,
)
from experience_store.learning.transcript import quote, shorten
from experience_store.library import Experience
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Group, Trajectory


@dataclass(frozen=True, slots=True)
class Summary:
    """The short account of one attempt."""

    text: str


class _SummaryAnswer(BaseModel):
    summary: Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class Summarise:
    """The question for a summary.

    Attributes:
        served: The experiences that the attempt had been given.
        rewarded: Whether rewards, ground truth and feedback may be told.
        max_tokens: Estimated tokens of the whole prompt.
    """

    aim: blocks.Aim
    group: Group
    trajectory: Trajectory
    served: tuple[Experience, ...]
    rewarded: bool
    max_tokens: int
    schema: ClassVar[Schema] = object_schema({"summary": {"type": "string"}})

    def prompt(self) -> str:
        """The prompt, of at most about `max_tokens` estimated tokens."""
        fixed = self._fill("", "")
        room = max(blocks.MIN_ATTEMPT_TOKENS, self.max_tokens - estimate_tokens(fixed) - 40)
        short = shorten(self.trajectory.messages, room)
        return self._fill(short.text, short.left_out)

    def read(self, raw: RawAnswer) -> Summary:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return Summary(read_answer(_SummaryAnswer, raw).summary)

    def _fill(self, attempt: str, left_out: str) -> str:
        return blocks.template("summarise").substitute(
            objectives=self.aim.text(),
            task=blocks.task(self.group),
            ground_truth=blocks.ground_truth(self.group, rewarded=self.rewarded),
            experiences=_served(self.served),
            reward=blocks.reward_attribute(self.trajectory, rewarded=self.rewarded),
            attempt=quote(attempt),
            left_out=f"(The transcript was shortened: {left_out}.)\n" if left_out else "",
            feedback=blocks.feedback(self.trajectory, rewarded=self.rewarded),
            judgement=(
                "Where it went right or wrong, given its reward (higher is better)"
                ", the feedback and the reference where there are any."
                if self.rewarded
                else "Where it was in doubt, met errors or corrected itself. Nobody has scored it: "
                "do not judge it."
            ),
        )


def _served(experiences: tuple[Experience, ...]) -> str:
    if not experiences:
        return ""
    listed = blocks.listed(experiences)
    return f"The agent had been given:\n<experiences>\n{listed}\n</experiences>\n"
