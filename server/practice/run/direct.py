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

from experience_store.errors import AnswerRefusedError
from experience_store.learning.prompts.answers import Schema, Text, object_schema, read_answer
from experience_store.learning.prompts.blocks import Aim, clip
from experience_store.library import Experience, Library, State
from experience_store.operations import Add, Proposed, apply
from experience_store.submissions.clean_text import clean
from server.learning.models import Correction
from server.practice.client.library_client import LibraryClient, VersionView
from server.practice.records import PracticeStep, StepLearning, Task, TeacherAnswer, total
from server.practice.run.journal import Journal, write_off
from server.practice.run.teacher import BudgetedModel
from server.practice.run_errors import RunStoppedError

TRIES = 2  # the second with what was wrong with the first
EXAMPLES = 5
EXAMPLE_TOKENS = 400
_RECENT = 100  # versions among which a run looks for what it added before it was killed
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
        """The JSON schema of the answer."""
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
    journal: Journal,
    model: BudgetedModel,
    library: LibraryClient,
    question: DirectQuestion,
    note: str,
) -> PracticeStep:
    """Have the experiences written, once in a run, and add them to the library.

    It counts as a step without attempts.

    Args:
        journal: The run's journal.
        model: The model that writes them.
        library: The library to add them to.
        question: The request for them.
        note: Note of the versions, by which a run finds what it added before it was killed.

    Raises:
        RunStoppedError: If the model does not answer in a usable way, or the library refuses.
        EndpointRefusedError: If its endpoint refuses every call.
        BudgetSpentError: If the run may not spend more.
    """

    async def write() -> StepLearning:
        since = question.library.head - _RECENT
        earlier = await _written(library, since, note) if question.library.size else []
        known = [change for version in earlier for change in version.changes]
        for add in await _ask(journal, model, question):
            line = Experience("", add.name, add.text).line()
            if not any(change.endswith(f" {line}") for change in known):
                await library.add(add.name, add.text, note)
        versions = await _written(library, since, note)
        return StepLearning(
            before=versions[0].version - 1,
            version=versions[-1].version,
            size=versions[-1].experiences,
            changes=[change for version in versions for change in version.changes],
            refused=[refusal for version in versions for refusal in version.refused],
            spent=total(a.spent for _, a in journal.all(f"{_ANSWERS}/*", TeacherAnswer)),
        )

    learned = await journal.once("steps/0001/learned", StepLearning, write)
    return PracticeStep(number=1, epoch=1, groups=[], learned=learned)


async def _written(library: LibraryClient, since: int, note: str) -> list[VersionView]:
    """The versions after one that have this note, oldest first."""
    versions = reversed(await library.versions_since(since))
    return [version for version in versions if version.note == note]


async def _ask(journal: Journal, model: BudgetedModel, question: DirectQuestion) -> list[Add]:
    """The first answer that the policy allows; answers are kept in the journal as they come."""
    correction: Correction | None = None
    for number in range(1, TRIES + 1):
        answer = await journal.once(
            f"{_ANSWERS}/{number}", TeacherAnswer, partial(model.answer, question, correction)
        )
        try:
            return _additions(read_answer(_Answer, answer.text), question)
        except AnswerRefusedError as error:
            correction = Correction(answer.text, str(error))
    for key, answer in journal.all(f"{_ANSWERS}/*", TeacherAnswer):
        write_off(journal, answer.spent, forget=key)
    assert correction is not None, "there was at least one try"
    raise RunStoppedError(
        f"the teacher's answers cannot be used: {correction.reason}. The same command asks again."
    )


def _additions(answer: _Answer, question: DirectQuestion) -> list[Add]:
    """What is added to the library.

    Raises:
        AnswerRefusedError: If the policy does not allow all of it, or some say the same.
    """
    additions = [
        Add(name=clean(w.name).strip(), text=clean(w.experience).strip())
        for w in answer.experiences[: question.count]
    ]
    numbered = [Proposed(add, (str(n),)) for n, add in enumerate(additions, start=1)]
    empty = State(question.library.name, 0, ())
    if refused := apply(empty, numbered, question.library.policy).refused:
        raise AnswerRefusedError(
            "; ".join(f"experience {r.sources[0]}: {r.reason}" for r in refused)
        )
    return additions


def _template() -> Template:
    text = files("server.practice.run").joinpath("direct.md").read_text(encoding="utf-8")
    return Template(text)
