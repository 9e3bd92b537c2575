"""Resources: each library as text and JSON that a person or a host can read.

`experience://{library}` is the current version, ready to paste into a prompt. Its versions, its
history, its groups and its updates are below it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from experience_store.errors import ExperienceError
from experience_store.history import Version
from experience_store.library import Library, State
from experience_store.store import GroupInfo, UpdateInfo
from server.access import Scope, current_access
from server.mcp_server import ExperienceServer
from server.wording import applied_text, refusal_text

PAGE = 100
_MARKDOWN = "text/markdown"
_JSON = "application/json"

T = TypeVar("T")


def add_resources(server: ExperienceServer) -> None:
    """Register the resource templates."""

    @server.resource(
        "experience://{library}",
        name="library",
        title="Experiences of a library",
        description="The current version, ready to paste into a prompt.",
        mime_type=_MARKDOWN,
    )
    async def current(library: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_current(server, library))

    @server.resource(
        "experience://{library}/versions/{version}",
        name="version",
        title="One version of a library",
        description="What the library held at that version.",
        mime_type=_MARKDOWN,
    )
    async def at_version(library: str, version: int) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_at_version(server, library, version))

    @server.resource(
        "experience://{library}/history{?before}",
        name="history",
        title="History of a library",
        description=f"The latest {PAGE} versions and what changed; `before` a number for older.",
        mime_type=_JSON,
    )
    async def history(library: str, before: int | None = None) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_history(server, library, before))

    @server.resource(
        "experience://{library}/groups{?after}",
        name="groups",
        title="Groups of a library",
        description=f"{PAGE} groups of attempts, `after` so many.",
        mime_type=_JSON,
    )
    async def groups(library: str, after: int = 0) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_groups(server, library, after))

    @server.resource(
        "experience://{library}/updates",
        name="updates",
        title="Updates of a library",
        description=f"The latest {PAGE} updates and what came of them.",
        mime_type=_JSON,
    )
    async def updates(library: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(_updates(server, library))


def library_markdown(library: Library, state: State) -> str:
    """A version of a library as people read it and prompts take it."""
    lines = [f"# Experiences: {library.name} (version {state.version})", ""]
    if library.agent_objective:
        lines += [f"The agent's work: {library.agent_objective}", ""]
    if library.learning_objective:
        lines += [f"What to get better at: {library.learning_objective}", ""]
    lines += [f"- [{e.id}] {e.line()}" for e in state.experiences] or ["(none yet)"]
    return "\n".join(lines) + "\n"


def version_json(version: Version) -> dict[str, object]:
    """A version as JSON."""
    return {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
        "experiences": version.size,
        "update_id": version.update_id,
        "changes": [applied_text(a) for a in version.operations],
        "refused": [refusal_text(r) for r in version.refusals],
    }


async def _read(reading: Awaitable[T]) -> T:
    try:
        return await reading
    except ExperienceError as error:
        raise ResourceNotFoundError(str(error)) from error


async def _current(server: ExperienceServer, library: str) -> str:
    shelf = await server.app.catalogue.shelf(library)
    return library_markdown(shelf.library, shelf.state)


async def _at_version(server: ExperienceServer, library: str, version: int) -> str:
    libraries = server.app.store.libraries
    return library_markdown(await libraries.get(library), await libraries.state(library, version))


async def _history(server: ExperienceServer, library: str, before: int | None) -> str:
    versions = await server.app.store.libraries.history(library, before=before, limit=PAGE)
    return _dump({"library": library, "versions": [version_json(v) for v in versions]})


async def _groups(server: ExperienceServer, library: str, after: int) -> str:
    _check_may_see_attempts()
    store = server.app.store.groups
    counts = asdict(await store.counts(library))
    found = await store.list(library, after=after, limit=PAGE)
    return _dump({"library": library, **counts, "listed": [_plain(g) for g in found]})


async def _updates(server: ExperienceServer, library: str) -> str:
    _check_may_see_attempts()
    found = await server.app.store.updates.list(library, PAGE)
    return _dump({"library": library, "updates": [_plain(u) for u in found]})


def _check_may_see_attempts() -> None:
    """Tasks and what came of them are for those who learn from them."""
    if Scope.LEARN not in current_access.get().scopes:
        raise ExperienceError("groups and updates are for callers with the scope 'learn'")


def _plain(value: GroupInfo | UpdateInfo) -> dict[str, object]:
    return asdict(value)


def _dump(value: Mapping[str, object]) -> str:
    def plain(item: object) -> str:
        return item.isoformat() if isinstance(item, datetime) else str(item)

    return json.dumps(value, ensure_ascii=False, indent=1, default=plain)
