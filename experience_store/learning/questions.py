"""The three questions an update puts to a language model: typed input, prompt, schema, reading.

Each question renders to one self-contained prompt. What comes from outside (tasks, attempts,
feedback) stands inside tags and cannot close them; the prompt says that it is material, not
instruction. Prompts are the files beside this module; every rendering has a golden test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import ClassVar, TypeAlias

from experience_store.learning.answers import (
    COMPARISON_SCHEMA,
    CONSOLIDATION_SCHEMA,
    SUMMARY_SCHEMA,
    Comparison,
    Consolidation,
    RawAnswer,
    Schema,
    Summary,
    read_comparison,
    read_consolidation,
    read_summary,
)
from experience_store.learning.transcript import common_beginning, length, quote, shorten
from experience_store.library import Experience
from experience_store.operations import Add, Keep, Merge, Operation, Retire, Revise
from experience_store.tokens import clip_to_tokens, estimate_tokens
from experience_store.trajectory import Group, Message, Trajectory

TASK_TOKENS = 600
GROUND_TRUTH_TOKENS = 300
FEEDBACK_TOKENS = 120
MIN_ATTEMPT_TOKENS = 120


@dataclass(frozen=True, slots=True)
class Aim:
    """What the library is for, and the bounds its policy sets to an answer."""

    agent_objective: str | None
    learning_objective: str | None
    max_words: int
    max_lessons: int

    def text(self) -> str:
        """The objectives as they stand in prompts; empty when there are none."""
        lines = [
            f"{label}: {quote(clip_to_tokens(value, 200))}"
            for label, value in (
                ("The agent's work", self.agent_objective),
                ("What it should get better at", self.learning_objective),
            )
            if value
        ]
        return "\n".join(["", *lines, ""]) if lines else ""


@dataclass(frozen=True, slots=True)
class Summarise:
    """Retell one long attempt (the paper's trajectory summary)."""

    aim: Aim
    group: Group
    trajectory: Trajectory
    served: tuple[Experience, ...]
    rewarded: bool
    max_tokens: int
    schema: ClassVar[Schema] = SUMMARY_SCHEMA

    def prompt(self) -> str:
        """The prompt, of at most about `max_tokens` estimated tokens."""
        fixed = self._fill("", "")
        room = max(MIN_ATTEMPT_TOKENS, self.max_tokens - estimate_tokens(fixed) - 40)
        short = shorten(self.trajectory.messages, room)
        return self._fill(short.text, short.left_out)

    def read(self, raw: RawAnswer) -> Summary:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return read_summary(raw)

    def _fill(self, attempt: str, left_out: str) -> str:
        feedback = self.trajectory.feedback if self.rewarded else None
        return _template("summarise").substitute(
            objectives=self.aim.text(),
            task=_clip(self.group.task, TASK_TOKENS),
            ground_truth=_ground_truth(self.group, rewarded=self.rewarded),
            experiences=_served(self.served),
            standing=f' reward="{_number(self.trajectory.reward)}"' if self.rewarded else "",
            attempt=quote(attempt),
            left_out=f"(The transcript was shortened: {left_out}.)\n" if left_out else "",
            feedback=_tagged("feedback", feedback, FEEDBACK_TOKENS),
            judgement=(
                "Where it went right or wrong, given its reward (higher is better)"
                ", the feedback and the reference where there are any."
                if self.rewarded
                else "Where it was in doubt, met errors or corrected itself. Nobody has scored it: "
                "do not judge it."
            ),
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt in a comparison: its summary if it has one, else its transcript."""

    trajectory: Trajectory
    served: tuple[str, ...] = ()
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """Compare the attempts of one group (the paper's group relative semantic advantage).

    Attributes:
        attempts: The attempts to compare, best first.
        experiences: The existing experiences relevant to the task, best first.
        more_experiences: How many others the library has.
        left_out: Attempts of the group that are not compared (unscored, or too many).
        max_tokens: Estimated tokens of the whole prompt.
    """

    aim: Aim
    group: Group
    attempts: tuple[Attempt, ...]
    experiences: tuple[Experience, ...]
    more_experiences: int
    left_out: str
    rewarded: bool
    max_tokens: int
    schema: ClassVar[Schema] = COMPARISON_SCHEMA

    def prompt(self) -> str:
        """The prompt, of at most about `max_tokens` estimated tokens."""
        beginning = common_beginning([a.trajectory for a in self.attempts])
        fixed = estimate_tokens(self._fill("", "")) + 40 * len(self.attempts)
        fixed += sum(estimate_tokens(self._feedback(a)) for a in self.attempts)
        room = max(MIN_ATTEMPT_TOKENS * len(self.attempts), self.max_tokens - fixed)
        circumstances = _circumstances(beginning, room // 6)
        room -= estimate_tokens(circumstances)
        texts = [self._content(a, len(beginning)) for a in self.attempts]
        shares = share_out(room, [_cost(text) for text in texts])
        blocks = [
            self._block(number, attempt, text, share)
            for number, (attempt, text, share) in enumerate(
                zip(self.attempts, texts, shares, strict=True), start=1
            )
        ]
        return self._fill(circumstances, "\n".join(blocks))

    def read(self, raw: RawAnswer) -> Comparison:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return read_comparison(raw)

    def _fill(self, circumstances: str, attempts: str) -> str:
        return _template("compare" if self.rewarded else "compare_unrewarded").substitute(
            objectives=self.aim.text(),
            max_lessons=self.aim.max_lessons,
            max_words=self.aim.max_words,
            experiences=_listed(self.experiences),
            more_experiences=(
                f"({self.more_experiences} others, less relevant to this task, are not shown.)\n"
                if self.more_experiences
                else ""
            ),
            task=_clip(self.group.task, TASK_TOKENS),
            ground_truth=_ground_truth(self.group, rewarded=self.rewarded),
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

    def _content(self, attempt: Attempt, shared: int) -> str | tuple[Message, ...]:
        if attempt.summary is not None:
            return attempt.summary
        return attempt.trajectory.messages[shared:] or attempt.trajectory.messages[-1:]

    def _block(
        self, number: int, attempt: Attempt, content: str | tuple[Message, ...], tokens: int
    ) -> str:
        text, note = _fitted(content, tokens)
        standing = f' reward="{_number(attempt.trajectory.reward)}"' if self.rewarded else ""
        served = f' experiences_given="{", ".join(attempt.served)}"' if attempt.served else ""
        left_out = f"\n({note})" if note else ""
        return (
            f'<attempt number="{number}"{standing}{served}>\n{quote(text)}{left_out}\n</attempt>'
            f"{self._feedback(attempt)}"
        )

    def _feedback(self, attempt: Attempt) -> str:
        feedback = attempt.trajectory.feedback if self.rewarded else None
        block = _tagged("feedback", feedback, FEEDBACK_TOKENS)
        return f"\n{block.rstrip()}" if block else ""


@dataclass(frozen=True, slots=True)
class NumberedProposal:
    """A proposal under the name that the answer refers to it by, with the reasons behind it."""

    name: str
    operation: Operation
    reasons: str


@dataclass(frozen=True, slots=True)
class Consolidate:
    """Make one list of the proposals of several comparisons (the paper's optimisation)."""

    aim: Aim
    experiences: tuple[Experience, ...]
    library_size: int
    proposals: tuple[NumberedProposal, ...]
    schema: ClassVar[Schema] = CONSOLIDATION_SCHEMA

    def prompt(self) -> str:
        """The prompt."""
        return _template("consolidate").substitute(
            objectives=self.aim.text(),
            max_words=self.aim.max_words,
            experiences=self._shown(),
            proposals="\n".join(_proposals(self.proposals)),
        )

    def _shown(self) -> str:
        if not self.library_size:
            return "The library is empty so far."
        if not self.experiences:
            return f"None of the library's {self.library_size} experiences is touched or resembled."
        return (
            f"Of the library's {self.library_size} experiences, the proposals touch or resemble:\n"
            f"<experiences>\n{_listed(self.experiences)}\n</experiences>"
        )

    def read(self, raw: RawAnswer) -> Consolidation:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return read_consolidation(raw)


Question: TypeAlias = Summarise | Compare | Consolidate


def share_out(room: int, wants: Sequence[int]) -> list[int]:
    """Divide `room` so that nobody gets more than it wants and the rest is shared evenly."""
    shares = [0] * len(wants)
    by_want = sorted(range(len(wants)), key=lambda i: wants[i])
    for served, position in enumerate(by_want):
        shares[position] = min(wants[position], room // (len(wants) - served))
        room -= shares[position]
    return shares


def _cost(content: str | tuple[Message, ...]) -> int:
    return (estimate_tokens(content) if isinstance(content, str) else length(content)) + 8


def _fitted(content: str | tuple[Message, ...], tokens: int) -> tuple[str, str]:
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


def _ground_truth(group: Group, *, rewarded: bool) -> str:
    return _tagged("ground_truth", group.ground_truth if rewarded else None, GROUND_TRUTH_TOKENS)


def _tagged(tag: str, text: str | None, tokens: int) -> str:
    return f"<{tag}>\n{_clip(text, tokens)}\n</{tag}>\n" if text else ""


def _served(experiences: tuple[Experience, ...]) -> str:
    if not experiences:
        return ""
    return f"The agent had been given:\n<experiences>\n{_listed(experiences)}\n</experiences>\n"


def _listed(experiences: Sequence[Experience]) -> str:
    return "\n".join(f"{e.id} {quote(e.line())}" for e in experiences) or "(none yet)"


def _proposals(proposals: Sequence[NumberedProposal]) -> list[str]:
    lines: list[str] = []
    reasons = ""
    for proposal in proposals:
        if proposal.reasons != reasons:
            reasons = proposal.reasons
            lines.append(f"Because: {_clip(' '.join(reasons.split()), 120)}")
        lines.append(f"{proposal.name}: {_described(proposal.operation)}")
    return lines


def _described(operation: Operation) -> str:
    match operation:
        case Add(name=name, text=text):
            return f"Add {quote(name)}: {quote(text)}"
        case Revise(id=id_, name=name, text=text):
            return f"Revise {id_} to {quote(name)}: {quote(text)}"
        case Merge(ids=ids, name=name, text=text):
            return f"Merge {', '.join(ids)} to {quote(name)}: {quote(text)}"
        case Retire(id=id_):
            return f"Retire {id_}"
        case Keep(id=id_):
            return f"Keep {id_ or 'all'}"


def _clip(text: str, tokens: int) -> str:
    return quote(clip_to_tokens(text, tokens))


def _number(reward: float | None) -> str:
    return "unscored" if reward is None else f"{reward:.12g}"


@cache
def _template(name: str) -> Template:
    path = files("experience_store.learning") / "prompts" / f"{name}.md"
    return Template(path.read_text(encoding="utf-8"))
