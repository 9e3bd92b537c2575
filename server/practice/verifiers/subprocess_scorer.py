"""A subprocess in which scorers of other packages work; see `package_scorers`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence

from experience_store.errors import BadInputError
from server.practice.isolated_process import command, environment
from server.practice.verifiers.package_scorers import Scorer, ScorerReply, ScorerRequest
from server.practice.verifiers.protocol import VerifierError

LOADING = 120.0  # seconds until the packages are imported; a cold disk is slow
MAX_LINE = 1 << 20


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
                env=environment(),
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
            what = f"{self._scorer} did not come to a verdict within {seconds:g} seconds"
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
            env=environment(),
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
    return command("server.practice.verifiers.package_scorers", scorer)


def _line(question: ScorerRequest) -> bytes:
    return json.dumps(question.model_dump()).encode() + b"\n"
