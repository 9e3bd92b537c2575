"""The tool to delete a library. The user is asked where it can be, else the name is said twice."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from experience_store.errors import BadInputError
from server import library_service
from server.library_service import LibraryContents
from server.mcp.admin.context import Name, Words, announce, can_ask
from server.mcp.context import AppContext, app_of
from server.mcp.results import result


class DeletedOut(BaseModel):
    """The answer of `delete_library`: what the library held."""

    library: str
    deleted: bool
    experiences: int
    versions: int
    groups: int
    attempts: int


class Confirmation(BaseModel):
    """What the user is asked for before a library is deleted."""

    name: str = Field(description="The library's name, to confirm")


async def _confirmation(
    ctx: AppContext, library: str, confirm: str | None
) -> Confirmation | Elicit[Confirmation]:
    """The user's word, where the host can ask; else the caller's, who must repeat the name."""
    held = await library_service.holding(app_of(ctx).store, library)
    if can_ask(ctx):
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
    app = app_of(ctx)
    held = await library_service.holding(app.store, library)
    if confirmed.action != "accept":
        return result(*deleted(held, done=False))
    if confirmed.data.name.strip() != library:
        raise BadInputError(
            f"the library is {library!r}, and {confirmed.data.name[:80]!r} was typed. It was not "
            "deleted."
        )
    held = await library_service.delete(app.store, library)
    await announce(app, library)
    return result(*deleted(held, done=True))


def deleted(held: LibraryContents, *, done: bool) -> tuple[DeletedOut, str]:
    """What became of a library that was to be deleted."""
    value = DeletedOut.model_validate({**held.record(), "deleted": done})
    if done:
        return value, f"Library {value.library!r} is deleted for good: {held}."
    return value, f"Library {value.library!r} was not deleted: the user did not confirm it."
