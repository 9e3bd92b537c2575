"""Fakes for tests of this project and of projects that build on it: they answer as models do.

Everything else (store, learner, server) is cheap enough to be tested as it is.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

from pydantic import BaseModel

CHARS_PER_TOKEN = 4
_TASK = re.compile(r"<task>\n(.*?)\n</task>", re.DOTALL)
_PROPOSAL = re.compile(r"^(p\d+): (Add|Revise|Merge|Retire) (.*)$", re.MULTILINE)


def lesson(task: str) -> str:
    """The lesson that `sensible_answer` learns from a task."""
    words = re.findall(r"[A-Za-z]{4,}", task)[:12]
    return f"When a task mentions {' '.join(words) or 'this'}, check the details first."


def sensible_answer(prompt: str) -> str:
    """A right answer to any of the learner's prompts, found without thinking.

    A summary says how long the attempt was; a comparison adds one lesson named after the task; a
    consolidation passes every proposal on.
    """
    if prompt.rstrip().endswith('{"summary": "..."}'):
        return json.dumps({"summary": f"An attempt of {len(prompt.split())} words."})
    if "<proposals>" in prompt:
        operations = [_passed_on(*match) for match in _PROPOSAL.findall(prompt)]
        return json.dumps({"operations": operations})
    task = _TASK.search(prompt)
    text = lesson(task[1] if task else "")
    add: dict[str, object] = {
        "operation": "Add",
        "ids": [],
        "name": "Check details",
        "experience": text,
    }
    return json.dumps({"reasons": "The better attempts checked first.", "operations": [add]})


def _passed_on(name: str, kind: str, rest: str) -> dict[str, object]:
    ids = re.findall(r"\bG\d+\b", rest.partition(":")[0]) if kind != "Add" else []
    title, _, text = rest.partition(": ")
    if kind in {"Revise", "Merge"}:
        title = title.partition(" to ")[2]
    if kind == "Retire":
        title = text = ""
    return {"operation": kind, "ids": ids, "name": title, "experience": text, "from": [name]}


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that reached a scripted endpoint.

    Attributes:
        number: From 1, over all calls.
        prompt: The first user message.
        messages: How many messages there were; more than one means a correction was asked for.
        format: The type of `response_format`, if one was asked for.
    """

    number: int
    prompt: str
    messages: int
    format: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What a scripted endpoint does with a call.

    Attributes:
        text: The answer's content.
        status: HTTP status; other than 200 makes an error of it.
        delay: Seconds before it answers.
        retry_after: Seconds to name in a Retry-After header.
        hang_up: Whether it drops the connection without an answer.
    """

    text: str = ""
    status: int = 200
    delay: float = 0.0
    retry_after: float | None = None
    hang_up: bool = False


Script: TypeAlias = Callable[[Asked], Said]


class _ChatMessage(BaseModel):
    role: str
    content: str


class _ResponseFormat(BaseModel):
    type: str


class _ChatRequest(BaseModel):
    model: str
    messages: list[_ChatMessage]
    response_format: _ResponseFormat | None = None


@dataclass
class ScriptedEndpoint:
    """An OpenAI-compatible server on a free loopback port that answers by a script.

    Use it as an asynchronous context manager; it ends with the block.

    Attributes:
        script: Called for each call; runs in the endpoint's event loop.
        calls: Every call that arrived, in order.
        prompt_tokens: Sum of what it reported for answered calls; likewise `completion_tokens`.
        most_at_once: The most calls that were open at the same time.
    """

    script: Script = field(default=lambda asked: Said(sensible_answer(asked.prompt)))
    calls: list[Asked] = field(default_factory=list[Asked])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_at_once: int = 0
    _open: int = 0
    _server: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """What a client is given as the base URL."""
        if self._server is None:
            raise RuntimeError("the endpoint is not open")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def prompts(self) -> Sequence[str]:
        """The prompts in the order in which they came."""
        return [asked.prompt for asked in self.calls]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _read_head(reader):
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1]) if length else 0)
                if not await self._answer(_ChatRequest.model_validate_json(body), writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: _ChatRequest, writer: asyncio.StreamWriter) -> bool:
        asked = Asked(
            number=len(self.calls) + 1,
            prompt=next(m.content for m in request.messages if m.role == "user"),
            messages=len(request.messages),
            format=request.response_format.type if request.response_format else None,
        )
        self.calls.append(asked)
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            said = self.script(asked)
            await asyncio.sleep(said.delay)
        finally:
            self._open -= 1
        if said.hang_up:
            return False
        writer.write(self._response(request, said))
        await writer.drain()
        return True

    def _response(self, request: _ChatRequest, said: Said) -> bytes:
        if said.status == 200:  # noqa: PLR2004  # HTTP's OK
            body = json.dumps(self._completion(request, said.text))
        else:
            body = json.dumps({"error": {"message": said.text or "scripted", "code": said.status}})
        extra = "" if said.retry_after is None else f"retry-after: {said.retry_after}\r\n"
        return (
            f"HTTP/1.1 {said.status} Scripted\r\ncontent-type: application/json\r\n{extra}"
            f"content-length: {len(body.encode())}\r\n\r\n{body}"
        ).encode()

    def _completion(self, request: _ChatRequest, text: str) -> dict[str, object]:
        # a rough count that costs the test's process nothing
        prompt = sum(len(m.content) // CHARS_PER_TOKEN + 1 for m in request.messages)
        completion = len(text) // CHARS_PER_TOKEN + 1
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        return {
            "id": f"chatcmpl-{len(self.calls)}",
            "object": "chat.completion",
            "created": 0,
            "model": request.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
