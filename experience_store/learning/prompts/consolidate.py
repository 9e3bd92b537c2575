"""Make one list of what several comparisons propose (the paper's optimisation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field

from experience_store.learning.prompts import blocks
from experience_store.learning.prompts.answers import (
    MAX_OPERATIONS,
    OPERATION,
    RawAnswer,
    Schema,
    Suggestion,
    object_schema,
    read_answer,
    read_suggestions,
)
from experience_store.learning.transcript import quote
from experience_store.library import Experience
from experience_store.operations import Add, Keep, Merge, Operation, Retire, Revise

_REASONS_TOKENS = 120
_MAX_OPERATIONS = 4 * MAX_OPERATIONS  # well above the proposals of a request


@dataclass(frozen=True, slots=True)
class Consolidation:
    """One list made of the proposals of several comparisons."""

    suggestions: tuple[Suggestion, ...]


class _ConsolidationAnswer(BaseModel):
    operations: Annotated[list[object], Field(max_length=_MAX_OPERATIONS)]


_ORIGIN = {"from": {"type": "array", "items": {"type": "string"}}}


@dataclass(frozen=True, slots=True)
class NumberedProposal:
    """A proposal, its reasons, and the name by which the answer refers to it."""

    name: str
    operation: Operation
    reasons: str


@dataclass(frozen=True, slots=True)
class Consolidate:
    """The question for a consolidation.

    Attributes:
        experiences: Those that the proposals touch or resemble.
        library_size: How many the library has in all.
    """

    aim: blocks.Aim
    experiences: tuple[Experience, ...]
    library_size: int
    proposals: tuple[NumberedProposal, ...]
    schema: ClassVar[Schema] = object_schema(
        {"operations": {"type": "array", "items": object_schema({**OPERATION, **_ORIGIN})}}
    )

    def prompt(self) -> str:
        """The prompt."""
        return blocks.template("consolidate").substitute(
            objectives=self.aim.text(),
            max_words=self.aim.max_words,
            experiences=self._shown(),
            proposals="\n".join(_proposals(self.proposals)),
        )

    def read(self, raw: RawAnswer) -> Consolidation:
        """Read an answer; raises AnswerRefusedError when it does not fit."""
        return Consolidation(read_suggestions(read_answer(_ConsolidationAnswer, raw).operations))

    def _shown(self) -> str:
        if not self.library_size:
            return "The library is empty so far."
        if not self.experiences:
            return f"None of the library's {self.library_size} experiences is touched or resembled."
        return (
            f"Of the library's {self.library_size} experiences, the proposals touch or resemble:\n"
            f"<experiences>\n{blocks.listed(self.experiences)}\n</experiences>"
        )


def _proposals(proposals: Sequence[NumberedProposal]) -> Iterator[str]:
    """A line for each proposal, after a line with the reasons that several share."""
    reasons = ""
    for proposal in proposals:
        if proposal.reasons != reasons:
            reasons = proposal.reasons
            yield f"Because: {blocks.clip(' '.join(reasons.split()), _REASONS_TOKENS)}"
        yield f"{proposal.name}: {_described(proposal.operation)}"


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
