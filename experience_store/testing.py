"""Fakes that answer as models do, for tests of this project and of projects that build on it.

Everything else (store, learner, server) is cheap enough to test as it is.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

from pydantic import BaseModel, JsonValue

CHARS_PER_TOKEN = 4
_TASK = re.compile(r"<task>\n(.*?)\n</task>", re.DOTALL)
_PROPOSAL = re.compile(r"^(p\d+): (Add|Revise|Merge|Retire) (.*)$", re.MULTILINE)


def lesson(task: str) -> str:
    """The lesson that `sensible_answer` learns from a task."""
    words = re.findall(r"[A-Za-z]{4,}", task)[:12]
    return f"When a task mentions {' '.join(words) or 'this'}, check the details first."


def sensible_answer(prompt: str) -> str:
    """A valid answer to any of the learner's prompts.

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
class ToolUse:
    """A tool call of the model.

    Attributes:
        name: Name of the tool.
        arguments: Its arguments; a string is sent as it is, valid JSON or not.
    """

    name: str
    arguments: Mapping[str, JsonValue] | str = field(default_factory=dict[str, JsonValue])

    @property
    def text(self) -> str:
        """The arguments as they are sent."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        text: Its content; the texts of parts are joined by newlines, null is empty.
        tool_uses: The tools that it calls.
    """

    role: str
    text: str
    tool_uses: tuple[ToolUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that reached a scripted endpoint.

    Attributes:
        number: Number of the call, from 1.
        prompt: The first user message.
        messages: Number of messages; more than one if it is a correction, or tools were called.
        format: Type of `response_format`, if one was asked for.
        conversation: The messages themselves.
        tools: The names of the tools that may be called.
        model: The model's name.
        seed: Seed, if one was asked for.
        temperature: Temperature, if one was asked for.
        body: The whole request, as decoded JSON.
    """

    number: int
    prompt: str
    messages: int
    format: str | None
    conversation: tuple[Turn, ...] = ()
    tools: tuple[str, ...] = ()
    model: str = ""
    seed: int | None = None
    temperature: float | None = None
    body: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def last(self) -> Turn:
        """The message to answer."""
        return self.conversation[-1]


@dataclass(frozen=True, slots=True)
class Said:
    """What a scripted endpoint does with a call.

    Attributes:
        text: Content of the answer; sent as null if empty and there are tool calls.
        status: HTTP status; any but 200 is sent as an error.
        delay: Seconds before the response.
        retry_after: Seconds in a Retry-After header.
        hang_up: Whether to drop the connection without a response.
        tool_uses: The tools to call.
        usage: Whether to report tokens.
        body: JSON sent instead of a completion or an error, to test invalid responses.
        raw: Text sent instead of all that, as `content_type`.
        finish_reason: Why the completion ends; by default `stop`, or `tool_calls`.
    """

    text: str = ""
    status: int = 200
    delay: float = 0.0
    retry_after: float | None = None
    hang_up: bool = False
    tool_uses: tuple[ToolUse, ...] = ()
    usage: bool = True
    body: object = None
    raw: str | None = None
    content_type: str = "application/json"
    finish_reason: str | None = None


Script: TypeAlias = Callable[[Asked], Said]


class _Part(BaseModel):
    text: str = ""


class _Function(BaseModel):
    name: str
    arguments: str = ""


class _ToolCall(BaseModel):
    function: _Function


class _ChatMessage(BaseModel):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None

    def turn(self) -> Turn:
        parts = self.content if isinstance(self.content, list) else []
        text = self.content if isinstance(self.content, str) else "\n".join(p.text for p in parts)
        uses = [ToolUse(c.function.name, c.function.arguments) for c in self.tool_calls or ()]
        return Turn(self.role, text, tuple(uses))


class _Tool(BaseModel):
    function: _Function


class _ResponseFormat(BaseModel):
    type: str


class _ChatRequest(BaseModel):
    model: str
    messages: list[_ChatMessage]
    response_format: _ResponseFormat | None = None
    tools: list[_Tool] | None = None
    seed: int | None = None
    temperature: float | None = None

    def asked(self, number: int, body: Mapping[str, object]) -> Asked:
        conversation = tuple(message.turn() for message in self.messages)
        return Asked(
            number=number,
            prompt=next(turn.text for turn in conversation if turn.role == "user"),
            messages=len(conversation),
            format=self.response_format.type if self.response_format else None,
            conversation=conversation,
            tools=tuple(tool.function.name for tool in self.tools or ()),
            model=self.model,
            seed=self.seed,
            temperature=self.temperature,
            body=body,
        )


@dataclass
class ScriptedEndpoint:
    """An OpenAI-compatible server on a free loopback port that answers by a script.

    Use it as an asynchronous context manager; open connections are closed at its end. An exception
    of the script is raised there.

    Attributes:
        script: Called for each call; runs in the endpoint's event loop.
        calls: Every call that arrived, in order.
        prompt_tokens: Sum reported for answered calls, as is `completion_tokens`.
        most_at_once: Maximum concurrent calls.
    """

    script: Script = field(default=lambda asked: Said(sensible_answer(asked.prompt)))
    calls: list[Asked] = field(default_factory=list[Asked])
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_at_once: int = 0
    _open: int = 0
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        if self._server is None:
            raise RuntimeError("the endpoint is not open")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}/v1"

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and close the connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        serving, self._serving = self._serving, set()
        for task in serving:
            task.cancel()
        ends = await asyncio.gather(*serving, return_exceptions=True)
        raised = [end for end in ends if isinstance(end, Exception)]
        if raised and error is None:
            raise raised[0]

    def prompts(self) -> Sequence[str]:
        """The prompts, in order of arrival."""
        return [asked.prompt for asked in self.calls]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # a task of its own: asyncio complains of those that it makes itself and that are cancelled
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task.exception() is None:
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _read_head(reader):
                length = re.search(rb"content-length: (\d+)", head.lower())
                body = await reader.readexactly(int(length[1]) if length else 0)
                if head.startswith(b"GET "):
                    writer.write(_http(200, '{"object": "list", "data": []}'))
                    await writer.drain()
                elif not await self._answer(json.loads(body), writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, body: Mapping[str, object], writer: asyncio.StreamWriter) -> bool:
        asked = _ChatRequest.model_validate(body).asked(len(self.calls) + 1, body)
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
        writer.write(self._response(asked, said))
        await writer.drain()
        return True

    def _response(self, asked: Asked, said: Said) -> bytes:
        if said.raw is not None:
            body = said.raw
        elif said.body is not None:
            body = json.dumps(said.body)
        elif said.status == 200:  # noqa: PLR2004  # HTTP's OK
            body = json.dumps(self._completion(asked, said))
        else:
            body = json.dumps({"error": {"message": said.text or "scripted", "code": said.status}})
        extra = "" if said.retry_after is None else f"retry-after: {said.retry_after}\r\n"
        return _http(said.status, body, extra, said.content_type)

    def _completion(self, asked: Asked, said: Said) -> dict[str, object]:
        # a rough count that costs the test's process nothing
        prompt = sum(len(turn.text) // CHARS_PER_TOKEN + 1 for turn in asked.conversation)
        said_in_all = len(said.text) + sum(len(use.text) for use in said.tool_uses)
        completion = said_in_all // CHARS_PER_TOKEN + 1
        completed: dict[str, object] = {
            "id": f"chatcmpl-{asked.number}",
            "object": "chat.completion",
            "created": 0,
            "model": asked.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": said.finish_reason
                    or ("tool_calls" if said.tool_uses else "stop"),
                    "message": _message(asked, said),
                }
            ],
        }
        if said.usage:
            self.prompt_tokens += prompt
            self.completion_tokens += completion
            completed["usage"] = {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": 0},
            }
        return completed


def _http(
    status: int, body: str, headers: str = "", content_type: str = "application/json"
) -> bytes:
    return (
        f"HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\n{headers}"
        f"content-length: {len(body.encode())}\r\n\r\n{body}"
    ).encode()


def _message(asked: Asked, said: Said) -> dict[str, object]:
    if not said.tool_uses:
        return {"role": "assistant", "content": said.text}
    calls = [
        {
            "id": f"call-{asked.number}-{place}",
            "type": "function",
            "function": {"name": use.name, "arguments": use.text},
        }
        for place, use in enumerate(said.tool_uses, start=1)
    ]
    return {"role": "assistant", "content": said.text or None, "tool_calls": calls}


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
