"""A verifier that asks a language model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from typing_extensions import override

from experience_store.errors import AnswerRefusedError
from experience_store.learning.answer_json import parse_object
from experience_store.learning.prompts.answers import Schema
from experience_store.learning.transcript import quote
from experience_store.token_estimate import clip_to_tokens
from server.learning.models import (
    Correction,
    Model,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.practice.records import Rollout, Score, Spent, Task
from server.practice.spending import spent_of
from server.practice.verifiers.protocol import (
    AnswerVerifier,
    VerifierError,
    shortened,
    truths,
)

TASK_TOKENS = 8_000
TRUTH_TOKENS = 4_000
ANSWER_CHARACTERS = 24_000
MAX_REASONS = 2_000
TRIES = 2  # the second with what was wrong with the first

SCHEMA: Schema = {
    "type": "object",
    "properties": {"reasons": {"type": "string"}, "reward": {"type": "number"}},
    "required": ["reasons", "reward"],
    "additionalProperties": False,
}


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number from 0 to 1")  # noqa: TRY004  # for pydantic
    return value


class Judgement(BaseModel):
    """What a judge answers."""

    reasons: str = ""
    reward: Annotated[float, BeforeValidator(_no_truth_value), Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """One answer put before a judge."""

    task: Task
    answer: str

    @property
    def step(self) -> str:
        """The kind of question."""
        return "judge"

    @property
    def schema(self) -> Schema:
        """The JSON schema of the answer."""
        return SCHEMA

    @property
    def prompt(self) -> str:
        """The prompt; the same at every rendering."""
        truth = _shown_truth(self.task)
        answer, left_out = _middle_left_out(self.answer)
        return _template().substitute(
            task=quote(clip_to_tokens(self.task.prompt, TASK_TOKENS)),
            ground_truth=(
                f"<ground_truth>\n{quote(truth)}\n</ground_truth>\n" if truth is not None else ""
            ),
            answer=quote(answer) or "(nothing)",
            left_out=left_out,
            standard=_WITHOUT_TRUTH if truth is None else _WITH_TRUTH,
        )


def _shown_truth(task: Task) -> str | None:
    """The ground truth, or all right answers, each on a line of its own."""
    if task.ground_truth is None:
        return None
    known = truths(task)
    if len(known) == 1:
        return clip_to_tokens(known[0], TRUTH_TOKENS)
    listed = "\n".join(f"- {truth}" for truth in known)
    return clip_to_tokens(f"Each of these is right:\n{listed}", TRUTH_TOKENS)


_WITH_TRUTH = (
    "Compare with the ground truth, which is right. Another form of the same content is right too; "
    "other content is not, however well argued."
)
_WITHOUT_TRUTH = (
    "There is no ground truth: solve or check it yourself, step by step, before you believe the "
    "attempt. Where you cannot tell, say so in the reasons and give what is shown to be right."
)


class JudgeVerifier(AnswerVerifier):
    """What a language model says, from 0 to 1: it sees task, ground truth if any, and answer."""

    name = "judge"

    def __init__(self, model: Model) -> None:
        self._model = model

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        question = JudgeQuestion(task, rollout.answer)
        spent = Spent()
        correction: Correction | None = None
        for _ in range(TRIES):
            try:
                reply = await self._model.ask(question, correction)
            except (ModelUnavailableError, ModelRefusedError) as error:
                raise VerifierError(f"the judge is unavailable: {error}", spent) from error
            spent += spent_of(reply)
            try:
                judgement = _judgement(reply)
            except AnswerRefusedError as error:
                correction = Correction(reply.text, str(error))
            else:
                feedback = judgement.reasons.strip()[:MAX_REASONS] or None
                return Score(reward=judgement.reward, feedback=feedback, spent=spent)
        reason = correction.reason if correction else ""
        raise VerifierError(f"the judge's answers cannot be used: {shortened(reason)}", spent)


def _judgement(reply: Reply) -> Judgement:
    if reply.unusable:  # a cut one may still read as a whole judgement
        raise AnswerRefusedError(reply.unusable.reason)
    return read_judgement(reply.text)


def read_judgement(text: str) -> Judgement:
    """Read what a judge answered.

    Raises:
        AnswerRefusedError: If it does not fit; the message is written for the model.
    """
    try:
        return Judgement.model_validate(parse_object(text, SCHEMA_KEYS))
    except ValidationError as error:
        what = error.errors(include_url=False)[0]
        place = ".".join(map(str, what["loc"]))
        raise AnswerRefusedError(
            f"{place}: {what['msg']}. Give reasons as text and reward as a number from 0 to 1."
        ) from error


SCHEMA_KEYS = tuple(Judgement.model_fields)


def _middle_left_out(answer: str) -> tuple[str, str]:
    """The beginning and the end of a long answer, and a line that says so."""
    if len(answer) <= ANSWER_CHARACTERS:
        return answer, ""
    half = ANSWER_CHARACTERS // 2
    left_out = len(answer) - 2 * half
    return (
        f"{answer[:half]}\n…\n{answer[-half:]}",
        f"(The attempt was shortened: {left_out} characters in the middle are left out.)\n",
    )


@cache
def _template() -> Template:
    return Template(
        (files("server.practice.verifiers") / "prompts/judge.md").read_text(encoding="utf-8")
    )
