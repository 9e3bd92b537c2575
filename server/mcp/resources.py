"""Resources: each library as text and JSON that a person or a host can read.

`experience://{library}` is the current version, ready to paste into a prompt. Its facts (`info`),
versions, history, groups and updates are below it; what grows comes in pages, each with the URI of
the next, or null.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from experience_store.errors import BadInputError, ExperienceError, StorageError
from experience_store.library import Library, State
from server.access import Scope, current_access
from server.app import App
from server.rendering import version_record
from server.text import one_line

PAGE = 100
MAX_DIGITS = 15
_MARKDOWN = "text/markdown"
_JSON = "application/json"

T = TypeVar("T")


def add_resources(server: MCPServer[App], app: Callable[[], App]) -> None:
    """Register the resource templates."""

    @server.resource(
        "experience://{library}",
        name="library",
        title="Experiences of a library",
        description="The current version, ready to paste into a prompt.",
        mime_type=_MARKDOWN,
    )
    async def current(library: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_current(app, library))

    @server.resource(
        "experience://{library}/info",
        name="info",
        title="Library info",
        description="Identity, version, sizes, objectives, policy, and how many groups wait.",
        mime_type=_JSON,
    )
    async def info(library: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_info(app, library))

    @server.resource(
        "experience://{library}/versions/{version}",
        name="version",
        title="One version of a library",
        description="The library's experiences at that version.",
        mime_type=_MARKDOWN,
    )
    async def at_version(library: str, version: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_at_version(app, library, version))

    @server.resource(
        "experience://{library}/history{?before}",
        name="history",
        title="History of a library",
        description=f"The latest {PAGE} versions and what changed, or those before a version.",
        mime_type=_JSON,
    )
    async def history(library: str, before: str | None = None) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_history(app, library, before))

    @server.resource(
        "experience://{library}/groups{?after}",
        name="groups",
        title="Groups of a library",
        description=f"The first {PAGE} groups of attempts; `after` skips that many.",
        mime_type=_JSON,
    )
    async def groups(library: str, after: str = "0") -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_groups(app, library, after))

    @server.resource(
        "experience://{library}/updates{?before}",
        name="updates",
        title="Updates of a library",
        description=f"The latest {PAGE} updates and what came of them, or those before an update.",
        mime_type=_JSON,
    )
    async def updates(library: str, before: str | None = None) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_updates(app, library, before))


def library_markdown(library: Library, state: State) -> str:
    """A version of a library as people read it and prompts take it."""
    lines = [f"# Experiences: {library.name} (version {state.version})", ""]
    if library.agent_objective:
        lines += [f"The agent's work: {one_line(library.agent_objective)}", ""]
    if library.learning_objective:
        lines += [f"What to get better at: {one_line(library.learning_objective)}", ""]
    lines += [f"- [{e.id}] {one_line(e.line())}" for e in state.experiences] or ["(none yet)"]
    return "\n".join(lines) + "\n"


async def _read(reading: Awaitable[T]) -> T:
    try:
        return await reading
    except StorageError as error:  # which says nothing of whether the resource exists
        raise ResourceError(str(error)) from error
    except ExperienceError as error:
        raise ResourceNotFoundError(str(error)) from error


async def _current(app: Callable[[], App], library: str) -> str:
    loaded = await app().index_cache.load(library)
    return library_markdown(loaded.library, loaded.state)


async def _info(app: Callable[[], App], library: str) -> str:
    """Facts about a library; all of them are small, however much it holds.

    The version is read last: where no update is open, it holds what the last one published.
    """
    seen = app()
    libraries = seen.store.libraries
    made = (await libraries.version(library, 0)).created_at
    updates = (await seen.store.totals([library])).updates
    groups = await seen.store.groups.counts(library)
    found = await libraries.get(library)
    return _json(
        {
            "library": library,
            "created_at": made,
            "version": found.head,
            "experiences": found.size,
            "agent_objective": found.agent_objective,
            "learning_objective": found.learning_objective,
            "policy": asdict(found.policy),
            "groups": asdict(groups),
            "updates": dict(updates),
            "learning": {
                "by": "host" if seen.worker is None else "model",
                "held_up": seen.trouble,
                "storage_failed": seen.storage_failed,
            },
        }
    )


async def _at_version(app: Callable[[], App], library: str, version: str) -> str:
    libraries = app().store.libraries
    state = await libraries.state(library, _number(version, "a version"))
    return library_markdown(await libraries.get(library), state)


async def _history(app: Callable[[], App], library: str, before: str | None) -> str:
    end = None if before is None else _number(before, "`before` a version")
    found = await app().store.libraries.history(library, before=end, limit=PAGE + 1)
    more = f"before={found[PAGE - 1].number}" if len(found) > PAGE else None
    versions = [version_record(v) for v in found[:PAGE]]
    return _dump(library, "history", more, {"versions": versions})


async def _groups(app: Callable[[], App], library: str, after: str) -> str:
    _check_may_see_attempts()
    store = app().store.groups
    begin = _number(after, "`after` how many groups to leave out")
    counts = asdict(await store.counts(library))
    found = await store.list(library, after=begin, limit=PAGE + 1)
    more = f"after={begin + PAGE}" if len(found) > PAGE else None
    return _dump(library, "groups", more, {**counts, "listed": [asdict(g) for g in found[:PAGE]]})


async def _updates(app: Callable[[], App], library: str, before: str | None) -> str:
    _check_may_see_attempts()
    found = await app().store.updates.list(library, PAGE + 1, before=before)
    more = f"before={found[PAGE - 1].id}" if len(found) > PAGE else None
    return _dump(library, "updates", more, {"updates": [asdict(u) for u in found[:PAGE]]})


def _number(text: str, what: str) -> int:
    """A number of a URI; raises BadInputError."""
    if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS:
        return int(text)
    raise BadInputError(f"{text[:40]!r} is not a number: give {what} as a number from 0")


def _check_may_see_attempts() -> None:
    """Tasks and what came of them are for those who learn from them."""
    access = current_access.get()
    if Scope.LEARN not in access.scopes:
        raise ExperienceError(access.lacks(Scope.LEARN, "what lists groups or updates"))


def _dump(library: str, what: str, more: str | None, content: Mapping[str, object]) -> str:
    """A page as JSON: of which library, what it holds, and where the next one is."""
    next_ = f"experience://{library}/{what}?{more}" if more else None
    return _json({"library": library, **content, "next": next_})


def _json(content: Mapping[str, object]) -> str:
    def plain(item: object) -> str:
        return item.isoformat() if isinstance(item, datetime) else str(item)

    return json.dumps(content, ensure_ascii=False, indent=1, default=plain)
