"""Tools that describe, compare, roll back, edit and delete libraries."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Annotated

from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from experience_store.errors import BadInputError
from experience_store.library import Policy
from experience_store.submissions.forms.values import as_list
from server import library_service
from server.access import Scope
from server.library_service import LibraryContents
from server.mcp.admin.calls import (
    MAX_TEXT,
    DescriptionOut,
    DifferenceOut,
    EditedOut,
    HistoryOut,
    Name,
    Note,
    TextArgument,
    announce,
    by,
    can_ask,
    description_result,
    difference_result,
    history_result,
    version_result,
)
from server.mcp.admin.review_tool import review_updates
from server.mcp.results import result
from server.mcp.schemas import AppContext, LooseText, ScopedTool, app_of, make_tool


class DeletedOut(BaseModel):
    """Result of `delete_library`: what the library contained."""

    library: str
    deleted: bool
    experiences: int
    versions: int
    groups: int
    attempts: int


class Confirmation(BaseModel):
    """The form that the user fills in before a library is deleted."""

    name: str = Field(description="The library's name, to confirm")


async def _confirmation(
    ctx: AppContext, library: str, confirm: str | None
) -> Confirmation | Elicit[Confirmation]:
    """The user's confirmation, or the name repeated by the caller if the host cannot ask."""
    held = await library_service.contents(app_of(ctx).store, library)
    if can_ask(ctx):
        return Elicit(f"Permanently delete library {library!r}? It contains {held}.", Confirmation)
    if confirm != library:
        raise BadInputError(
            f"library {library!r} holds {held}, and deleting it cannot be undone. If the user "
            f"wants that, call again with confirm {library!r}"
        )
    return Confirmation(name=library)


async def delete_library(
    ctx: AppContext,
    library: Name,
    confirmed: Annotated[ElicitationResult[Confirmation], Resolve(_confirmation)],
    confirm: Annotated[  # noqa: ARG001  # read by the resolver
        TextArgument, Field(description="The name again, if the user agrees")
    ] = None,
) -> Annotated[CallToolResult, DeletedOut]:
    """Permanently delete a library with its history, groups and attempts.

    The user is asked where the host supports it.
    """
    app = app_of(ctx)
    held = await library_service.contents(app.store, library)
    if confirmed.action != "accept":
        return result(*deletion_result(held, done=False))
    if confirmed.data.name.strip() != library:
        raise BadInputError(
            f"library {library!r} was not deleted: {confirmed.data.name[:80]!r} was typed instead "
            "of its name"
        )
    held = await library_service.delete(app.store, library)
    await announce(app, library)
    return result(*deletion_result(held, done=True))


def deletion_result(held: LibraryContents, *, done: bool) -> tuple[DeletedOut, str]:
    """Whether a library was deleted, and what it contains or contained."""
    value = DeletedOut.model_validate({**held.record(), "deleted": done})
    if done:
        return value, f"Library {value.library!r} was permanently deleted: {held}."
    return value, f"Library {value.library!r} was not deleted: the user did not confirm it."


MAX_VERSIONS = 100
MAX_NUMBER = 10**15  # of a version; larger numbers do not fit into the database
_TYPES = {"bool": "boolean", "int": "integer", "float": "number"}

Id = Annotated[LooseText, Field(description="Id of an experience, such as G3")]
Text = Annotated[
    str,
    WithJsonSchema({"type": "string"}),
    Field(description='Best as "When [condition], [strategy]"', max_length=MAX_TEXT),
]
Title = Annotated[str, WithJsonSchema({"type": "string"}), Field(max_length=MAX_TEXT)]
Number = Annotated[int | None, WithJsonSchema({"type": "integer"}), Field(ge=0, le=MAX_NUMBER)]


