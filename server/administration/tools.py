"""Tools to look after libraries: one for each deed. Off, unless they are switched on."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import CallToolResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field, WithJsonSchema

from experience_store.errors import BadInputError
from experience_store.library import Policy
from server.access import Scope
from server.administration import deeds
from server.administration.deeds import By
from server.administration.results import (
    DeletedOut,
    DescriptionOut,
    DifferenceOut,
    EditedOut,
    HistoryOut,
    compared,
    deleted,
    described,
    edited,
    told,
)
from server.app import App
from server.author import author_of
from server.results import result
from server.tool_schema import ScopedTool, make_tool
from server.tools import AppContext

MAX_VERSIONS = 100
_TYPES = {"bool": "boolean", "int": "integer", "float": "number"}

Name = Annotated[str, Field(description="Of the library")]
Note = Annotated[str, Field(description="Why, for the history")]
Id = Annotated[str, Field(description="Such as G3")]
Text = Annotated[str, Field(description='Best as "When [condition], [strategy]"')]
Number = Annotated[int | None, WithJsonSchema({"type": "integer"}), Field(ge=0)]
Words = Annotated[str | None, WithJsonSchema({"type": "string"})]


async def describe_library(
    ctx: AppContext,
    library: Name,
    agent_objective: Annotated[Words, Field(description="What the agent does")] = None,
    learning_objective: Annotated[Words, Field(description="What it should get better at")] = None,
    policy: Annotated[
        dict[str, object] | None,
        WithJsonSchema(
            {
                "type": "object",
                "properties": {f.name: {"type": _TYPES[str(f.type)]} for f in fields(Policy)},
            }
        ),
    ] = None,
) -> Annotated[CallToolResult, DescriptionOut]:
    """Say what a library is for and how it learns; makes one that is new.

    What is not given stays; with nothing given, shows a library that there is.
    """
    app = _app(ctx)
    if agent_objective is None and learning_objective is None and not policy:
        return result(*described(await app.store.libraries.get(library)))
    found = await deeds.describe(
        app.store,
        library,
        agent_objective=agent_objective,
        learning_objective=learning_objective,
        policy=policy,
    )
    await _announce(app, library)
    return result(*described(found))


async def library_history(
    ctx: AppContext,
    library: Name,
    before: Annotated[Number, Field(description="Only versions before this one")] = None,
    limit: Annotated[int, Field(ge=1, le=MAX_VERSIONS)] = 10,
) -> Annotated[CallToolResult, HistoryOut]:
    """Show the versions of a library, newest first: who made each, why, what changed."""
    versions = await _app(ctx).store.libraries.history(library, before=before, limit=limit)
    return result(*told(library, versions))


async def compare_versions(
    ctx: AppContext,
    library: Name,
    old: Annotated[Number, Field(description="By default the one before new")] = None,
    new: Annotated[Number, Field(description="By default the current one")] = None,
) -> Annotated[CallToolResult, DifferenceOut]:
    """Show what is different between two versions of a library."""
    return result(*compared(library, await deeds.compare(_app(ctx).store, library, old, new)))


async def roll_back_library(
    ctx: AppContext,
    library: Name,
    version: Annotated[int, Field(ge=0, description="The one to go back to")],
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Make a new version that holds what an older one held. Nothing is lost by it."""
    app = _app(ctx)
    made = await deeds.roll_back(app.store, library, version, _by(ctx, note))
    await _announce(app, library)
    difference = await deeds.compare(app.store, library, made.number - 1, made.number)
    return result(*edited(library, made, difference))


async def add_experience(
    ctx: AppContext, library: Name, text: Text, name: str = "", note: Note = ""
) -> Annotated[CallToolResult, EditedOut]:
    """Add an experience by hand. What the library's policy forbids is refused."""
    app = _app(ctx)
    made = await deeds.add(app.store, library, text, name, _by(ctx, note))
    await _announce(app, library)
    return result(*edited(library, made))


