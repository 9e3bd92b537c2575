"""Verifiers of other packages, math-verify and reasoning-gym, at work in a subprocess.

What happens in the subprocess is in `package_scorers`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec

from typing_extensions import override

from experience_store.errors import BadInputError
from server.child_process import isolated_command, isolated_environment
from server.installation import how_to_install
from server.practice import reasoning_gym
from server.practice.records import Rollout, Score, Task
from server.practice.verifiers.answer_extraction import answer_in_tags
from server.practice.verifiers.answer_wording import readings
from server.practice.verifiers.package_scorers import Scorer, ScorerReply, ScorerRequest
from server.practice.verifiers.protocol import (
    TruthVerifier,
    VerifierError,
    refuse_tasks,
    require_truth,
    shortened,
    truths,
)

TIME_LIMIT = 10.0  # seconds for one answer
MAX_ANSWER = 20_000  # characters from its end; what packages do to longer ones takes for ever
LOADING = 120.0  # seconds until the packages are imported; a cold disk is slow
MAX_LINE = 1 << 20


class MathVerifier(TruthVerifier):
    r"""1 if math-verify finds the answer equal to the ground truth, else 0.

    The answer is the part marked as such, in `\boxed{}` first of all (see `find_answer`); in a text
    without marks math-verify looks for itself. An answer that it cannot decide on in time stays
    unscored.
    """

    name = "math"

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        if find_spec("math_verify") is None:
            raise BadInputError(
                f"the verifier math needs math-verify: {how_to_install('practice')}"
            )
        self._time_limit = time_limit
        self._scorer_process = SubprocessScorer("math", time_limit)

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        # a ground truth must equal itself; this takes seconds
        require_truth(self.name, tasks)
        own = [(task, truth) for task in tasks for truth in truths(task)]
        questions = [ScorerRequest(truths=[truth], answers=[""]) for _, truth in own]
        verdicts = ask_all("math", questions, self._time_limit)
        bad = [task for (task, _), verdict in zip(own, verdicts, strict=True) if verdict.failure]
        refuse_tasks(
            [task for task in tasks if task in bad],
            "math-verify cannot read the ground truth of these tasks as mathematics",
        )

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        answer = rollout.answer[-MAX_ANSWER:]
        question = ScorerRequest(truths=truths(task), answers=[answer])
        return _score(await self._scorer_process.ask(question))

    @override
    async def close(self) -> None:
        await self._scorer_process.close()


class GymVerifier(TruthVerifier):
    """What the scorer of the task's family in reasoning-gym says, from 0 to 1.

    It is given what stands in the last `<answer>` tags, as the package advises, or else the whole
    answer.
    """

    name = "reasoning-gym"

    def __init__(self, time_limit: float = TIME_LIMIT) -> None:
        reasoning_gym.check_installed()
        self._scorer_process = SubprocessScorer("reasoning-gym", time_limit)

    @override
    def check(self, tasks: Sequence[Task]) -> None:
        refuse_tasks(
            [task for task in tasks if _family(task) is None],
            "the verifier 'reasoning-gym' scores tasks of a dataset reasoning-gym:FAMILY only, "
            "and not these",
        )

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        tagged = answer_in_tags(rollout.answer)
        answer = rollout.answer.strip() if tagged is None else tagged
        written = dict.fromkeys((answer, *readings(rollout.answer)))
        score = _score(await self._scorer_process.ask(_gym_question(task, list(written))))
        if tagged is None and score.reward != 1:
            return score.model_copy(update={"feedback": _joined(score.feedback, _WITHOUT_TAGS)})
        return score

    @override
    async def close(self) -> None:
        await self._scorer_process.close()


_WITHOUT_TAGS = "there were no <answer> tags, so the whole text was taken as the answer"


def _family(task: Task) -> str | None:
    match task.extra:
        case {"family": str(family), "config": dict(), "entry": dict()}:
            return family
        case _:
            return None


def _gym_question(task: Task, answers: Sequence[str]) -> ScorerRequest:
    match task.extra:
        case {"family": str(family), "config": dict(config), "entry": dict(entry)}:
            cut = [answer[-MAX_ANSWER:] for answer in answers]
            return ScorerRequest(answers=cut, family=family, config=config, entry=entry)
        case _:
            raise VerifierError(f"task {task.id!r} was not made by reasoning-gym")


def _score(verdict: ScorerReply) -> Score:
    reward = verdict.reward
    if reward is None or not 0 <= reward <= 1:
        raise VerifierError(f"the scorer gave {reward} for a reward")
    return Score(reward=reward, feedback=verdict.feedback and shortened(verdict.feedback))


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)


class SubprocessScorer:
    """A scorer in a subprocess, started when first asked and again after it was killed."""

    def __init__(self, scorer: Scorer, time_limit: float) -> None:
        self._scorer: Scorer = scorer
        self._time_limit = time_limit
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def ask(self, question: ScorerRequest) -> ScorerReply:
        """Score an answer.

        Raises:
            VerifierError: If it takes too long, or the scorer fails.
        """
        async with self._lock:
            try:
                process = await self._running()
                verdict = await self._said(process, _line(question), self._time_limit)
            except BaseException:
                await self._end()  # its next line would answer this question
                raise
        if verdict.failure is not None:
            raise VerifierError(verdict.failure)
        return verdict

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._end()

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *_command(self._scorer),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=isolated_environment(),
                limit=MAX_LINE,
            )
            loaded = await self._said(self._process, b"", LOADING)
            if loaded.failure is not None:
                raise VerifierError(loaded.failure)
        return self._process

    async def _said(
        self, process: asyncio.subprocess.Process, line: bytes, seconds: float
    ) -> ScorerReply:
        assert process.stdin is not None, "piped"
        assert process.stdout is not None, "piped"
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(line)
                await process.stdin.drain()
                said = await process.stdout.readline()
        except TimeoutError as error:
            what = f"{self._scorer} gave no verdict within {seconds:g} seconds"
            raise VerifierError(what) from error
        except ConnectionError:
            said = b""
        if not said:
            code = await process.wait()
            raise VerifierError(f"the process of {self._scorer} ended with {code}")
        return ScorerReply.model_validate_json(said)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()


def ask_all(
    scorer: Scorer, questions: Sequence[ScorerRequest], time_limit: float
) -> list[ScorerReply]:
    """Score a few answers while nothing else goes on, before a run.

    Raises:
        BadInputError: If that takes too long, or the scorer does not work.
    """
    seconds = LOADING + time_limit * len(questions)
    try:
        done = subprocess.run(  # noqa: S603  # our own module
            _command(scorer),
            input=b"".join(map(_line, questions)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=isolated_environment(),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BadInputError(f"{scorer} does not finish reading the ground truths") from error
    loaded, *verdicts = [ScorerReply.model_validate_json(v) for v in done.stdout.splitlines()] or [
        ScorerReply(failure=f"its process ended with {done.returncode}")
    ]
    if loaded.failure is not None or len(verdicts) < len(questions):
        raise BadInputError(f"{scorer} does not work: {loaded.failure or 'it ended too early'}")
    return verdicts


def _command(scorer: Scorer) -> list[str]:
    return isolated_command("server.practice.verifiers.package_scorers", scorer)


def _line(question: ScorerRequest) -> bytes:
    return json.dumps(question.model_dump()).encode() + b"\n"
