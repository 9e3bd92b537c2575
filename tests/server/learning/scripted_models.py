"""Learning with a model that follows a script: workers, and what the model says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from experience_store.index_cache import IndexCache
from experience_store.store import Store, UpdateRecord
from experience_store.testing import Asked, Said, Script, ScriptedEndpoint, sensible_answer
from experience_store.update_runner import UpdateRunner
from server.learning.models.endpoint import Endpoint
from server.learning.worker import GROUPS_PER_UPDATE, Worker, WorkerTimes
from server.settings import ModelSettings
from tests.builders import submission

TASKS = ("Cancel the reservation", "Upgrade every passenger", "Refund luggage fees")


FOREVER = 3_600.0


AT_ONCE = 0.001  # seconds in Retry-After


LONG_ENOUGH = 30.0


USUAL = WorkerTimes(round=0.01)


def model(base_url: str) -> ModelSettings:
    return ModelSettings("scripted", "no-key", base_url=base_url, concurrency=2, retries=2)


@asynccontextmanager
async def worker(
    store: Store,
    settings: ModelSettings,
    *,
    times: WorkerTimes = USUAL,
    groups_per_update: int = GROUPS_PER_UPDATE,
) -> AsyncGenerator[Worker]:
    endpoint = Endpoint(settings)
    runner = UpdateRunner(store, IndexCache(store))
    try:
        yield Worker(
            store, runner, endpoint, settings, times=times, groups_per_update=groups_per_update
        )
    finally:
        await endpoint.close()


async def submit_tasks(store: Store, tasks: Sequence[str] = TASKS) -> None:
    for task in tasks:
        await store.groups.submit("lib", submission(task=task, group_id=task))


async def learn(store: Store, endpoint: ScriptedEndpoint) -> list[UpdateRecord]:
    async with worker(store, model(endpoint.base_url)) as made, asyncio.timeout(LONG_ENOUGH):
        return await made.learn("lib")


async def lessons(store: Store) -> set[str]:
    return {e.text for e in (await store.libraries.state("lib")).experiences}


async def refusals(store: Store, version: int) -> list[str]:
    return [r.reason for r in (await store.libraries.version("lib", version)).refusals]


def right(asked: Asked) -> Said:
    return Said(sensible_answer(asked.prompt))


def is_about(asked: Asked, task: str) -> bool:
    return f"<task>\n{task}\n</task>" in asked.prompt


def at_first(said: Callable[[Asked], Said]) -> Script:
    """Says this to the first call, and what is right to all others."""
    return lambda asked: said(asked) if asked.number == 1 else right(asked)


def always(said: Said) -> Script:
    return lambda _: said


def slow(asked: Asked) -> Said:
    return replace(right(asked), delay=0.1)


def wrapped(asked: Asked) -> Said:
    text = sensible_answer(asked.prompt)
    return Said(f"Let me think {{about}} it.\n```json\n{text}\n```\nI hope this helps!")


def lower_case(asked: Asked) -> Said:
    return Said(re.sub(r'"(Add|Revise|Merge)"', lambda m: m[0].lower(), right(asked).text))


def half(asked: Asked) -> Said:
    text = sensible_answer(asked.prompt)
    return Said(text[: len(text) * 2 // 3])


def without_schemas(asked: Asked) -> Said:
    if asked.format == "json_schema":
        return Said("response_format of type json_schema is not supported", status=400)
    return right(asked)


def without_formats(asked: Asked) -> Said:
    if asked.format:
        return Said(f"response_format {asked.format} is not supported", status=400)
    return right(asked)


@asynccontextmanager
async def serving(
    respond: Callable[[bytes, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[str]:
    """An endpoint that responds to a request, given its head, as told; one a connection."""
    responding: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
                await respond(head, writer)
                await writer.drain()
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        responding.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.close()
        for task in responding:
            task.cancel()
        await asyncio.gather(*responding, return_exceptions=True)


@asynccontextmanager
async def raw_endpoint(body: bytes, content_type: str) -> AsyncGenerator[str]:
    """An endpoint that says 200 and then this, whatever it is asked."""

    async def respond(head: bytes, writer: asyncio.StreamWriter) -> None:
        del head
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: "
            + f"{content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )

    async with serving(respond) as url:
        yield url


@asynccontextmanager
async def running(made: Worker) -> AsyncGenerator[None]:
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        await made.stop(task)


async def first_update(store: Store) -> UpdateRecord:
    (info,) = await store.updates.list("lib", 9)
    return await store.updates.get(info.id)
