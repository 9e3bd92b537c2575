"""Pagination of libraries, for `list_libraries` and `resources/list`.

There may be thousands of libraries, and hosts truncate long results or let them fill the context.
So a page is bounded in entries and in tokens, and says how to get the next one.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Sequence

from mcp import MCPError
from mcp_types import INVALID_PARAMS, ListResourcesResult, Resource

from experience_store.library import Library
from experience_store.token_estimate import estimate_tokens
from server.access import Scope, current_access
from server.app import App
from server.mcp.results import LibrariesOut, LibraryOut, library_line
from server.mcp.skills.served import skill_resource
from server.text import standstill

PAGE = 100
MAX_TOKENS = 20_000  # of a page as text and as structured content together; hosts cut at 25,000
MAX_ASIDE = 20  # libraries of which it is said that groups were set aside
MAX_OBJECTIVE = 1_000  # characters that a list shows of one
_CURSOR = "libraries behind "


async def libraries_out(app: App, after: str) -> LibrariesOut:
    """The libraries after the name `after`, as many as fit into a result."""
    found = [library for library in await app.store.libraries.all() if library.name > after]
    page = [entry async for entry in _page(app, found)]
    shown = [entry for entry, _ in page]
    omitted = len(found) - len(shown)
    step = _next_step(shown[-1].name if shown else after, omitted, app, found=bool(shown))
    aside = [f"{entry.name!r} ({number})" for entry, number in page[:MAX_ASIDE] if number]
    if failed := ", ".join(aside):
        step = f"Groups were set aside after failed updates in {failed}. {step}"
    if trouble := await app.any_trouble():
        step = f"{standstill(trouble)} {step}"
    return LibrariesOut(libraries=shown, omitted=omitted, next_step=step)


async def resources_page(
    app: App, cursor: str | None, registered: Sequence[Resource]
) -> ListResourcesResult:
    """A page of `resources/list`: what is registered, then each library and its skill.

    Args:
        app: The app as the caller sees it.
        cursor: The cursor of the page before; None for the first page.
        registered: Resources that are listed first.
    """
    after = _after(cursor)
    fixed = [] if cursor else list(registered)
    if Scope.READ not in current_access.get().scopes:
        return ListResourcesResult(resources=fixed)
    found = await app.store.libraries.page(after=after, limit=PAGE + 1)
    return ListResourcesResult(
        resources=[*fixed, *(one for library in found[:PAGE] for one in _resources(library))],
        next_cursor=_cursor(found[PAGE - 1].name) if len(found) > PAGE else None,
    )


async def _page(app: App, libraries: Sequence[Library]) -> AsyncGenerator[tuple[LibraryOut, int]]:
    """The first of them, until the page is full; each with how many of its groups are set aside."""
    left = MAX_TOKENS
    for library in libraries[:PAGE]:
        counts = await app.store.groups.counts(library.name)
        entry = LibraryOut(
            name=library.name,
            experiences=library.size,
            version=library.head,
            groups=counts.groups,
            waiting=counts.pending,
            learning=counts.learning,
            agent_objective=_glimpse(library.agent_objective),
            learning_objective=_glimpse(library.learning_objective),
        )
        cost = estimate_tokens(f"{library_line(entry)}\n{entry.model_dump_json()}")
        if cost > left:
            return
        left -= cost
        yield entry, counts.set_aside


def _glimpse(objective: str | None) -> str | None:
    long = objective is not None and len(objective) > MAX_OBJECTIVE
    return f"{objective[:MAX_OBJECTIVE]}…" if objective and long else objective


def _next_step(last: str, omitted: int, app: App, *, found: bool) -> str:
    if not found and last:
        return f"There is no library after {last[:80]!r}."
    if not found:
        return "There is no library yet: one begins with its first submission (submit_group)."
    new = "" if app.limited else "; a new library begins with its first submission"
    use = f"Pass the name of the right one as `library` to the other tools{new}."
    if omitted:
        return f"{omitted} more: call list_libraries with after {last!r}. {use}"
    return use


def _resources(library: Library) -> list[Resource]:
    """The library under its name and, if it holds something, as a skill."""
    itself = Resource(
        uri=f"experience://{library.name}",
        name=library.name,
        description=library.agent_objective,
        mime_type="text/markdown",
    )
    return [itself, skill_resource(library)] if library.size else [itself]


def _cursor(name: str) -> str:
    return urlsafe_b64encode(f"{_CURSOR}{name}".encode()).decode()


def _after(cursor: str | None) -> str:
    """The name in a cursor; raises MCPError if the cursor is invalid."""
    if cursor is None:
        return ""
    try:
        text = urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError, ValueError):
        text = ""
    if not text.startswith(_CURSOR):
        raise MCPError(
            INVALID_PARAMS,
            "invalid cursor: list again without a cursor",
        )
    return text.removeprefix(_CURSOR)