async def revise_experience(  # each is an argument of the tool
    ctx: AppContext,
    library: Name,
    id: Id,  # noqa: A002  # the word that clients know
    text: Text,
    name: Annotated[Words, Field(description="Without it the name stays")] = None,
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Say an experience in other words; its id and its history stay."""
    app = _app(ctx)
    made = await deeds.revise(app.store, library, id, text, name, _by(ctx, note))
    await _announce(app, library)
    return result(*edited(library, made))


async def retire_experiences(
    ctx: AppContext,
    library: Name,
    ids: Annotated[list[str], Field(description="Such as G3", min_length=1)],
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Take experiences out of a library. Their history stays, and rolling back undoes it."""
    app = _app(ctx)
    made = await deeds.retire(app.store, library, ids, _by(ctx, note))
    await _announce(app, library)
    return result(*edited(library, made))


class Confirmation(BaseModel):
    """What the user is asked for before a library is deleted."""

    name: str = Field(description="The library's name, to confirm")


async def _confirmation(
    ctx: AppContext, library: str, confirm: str | None
) -> Confirmation | Elicit[Confirmation]:
    """The user's word, where the host can ask; else the caller's, who must repeat the name."""
    held = await deeds.holding(_app(ctx).store, library)
    if _can_ask(ctx):
        return Elicit(f"Delete library {library!r} for good? It holds {held}.", Confirmation)
    if confirm != library:
        raise BadInputError(
            f"library {library!r} holds {held}, and deleting it cannot be undone. If the user "
            f"wants that, call again with confirm {library!r}."
        )
    return Confirmation(name=library)


async def delete_library(
    ctx: AppContext,
    library: Name,
    confirmed: Annotated[ElicitationResult[Confirmation], Resolve(_confirmation)],
    confirm: Annotated[Words, Field(description="The name again, if the user wants it")] = None,  # noqa: ARG001  # read by the resolver
) -> Annotated[CallToolResult, DeletedOut]:
    """Delete a library with its history, groups and attempts, for good.

    The user is asked, where the host can ask.
    """
    app = _app(ctx)
    held = await deeds.holding(app.store, library)
    if confirmed.action != "accept":
        return result(*deleted(held, done=False))
    if confirmed.data.name.strip() != library:
        raise BadInputError(
            f"the library is {library!r}, and {confirmed.data.name[:80]!r} was typed. It was not "
            "deleted."
        )
    held = await deeds.delete(app.store, library)
    await _announce(app, library)
    return result(*deleted(held, done=True))


def administration_tools() -> list[ScopedTool]:
    """The tools as they are registered. All are for those who may administer."""
    scope = Scope.ADMINISTER
    return [
        make_tool(describe_library, "Describe a library", scope, reads=False, idempotent=True),
        make_tool(library_history, "History of a library", scope, reads=True, idempotent=True),
        make_tool(compare_versions, "Compare versions", scope, reads=True, idempotent=True),
        make_tool(roll_back_library, "Roll back a library", scope, reads=False, idempotent=False),
        make_tool(add_experience, "Add an experience", scope, reads=False, idempotent=False),
        make_tool(revise_experience, "Revise an experience", scope, reads=False, idempotent=False),
        make_tool(retire_experiences, "Retire experiences", scope, reads=False, idempotent=False),
        make_tool(
            delete_library,
            "Delete a library",
            scope,
            reads=False,
            idempotent=True,
            destroys=True,
        ),
    ]


def _app(ctx: AppContext) -> App:
    return ctx.request_context.lifespan_context.seen()


def _by(ctx: AppContext, note: str) -> By:
    return By(author_of(ctx), note)


async def _announce(app: App, library: str) -> None:
    if app.on_published:
        await app.on_published(library)


def _can_ask(ctx: AppContext) -> bool:
    """Whether the host can put a form before its user in the middle of this call."""
    capabilities = ctx.client_capabilities
    asking = capabilities.elicitation if capabilities else None
    if asking is None or (asking.form is None and asking.url is not None):
        return False
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request