async def describe_library(
    ctx: AppContext,
    library: Name,
    agent_objective: Annotated[TextArgument, Field(description="What the agent does")] = None,
    learning_objective: Annotated[
        TextArgument, Field(description="What it should get better at")
    ] = None,
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
    """Create a library, or set its objectives and policy.

    Omitted fields are unchanged. With only `library`, returns the current settings.
    """
    app = app_of(ctx)
    if agent_objective is None and learning_objective is None and not policy:
        return result(*description_result(await app.store.libraries.get(library)))
    found = await library_service.describe(
        app.store,
        library,
        agent_objective=agent_objective,
        learning_objective=learning_objective,
        policy=policy,
    )
    await announce(app, library)
    return result(*description_result(found))


async def library_history(
    ctx: AppContext,
    library: Name,
    before: Annotated[Number, Field(description="Only versions before this one")] = None,
    limit: Annotated[int, Field(ge=1, le=MAX_VERSIONS)] = 10,
) -> Annotated[CallToolResult, HistoryOut]:
    """Show the versions of a library, newest first: who made each, why, what changed."""
    versions = await app_of(ctx).store.libraries.history(library, before=before, limit=limit)
    return result(*history_result(library, versions))


async def compare_versions(
    ctx: AppContext,
    library: Name,
    old: Annotated[Number, Field(description="Default: the one before new")] = None,
    new: Annotated[Number, Field(description="Default: the current one")] = None,
) -> Annotated[CallToolResult, DifferenceOut]:
    """Show the differences between two versions of a library."""
    return result(
        *difference_result(
            library, await library_service.compare(app_of(ctx).store, library, old, new)
        )
    )


async def roll_back_library(
    ctx: AppContext,
    library: Name,
    version: Annotated[
        int,
        WithJsonSchema({"type": "integer"}),
        Field(ge=0, le=MAX_NUMBER, description="Version to go back to"),
    ],
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Make a new version with the content of an older one. No version is lost."""
    app = app_of(ctx)
    made = await library_service.roll_back(app.store, library, version, by(ctx, note))
    await announce(app, library)
    difference = await library_service.compare(app.store, library, made.number - 1, made.number)
    return result(*version_result(library, made, difference))


async def add_experience(
    ctx: AppContext, library: Name, text: Text, name: Title = "", note: Note = ""
) -> Annotated[CallToolResult, EditedOut]:
    """Add an experience by hand, within the library's policy."""
    app = app_of(ctx)
    made = await library_service.add(app.store, library, text, name, by(ctx, note))
    await announce(app, library)
    return result(*version_result(library, made))


async def revise_experience(  # each is an argument of the tool
    ctx: AppContext,
    library: Name,
    id: Id,  # noqa: A002  # the name that clients use
    text: Text,
    name: Annotated[TextArgument, Field(description="Default: unchanged")] = None,
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Reword an experience; its id and history stay."""
    app = app_of(ctx)
    made = await library_service.revise(app.store, library, id, text, name, by(ctx, note))
    await announce(app, library)
    return result(*version_result(library, made))


async def retire_experiences(
    ctx: AppContext,
    library: Name,
    ids: Annotated[
        list[LooseText],
        BeforeValidator(as_list),
        Field(description="Ids, such as G3", min_length=1),
    ],
    note: Note = "",
) -> Annotated[CallToolResult, EditedOut]:
    """Remove experiences from a library. Their history stays; a rollback undoes it."""
    app = app_of(ctx)
    made = await library_service.retire(app.store, library, ids, by(ctx, note))
    await announce(app, library)
    return result(*version_result(library, made))


@cache
def administration_tools() -> tuple[ScopedTool, ...]:
    """The administration tools, as registered."""
    scope = Scope.ADMINISTER
    return (
        make_tool(describe_library, "Describe a library", scope, reads=False, idempotent=True),
        make_tool(library_history, "History of a library", scope, reads=True, idempotent=True),
        make_tool(compare_versions, "Compare versions", scope, reads=True, idempotent=True),
        make_tool(roll_back_library, "Roll back a library", scope, reads=False, idempotent=False),
        make_tool(add_experience, "Add an experience", scope, reads=False, idempotent=False),
        make_tool(revise_experience, "Revise an experience", scope, reads=False, idempotent=False),
        make_tool(retire_experiences, "Retire experiences", scope, reads=False, idempotent=False),
        make_tool(review_updates, "Review updates", scope, reads=False, idempotent=False),
        make_tool(
            delete_library,
            "Delete a library",
            scope,
            reads=False,
            idempotent=True,
            destroys=True,
        ),
    )
