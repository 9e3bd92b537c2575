"""What the tools of administration share: their arguments, and how they act for their caller."""

from __future__ import annotations

from typing import Annotated

from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, WithJsonSchema

from server.app import App
from server.library_service import Attribution
from server.mcp.context import AppContext, author_of

MAX_WORDS = 20_000  # characters; more than any text here may have in the end

Name = Annotated[str, Field(description="Of the library")]
Note = Annotated[
    str,
    WithJsonSchema({"type": "string"}),
    Field(description="Why, for the history", max_length=MAX_WORDS),
]
Words = Annotated[str | None, WithJsonSchema({"type": "string"}), Field(max_length=MAX_WORDS)]


def by(ctx: AppContext, note: str) -> Attribution:
    """Who asks for a change, and why."""
    return Attribution(author_of(ctx), note)


async def announce(app: App, library: str) -> None:
    """Tell who listens that a library is another now, or gone."""
    if app.on_published:
        await app.on_published(library)


def can_ask(ctx: AppContext) -> bool:
    """Whether the host can put a form before its user in the middle of this call."""
    capabilities = ctx.client_capabilities
    asking = capabilities.elicitation if capabilities else None
    if asking is None or (asking.form is None and asking.url is not None):
        return False
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request
