"""What the administration tools share: arguments, attribution, notification."""

from __future__ import annotations

from typing import Annotated

from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field, WithJsonSchema

from server.app import App
from server.library_service import Attribution
from server.mcp.context import AppContext, author_of

MAX_WORDS = 20_000  # characters; no text here may be longer in the end

Name = Annotated[str, Field(description="Name of the library")]
Note = Annotated[
    str,
    WithJsonSchema({"type": "string"}),
    Field(description="Reason, for the history", max_length=MAX_WORDS),
]
Words = Annotated[str | None, WithJsonSchema({"type": "string"}), Field(max_length=MAX_WORDS)]


def by(ctx: AppContext, note: str) -> Attribution:
    """The caller and the reason of a change."""
    return Attribution(author_of(ctx), note)


async def announce(app: App, library: str) -> None:
    """Notify subscribers that a library changed or was deleted."""
    if app.on_published:
        await app.on_published(library)


def can_ask(ctx: AppContext) -> bool:
    """Whether the host can show its user a form during this call (elicitation)."""
    capabilities = ctx.client_capabilities
    asking = capabilities.elicitation if capabilities else None
    if asking is None or (asking.form is None and asking.url is not None):
        return False
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request
