"""To a caller, a library out of its reach is the same whether it exists or not."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio
from mcp import Client

from experience_store import open_store
from server.mcp.build import build_server
from server.mcp.notifications import uris_of
from server.settings import Settings
from tests.databases import contents
from tests.processes.calling import WON_AND_LOST, call, learn, submit
from tests.server.http.in_process import served_in_process
from tests.server.http.serving import Served
from tests.server.http.signing_in import ERAS, ask, make_token, plain, signed_in, use

Probe: TypeAlias = tuple[str, dict[str, object]]
MISSING = "nowhere"
TASK = "Cancel the reservation"


@dataclass(frozen=True)
class Secret:
    """What there is in the inaccessible library, and might be guessed."""

    library: str
    update: str
    open_update: str
    retrieval: str
    group: str


async def fill(database: Path, library: str) -> Secret:
    async with Client(build_server(Settings(database))) as client:
        await submit(client, TASK, library=library, group_id=f"group of {library}")
        published = await learn(client, library)
        got = await call(client, "get_experiences", task=TASK, library=library)
        await submit(client, "Another", library=library, group_id=f"second of {library}")
        begun = await call(client, "update_experiences", library=library)
        await submit(client, "A third", library=library, group_id=f"third of {library}")
    return Secret(
        library,
        published.data["update_id"],
        begun.data["update_id"],
        got.data["retrieval_id"],
        f"group of {library}",
    )


@dataclass(frozen=True)
class Pair:
    """Two servers on equal libraries `mine`; one of them also has `secret`."""

    both: Served
    alone: Served
    token: str
    secret: Secret
    full: Path


@dataclass(frozen=True)
class Filled:
    """The databases of a pair."""

    alone: bytes
    both: bytes
    token: str
    secret: Secret


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    database = tmp_path_factory.mktemp("filled") / "experience.db"
    await fill(database, "mine")
    token = await make_token(database, libraries=["mine", "mine-too"])
    alone = contents(database)
    secret = await fill(database, "secret")
    return Filled(alone, contents(database), token, secret)


@pytest.fixture
async def pair(tmp_path: Path, filled: Filled) -> AsyncGenerator[Pair]:
    alone, both = tmp_path / "alone.db", tmp_path / "both.db"
    alone.write_bytes(filled.alone)
    both.write_bytes(filled.both)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(served_in_process(both, "--sign-in"))
        other = await stack.enter_async_context(served_in_process(alone, "--sign-in"))
        yield Pair(one, other, filled.token, filled.secret, both)


def probes(of: Secret) -> list[Probe]:
    """Every request about a library and what is in it."""
    name = of.library
    given = [{**t, "retrieval_id": of.retrieval} for t in WON_AND_LOST]
    answer = [{"request_id": "compare-1", "answer": "{}"}]
    tools: list[tuple[str, dict[str, object]]] = [
        ("get_experiences", {"task": TASK, "library": name}),
        ("get_experiences", {"task": TASK, "library": name, "max_tokens": 0}),
        ("submit_group", {"task": TASK, "library": name, "trajectories": WON_AND_LOST}),
        ("submit_group", {"task": "x", "library": name, "trajectories": given}),
        ("submit_group", {"task": "y", "library": "mine", "trajectories": given}),
        (
            "submit_group",
            {"task": "z", "library": "mine", "group_id": of.group, "trajectories": WON_AND_LOST},
        ),
        ("update_experiences", {"library": name}),
        ("submit_answers", {"update_id": of.update, "answers": answer}),
        ("submit_answers", {"update_id": of.open_update, "answers": answer}),
        ("describe_library", {"library": name}),
        ("library_history", {"library": name}),
        ("compare_versions", {"library": name, "old": 0, "new": 1}),
        ("roll_back_library", {"library": name, "version": 0}),
        ("add_experience", {"library": name, "text": "When in doubt, ask the user."}),
        ("revise_experience", {"library": name, "id": "G1", "text": "When in doubt, ask."}),
        ("retire_experiences", {"library": name, "ids": ["G1"]}),
        ("review_updates", {"library": name}),
        ("review_updates", {"library": name, "update_id": of.update, "decision": "reject"}),
        ("delete_library", {"library": name, "confirm": name}),
    ]
    tails = (
        "",
        "/info",
        "/versions/0",
        "/versions/1",
        "/versions/99",
        "/history",
        "/groups",
        "/updates",
    )
    uris = [f"experience://{name}{tail}" for tail in tails]
    uris += [f"experience://{name}/updates?before={of.update}", f"skill://{name}/SKILL.md"]
    uris += [f"experience://mine/updates?before={of.update}"]
    template = {"type": "ref/resource", "uri": "experience://{library}/versions/{version}"}
    return [
        *(("tools/call", {"name": t, "arguments": arguments}) for t, arguments in tools),
        *(("resources/read", {"uri": uri}) for uri in uris),
        ("skills/get", {"uri": f"skill://{name}/SKILL.md"}),
        ("resources/directory/read", {"uri": f"skill://{name}"}),
        (
            "prompts/get",
            {"name": "solve_with_experiences", "arguments": {"task": TASK, "library": name}},
        ),
        (
            "completion/complete",
            {"ref": template, "argument": {"name": "library", "value": name[:3]}},
        ),
        (
            "completion/complete",
            {
                "ref": template,
                "argument": {"name": "version", "value": ""},
                "context": {"arguments": {"library": name}},
            },
        ),
    ]


def general() -> list[Probe]:
    """Requests about all libraries, or that may mention others."""
    return [
        ("tools/list", {}),
        ("resources/list", {}),
        ("skills/list", {}),
        ("tools/call", {"name": "list_libraries", "arguments": {}}),
        ("resources/read", {"uri": "experience://secre"}),
        ("tools/call", {"name": "get_experiences", "arguments": {"task": "x"}}),
        (
            "tools/call",
            {"name": "get_experiences", "arguments": {"task": "x", "library": "mine-too"}},
        ),
        ("tools/call", {"name": "update_experiences", "arguments": {"library": "mine-too"}}),
        (
            "tools/call",
            {"name": "get_experiences", "arguments": {"task": TASK, "library": "mine"}},
        ),
        ("resources/read", {"uri": "experience://mine/groups"}),
        ("resources/read", {"uri": "experience://mine/history"}),
        ("resources/read", {"uri": "experience://mine/info"}),
    ]


async def test_a_caller_sees_a_store_that_holds_only_its_libraries(pair: Pair) -> None:
    for era in ERAS:
        for method, params in [*general(), *probes(pair.secret), *general()]:
            with_it = plain(await ask(pair.both, pair.token, method, era, **params))
            without = plain(await ask(pair.alone, pair.token, method, era, **params))
            assert with_it == without, (era, method, params)


@pytest.mark.exhaustive
async def test_an_inaccessible_library_is_answered_like_a_missing_one(pair: Pair) -> None:
    missing = Secret(MISSING, "update-123456abcdef", "update-123456abcdee", "r-123456abcdef", "no")
    secret = pair.secret
    names = {
        secret.library: MISSING,
        secret.update: missing.update,
        secret.open_update: missing.open_update,
        secret.retrieval: missing.retrieval,
        secret.group: missing.group,
        secret.library[:3]: MISSING[:3],
    }
    for era in ERAS:
        # each probe on its own: those that store something change what the next one sees
        for real, made_up in zip(probes(secret), probes(missing), strict=True):
            if "'mine'" in repr(real):
                continue  # these store something, so the first call changes the second
            status, text = await _answer(pair, real, era)
            for name, other in names.items():
                text = text.replace(name, other)
            assert (status, text) == await _answer(pair, made_up, era), (era, real)


async def _answer(pair: Pair, probe: Probe, era: str) -> tuple[int, str]:
    response = await ask(pair.both, pair.token, probe[0], era, **probe[1])
    return response.status_code, response.text


async def test_a_caller_is_told_which_libraries_its_token_reaches(pair: Pair) -> None:
    for era in ERAS:
        for name in ("secret", MISSING):
            for method, params in (
                ("tools/call", {"name": "update_experiences", "arguments": {"library": name}}),
                ("resources/read", {"uri": f"experience://{name}"}),
            ):
                answer = await ask(pair.both, pair.token, method, era, **params)
                said = f"library '{name}' is out of reach: this token reaches only: mine, mine-too"
                assert said in answer.text


@pytest.mark.exhaustive
async def test_guessing_changes_nothing_in_an_inaccessible_library(pair: Pair) -> None:
    store = await open_store(pair.full)
    before = await store.groups.counts("secret"), await store.updates.list("secret", 9)
    for era in ERAS:
        for method, params in probes(pair.secret):
            await ask(pair.both, pair.token, method, era, **params)
    assert (await store.groups.counts("secret"), await store.updates.list("secret", 9)) == before
    assert {*await store.libraries.names()} <= {"mine", "mine-too", "secret"}
    await store.close()


async def test_a_listener_hears_only_of_accessible_libraries(pair: Pair) -> None:
    everything = await make_token(pair.full, "all")
    uris = [*uris_of("secret"), *uris_of("mine")]
    async with (
        signed_in(pair.both.url, pair.token) as one,
        signed_in(pair.both.url, everything) as other,
        one.listen(resource_subscriptions=uris, resources_list_changed=True) as events,
    ):
        await learn(other, "secret")
        await submit(other, TASK, library="another")  # which makes it
        await learn(other, "mine")
        heard = aiter(events)
        news = [repr(await anext(heard)) for _ in uris_of("mine")]
    assert all(f"'{uri}'" in one for one, uri in zip(news, uris_of("mine"), strict=True)), news


async def test_a_caller_with_the_read_scope_alone_creates_no_library(pair: Pair) -> None:
    reader = await make_token(pair.full, "reader", scopes=["read"], libraries=["mine", "new"])
    for era in ERAS:
        got = await use(pair.both, reader, "get_experiences", {"task": "x", "library": "new"}, era)
        assert "library 'new' does not exist; existing libraries: 'mine'" in got.text
    store = await open_store(pair.full)
    assert "new" not in await store.libraries.names()
    await store.close()
