"""Practice against a server that runs elsewhere, over HTTP: with a model of its own, or without."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from experience_store.testing import Asked, Said
from server.mcp.build import build_server
from server.settings import ModelSettings, Prices, Settings
from tests.parameters import first_of
from tests.server.http.serving import served
from tests.server.http.signing_in import make_token
from tests.server.practice.scripted_world import Ground, but, counted, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")


@asynccontextmanager
async def serving(
    here: Ground, *, model: bool = False
) -> AsyncGenerator[tuple[str, uvicorn.Server]]:
    """A server on a free port, in this process; its address, and uvicorn's server."""
    own = None
    if model:
        prices = Prices(3, 3, 3)
        own = ModelSettings("own", "none", here.endpoint.base_url, prices=prices)
    app = build_server(Settings(here.database, model=own)).streamable_http_app()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", server
    finally:
        server.should_exit = True
        await running
        listening.close()


@pytest.mark.parametrize(
    "model",
    first_of(False, True),
    ids=["the run teaches", "it has a model"],
)
@pytest.mark.exhaustive
async def test_practice_over_http_learns_what_it_learns_embedded(
    tmp_path: Path, model: bool
) -> None:
    async with ground(tmp_path / "1") as here:
        await here.do("practice", *here.evaluated)
        wanted = here.figures()
    async with ground(tmp_path / "2") as here, serving(here, model=model) as (url, _):
        await here.do("practice", *here.evaluated, "--server", url)
        found, figures, spent = here.report(), here.figures(), here.spent()

    for key in ("arms", "comparison", "verdict"):
        assert figures[key] == wanted[key]
    assert found["steps"][0]["size"] > 0
    assert counted(found["totals"]["whole"]) == spent
    assert {a.model for a in here.questions} == {"own" if model else "fake"}


@pytest.mark.exhaustive
async def test_what_a_server_elsewhere_spends_counts_in_the_budget(tmp_path: Path) -> None:
    async with ground(tmp_path) as here, serving(here, model=True) as (url, _):
        await here.do("practice", "--server", url)
        attempts = [a for a in here.endpoint.calls if is_attempt(a)]
        whole = here.report()["totals"]["whole"]
        budget = whole["prompt_tokens"] + whole["completion_tokens"] - 1
        options = ("--server", url, "--run", str(tmp_path / "2"), "--library", "other")
        await here.do(
            "practice", *here.evaluated, *options, "--max-tokens", str(budget + 20), code=3
        )

    assert len(here.attempts) <= len(attempts) * 2 + 7 * 2


@pytest.mark.exhaustive
async def test_a_teacher_that_answers_in_vain_is_asked_again_with_the_reason(
    tmp_path: Path,
) -> None:
    bad: set[str] = set()

    def once_bad(asked: Asked) -> Said | None:
        if is_attempt(asked) or asked.prompt in bad:
            return None
        bad.add(asked.prompt)
        return Said("I would rather not.")

    async with ground(tmp_path, but(world, once_bad)) as here, serving(here) as (url, _):
        await here.do("practice", "--server", url)
        found = here.report()

    corrections = [a for a in here.questions if a.messages > 1]
    assert len(corrections) == len(bad)
    assert all("cannot be used" in asked.last.text for asked in corrections)
    assert found["steps"][0]["size"] > 0
    assert counted(found["totals"]["whole"]) == here.spent()


@pytest.mark.exhaustive
async def test_a_budget_stops_the_teacher_between_answers_and_loses_none(tmp_path: Path) -> None:
    async with ground(tmp_path / "1") as here, serving(here) as (url, _):
        await here.do("practice", "--server", url, "--concurrency", "2")
        whole, learning = here.spent(), here.report()["steps"][0]["learning"]
    before = whole["prompt_tokens"] + whole["completion_tokens"]
    before -= learning["prompt_tokens"] + learning["completion_tokens"]
    async with ground(tmp_path / "2") as here, serving(here) as (url, _):
        options = ("--server", url, "--concurrency", "2")
        for more in (1, 1500):
            await here.do("practice", *options, "--max-tokens", str(before + more), code=3)
            assert counted(here.report()["totals"]["whole"]) == here.spent()
        await here.do("practice", *options)
        assert here.spent() == whole


async def test_a_server_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with ground(tmp_path) as here:
        ended = await here.do("practice", "--server", f"http://127.0.0.1:{port}/mcp", code=1)
    assert f"no MCP server answers at http://127.0.0.1:{port}/mcp" in ended.error
    assert here.endpoint.calls == []


async def test_a_server_that_goes_away_stops_the_run_which_resumes_when_it_is_back(
    tmp_path: Path,
) -> None:
    stop: list[uvicorn.Server] = []

    def script(asked: Asked) -> Said:
        if stop and asked.number == 10:
            stop.pop().should_exit = True
        return world(asked)

    async with ground(tmp_path, script) as here:
        async with serving(here) as (url, server):
            stop.append(server)
            ended = await here.do("practice", "--server", url, "--concurrency", "1", code=3)
            assert "the server does not" in ended.errors
        attempts = len(here.attempts)
        async with serving(here) as (url, _):
            await here.do("practice", "--server", url)
        assert attempts == len(here.attempts) == 18


async def test_another_library_s_policy_is_looked_at_over_http_too(tmp_path: Path) -> None:
    async with ground(tmp_path) as here, serving(here) as (url, _):
        ended = await here.do("practice", "--server", url, "--group-size", "1", code=3)
    assert "--learn-from-single-attempts" in ended.errors


async def test_a_server_with_sign_in_takes_the_token_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "served.db"
    token = await make_token(database, scopes=["read", "submit", "learn"])
    async with ground(tmp_path / "run") as here, served(database, "--sign-in") as server:
        refused = await here.do("practice", "--server", server.url, code=1)
        monkeypatch.setenv("EXPERIENCE_MCP_SERVER_TOKEN", "not-one-of-its-tokens")
        wrong = await here.do("practice", "--server", server.url, code=1)
        monkeypatch.setenv("EXPERIENCE_MCP_SERVER_TOKEN", "to\u2026ken")
        unfit = await here.do("practice", "--server", server.url, code=1)
        monkeypatch.setenv("EXPERIENCE_MCP_SERVER_TOKEN", f"{token}\n")
        no_url = await here.do("practice", "--server", server.url.removeprefix("http://"), code=1)
        await here.do("practice", "--server", server.url)
        found = here.report()

    assert "has characters that no key has" in unfit.error
    assert "give one as http://" in no_url.error

    assert "asks for a token: set EXPERIENCE_MCP_SERVER_TOKEN" in " ".join(refused.error.split())
    assert f"the server at {server.url} refuses the token" in wrong.error
    assert "not-one-of-its-tokens" not in wrong.errors
    assert found["steps"][0]["size"] > 0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "what is there answers 404. Check the address"),
        (200, "what is there answers something else. Check the address"),
        (421, "answers 421: this host is not allowed"),
    ],
)
async def test_an_address_where_something_else_answers_is_a_line(
    tmp_path: Path, status: int, said: str
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"this host is not allowed"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}"
        writer.write(f"{head}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with ground(tmp_path) as here, await asyncio.start_server(answer, "127.0.0.1", 0) as web:
        port = web.sockets[0].getsockname()[1]
        ended = await here.do("practice", "--server", f"http://127.0.0.1:{port}/mcp", code=1)
    assert said in ended.error
    assert len(ended.errors.splitlines()) == 1
    assert not here.run.exists()
    assert here.endpoint.calls == []
