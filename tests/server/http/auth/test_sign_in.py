"""Signing in over HTTP with the server's own tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from server.access import EVERYTHING, Access, Scope, current_access
from server.app import open_app
from server.settings import Settings
from tests.processes.calling import learn, submit
from tests.server.cli.program import Program
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import (
    JSON,
    Served,
    raw_request,
    served,
    submission,
    tool_call,
)
from tests.server.http.signing_in import ERAS, ask, make_token, signed_in, use


async def run(database: Path, *command: str) -> str:
    """What a command prints, while servers run."""
    return (await asyncio.to_thread(Program(database).run, *command)).stdout


@asynccontextmanager
async def guarded(database: Path, *options: str) -> AsyncGenerator[Served]:
    async with served_in_process(database, "--sign-in", *options) as server:
        yield server


async def test_unknown_and_revoked_tokens_get_the_same_response(database: Path) -> None:
    revoked = await make_token(database, "revoked")
    valid = await make_token(database, "valid")
    await run(database, "token", "revoke", "revoked")
    wrong = [
        "exm_unknown",
        revoked,
        valid + "x",
        valid[:-1],
        "a.b.c",
        "exm_" + "x" * 20_000,
    ]
    async with guarded(database) as server:
        answers = [await ask(server, token, "tools/list") for token in wrong]
        right = await ask(server, valid, "tools/list")
    assert right.status_code == 200
    assert {a.status_code for a in answers} == {401}
    assert len({a.text for a in answers}) == 1
    why = "unknown, expired, revoked or not for this server"
    assert f"the token is {why}: send the header" in answers[0].text
    invalid = f'Bearer error="invalid_token", error_description="{why}"'
    assert {a.headers["www-authenticate"] for a in answers} == {invalid}


async def test_a_401_says_what_is_wrong_and_how_to_mend_it(database: Path) -> None:
    expired = await make_token(database, "expired", lasts=timedelta(seconds=-1))
    async with guarded(database) as server:
        none = await ask(server, None, "tools/list")
        late = await ask(server, expired, "tools/list")
        variable = await ask(server, "${EXPERIENCE_TOKEN}", "tools/list")
    assert {a.status_code for a in (none, late, variable)} == {401}
    # who sends no token has made no error
    assert none.headers["www-authenticate"] == "Bearer"
    assert 'error_description="expired"' in late.headers["www-authenticate"]
    assert "authentication required: send the header" in none.text
    assert "the token is expired: send the header" in late.text
    assert "the token is the name of a variable, for which the host has" in variable.text
    for answer in (none, late, variable):
        assert "experience-mcp token create" in answer.text


async def test_every_path_except_health_checks_needs_a_token(database: Path) -> None:
    async with guarded(database) as server, server.http() as http:
        statuses = {
            path: (await http.get(path)).status_code
            for path in ("/health", "/ready", "/metrics", "/mcp", "/", "/elsewhere")
        }
        twice = await http.get("/metrics", headers=[("authorization", "Bearer a")] * 2)
    assert statuses == {
        "/health": 200, "/ready": 200, "/metrics": 401, "/mcp": 401, "/": 401, "/elsewhere": 401
    }  # fmt: skip
    assert twice.status_code == 401


async def test_metrics_need_the_administer_scope_for_all_libraries(database: Path) -> None:
    tokens = {
        "all": await make_token(database, "all"),
        "some": await make_token(database, "some", libraries=["lib"]),
        "reader": await make_token(database, "reader", scopes=["read"]),
    }
    async with guarded(database) as server, server.http() as http:
        got = {
            name: (await http.get("/metrics", headers={"authorization": f"Bearer {token}"}))
            for name, token in tokens.items()
        }
    assert {name: r.status_code for name, r in got.items()} == {
        "all": 200, "some": 403, "reader": 403
    }  # fmt: skip
    told = {name: r.headers.get("www-authenticate") for name, r in got.items()}
    lacking = 'Bearer error="insufficient_scope", error_description="the token does not allow this"'
    assert told == {"all": None, "some": None, "reader": lacking}


async def test_the_body_is_not_read_before_the_caller_is_known(database: Path) -> None:
    async with guarded(database) as server:
        reader, writer = await server.connect()
        head = raw_request(server.url, b"x" * 1_000_000, {})
        writer.write(head)  # nothing of the body
        await writer.drain()
        answer = await reader.readline()
        writer.close()
    assert b"401" in answer


async def test_a_token_revoked_by_another_process_is_invalid_at_once(database: Path) -> None:
    token = await make_token(database)
    async with guarded(database) as server:
        before = await ask(server, token, "tools/list")
        await run(database, "token", "revoke", "mine")
        after = await ask(server, token, "tools/list")
    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_stream_ends_with_its_token(database: Path) -> None:
    token = await make_token(database)
    async with guarded(database) as server:
        other = await make_token(database, "other")
        async with (
            signed_in(server.url, token) as one,
            signed_in(server.url, other) as two,
            one.listen(resource_subscriptions=["experience://lib"]) as events,
        ):
            await submit(two, "Cancel the reservation")
            await run(database, "token", "revoke", "mine")
            await learn(two)
            assert [event async for event in _until_broken(events)] == []


async def _until_broken(events: Any) -> AsyncGenerator[object]:
    try:
        async for event in events:
            yield event
    except Exception:  # noqa: BLE001  # however the client takes it, it hears no more
        return


@pytest.mark.parametrize("era", ERAS)
async def test_a_caller_sees_and_can_call_what_its_scopes_permit(database: Path, era: str) -> None:
    reader = await make_token(database, "reader", scopes=["read"])
    submitter = await make_token(database, "submitter", scopes=["submit"])
    async with guarded(database) as server:
        tools = {t: await _tools(server, t, era) for t in (reader, submitter)}
        refused = await use(server, reader, "submit_group", submission(), era)
        stored = await use(server, submitter, "submit_group", submission(), era)
        listed = await ask(server, submitter, "resources/list", era)
        read = await ask(server, submitter, "resources/read", era, uri="experience://lib")
        tasks = await ask(server, reader, "resources/read", era, uri="experience://lib/groups")
        current = await ask(server, reader, "resources/read", era, uri="experience://lib")
    assert tools == {reader: ["get_experiences", "list_libraries"], submitter: ["submit_group"]}
    assert "submit_group needs the scope submit; this token may read, not submit" in refused.text
    assert '"signal":true' in stored.text
    assert listed.json()["result"]["resources"] == []
    assert "needs the scope read; this token may submit, not read" in read.text
    assert "needs the scope learn; this token may read, not learn" in tasks.text
    assert "# Experiences: lib" in current.text


async def _tools(server: Served, token: str, era: str) -> list[str]:
    answer = await ask(server, token, "tools/list", era)
    return sorted(tool["name"] for tool in answer.json()["result"]["tools"])


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_the_whole_cycle_is_attributed_to_the_caller(database: Path, mode: str) -> None:
    token = await make_token(database, "laptop", scopes=["read", "submit", "learn"])
    async with (
        served(database, "--sign-in") as server,
        signed_in(server.url, token, mode) as client,
    ):
        await submit(client, "Cancel the reservation")
        published = await learn(client)
        line = await server.logged(lambda x: x.get("tool") == "submit_answers")
    assert published.data["status"] == "published"
    assert line["who"] == "laptop"
    assert "for laptop" in await run(database, "history", "lib")
    assert all(token not in repr(line) for line in server.lines)


async def test_the_only_library_of_a_token_is_its_default(database: Path) -> None:
    token = await make_token(database, libraries=["airline"])
    async with guarded(database) as server:
        got = await use(server, token, "get_experiences", {"task": "x"}, ERAS[0])
    assert got.json()["result"]["structuredContent"]["library"] == "airline"


async def test_the_rate_limit_applies_to_each_token_on_its_own(database: Path) -> None:
    one, other = [await make_token(database, name) for name in ("one", "other")]
    async with guarded(database, "--rate-limit", "2") as server:
        answers = [await ask(server, one, "tools/list") for _ in range(3)]
        elsewhere = await ask(server, other, "tools/list")
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert "Retry-After" in answers[2].text
    assert elsewhere.status_code == 200


async def test_failed_sign_ins_are_rate_limited_and_valid_tokens_are_not(database: Path) -> None:
    token = await make_token(database)
    async with guarded(database) as server:
        async with server.http(authorization="Bearer exm_guess") as http:
            guesses = await asyncio.gather(*(http.get("/mcp") for _ in range(200)))
        failed = {guess.status_code for guess in guesses}
        valid = await ask(server, token, "tools/list")
        asking = await ask(server, None, "ping")
    assert failed == {401, 429}
    assert (valid.status_code, asking.status_code) == (200, 401)


async def test_allowed_hosts_and_origins_are_accepted(database: Path) -> None:
    token = await make_token(database)
    options = ("--allowed-host", "lessons.example", "--allowed-origin", "https://app.example")
    headers = {**JSON, "authorization": f"Bearer {token}"}
    async with guarded(database, *options) as server, server.http(**headers) as http:
        body = tool_call("list_libraries", {})
        own = await http.post("/mcp", content=body, headers={"host": "lessons.example"})
        page = await http.post("/mcp", content=body, headers={"origin": "https://app.example"})
        other = await http.post("/mcp", content=body, headers={"host": "other.example"})
        asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
        async with server.http(**asked) as browser:
            wish = {"access-control-request-headers": "authorization,mcp-method"}
            preflight = await browser.options("/mcp", headers=wish)
            unknown = await browser.post("/mcp", content=body)
    assert (own.status_code, page.status_code, other.status_code) == (200, 200, 421)
    assert (preflight.status_code, unknown.status_code) == (200, 401)
    for answer in (page, preflight, unknown):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"


async def test_with_sign_in_it_may_listen_on_other_addresses(database: Path) -> None:
    # the address is a loopback one all the same: tests listen nowhere else
    token = await make_token(database)
    async with guarded(database, "--allowed-host", "127.0.0.1") as server:
        assert (await ask(server, token, "tools/list")).status_code == 200


def test_with_sign_in_only_the_system_refuses_an_address(database: Path) -> None:
    said = Program(database).run("serve", "--http", "192.0.2.7:0", "--sign-in", fails=1)
    assert "cannot listen on 192.0.2.7:0" in said.stderr


async def test_on_stdio_access_is_unrestricted(settings: Settings) -> None:
    async with open_app(settings) as app:
        assert app.seen() is app
        token = current_access.set(Access("x", frozenset(Scope), frozenset({"lib"})))
        assert app.seen() is not app
        current_access.reset(token)
    assert current_access.get() is EVERYTHING
