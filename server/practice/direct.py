"""Experiences that a model writes without any practice: one of the paper's ablations.

They are what the model knows anyway. A library that practised has to do better than this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from string import Template

from pydantic import BaseModel, Field

from experience_store.errors import AnswerRefusedError, BadInputError
from experience_store.learning.prompts.answers import Schema, Text, object_schema, read_answer
from experience_store.learning.prompts.blocks import Aim, clip
from experience_store.library import Library, State
from experience_store.operations import Add, Proposed, apply
from experience_store.store import Store
from experience_store.submissions.clean_text import clean
from server.learning.models import Correction
from server.practice.accounts import write_off
from server.practice.errors import RunStoppedError
from server.practice.journal import Journal
from server.practice.records import Learned, Step, Task, total
from server.practice.teacher import GivenAnswer, MeteredModel
from server.rendering import applied_change, refused_change

TRIES = 2  # the second with what was wrong with the first
EXAMPLES = 5
EXAMPLE_TOKENS = 400
_RECENT = 100  # versions
_ANSWERS = "steps/0001/answers/direct"
_TEXT: Mapping[str, object] = {"type": "string"}


class _Written(BaseModel):
    name: Text
    experience: Text


class _Answer(BaseModel):
    experiences: list[_Written] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class DirectQuestion:
    """The request for experiences without practice."""

    library: Library
    tasks: Sequence[Task]
    count: int

    @property
    def step(self) -> str:
        """The kind of question."""
        return "direct"

    @property
    def schema(self) -> Schema:
        """Of the answer."""
        experience = object_schema({"name": _TEXT, "experience": _TEXT})
        return object_schema({"experiences": {"type": "array", "items": experience}})

    @property
    def prompt(self) -> str:
        """The prompt; the same at every rendering."""
        examples = [
            f"{number}. {clip(task.prompt, EXAMPLE_TOKENS)}"
            for number, task in enumerate(self.tasks[:EXAMPLES], start=1)
        ]
        return _template().substitute(
            objectives=Aim.of(self.library).text(),
            examples="\n\n".join(examples),
            count=self.count,
            max_words=self.library.policy.max_words,
        )


async def write_directly(
    journal: Journal, model: MeteredModel, store: Store, question: DirectQuestion, note: str
) -> Step:
    """Have the experiences written and put them into the library; once in a run.

    It counts as a step without attempts.

    Args:
        journal: Of the run.
        model: Writes them.
        store: Holds the library.
        question: What is asked.
        note: Of the version; by it a run finds what it wrote before it was killed.

    Raises:
        RunStoppedError: If the model does not answer in a usable way.
        EndpointRefusedError: If its endpoint refuses every call.
        BudgetSpentError: If the run may not spend more.
    """

    async def write() -> Learned:
        name = question.library.name
        earlier = await store.libraries.history(name, before=None, limit=_RECENT)
        version = next((v for v in earlier if v.note == note), None)
        if version is None:
            additions = await _ask(journal, model, question, await store.libraries.state(name))
            author = f"model {model.name}"
            try:
                version = await store.libraries.edit(name, additions, author=author, note=note)
            except BadInputError as error:
                raise RunStoppedError(
                    f"library {name!r} moved on meanwhile ({error}). The same command tries again."
                ) from error
        return Learned(
            before=version.parent or 0,
            version=version.number,
            size=version.size,
            changes=[applied_change(applied).in_words() for applied in version.operations],
            refused=[refused_change(refusal).in_words() for refusal in version.refusals],
            spent=total(given.spent for _, given in journal.all(f"{_ANSWERS}/*", GivenAnswer)),
        )

    learned = await journal.once("steps/0001/learned", Learned, write)
    return Step(number=1, epoch=1, groups=[], learned=learned)


async def _ask(
    journal: Journal, model: MeteredModel, question: DirectQuestion, state: State
) -> list[Add]:
    """The first answer that the library takes; answers are kept in the journal as they come."""
    correction: Correction | None = None
    for number in range(1, TRIES + 1):
        given = await journal.once(
            f"{_ANSWERS}/{number}", GivenAnswer, partial(model.answer, question, correction)
        )
        try:
            return _additions(read_answer(_Answer, given.text), question, state)
        except AnswerRefusedError as error:
            correction = Correction(given.text, str(error))
    for key, given in journal.all(f"{_ANSWERS}/*", GivenAnswer):
        write_off(journal, given.spent, forget=key)
    assert correction is not None, "there was at least one try"
    raise RunStoppedError(
        f"the teacher's answers cannot be used: {correction.reason}. The same command asks again."
    )


def _additions(answer: _Answer, question: DirectQuestion, state: State) -> list[Add]:
    """What is added to the library.

    Raises:
        AnswerRefusedError: If the library would not take all of it.
    """
    additions = [
        Add(name=clean(w.name).strip(), text=clean(w.experience).strip())
        for w in answer.experiences[: question.count]
    ]
    numbered = [Proposed(add, (str(n),)) for n, add in enumerate(additions, start=1)]
    if refused := apply(state, numbered, question.library.policy).refused:
        raise AnswerRefusedError(
            "; ".join(f"experience {r.sources[0]}: {r.reason}" for r in refused)
        )
    return additions


def _template() -> Template:
    text = files("server.practice").joinpath("direct.md").read_text(encoding="utf-8")
    return Template(text)
