"""What `doctor` finds about tokens: how many there are, and which reach everything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from experience_store.errors import ExperienceError
from server.cli.findings import Finding
from server.cli.opening import existing
from server.cli.printing import count


def look_at_tokens(database: Path) -> Iterator[Finding]:
    """The tokens of `serve --http --sign-in`, if there are any."""
    try:
        found = asyncio.run(_tokens(database))
    except ExperienceError:
        return  # what is wrong was found before
    if not found:
        return
    now = datetime.now(UTC)
    over = sum(ends is not None and ends <= now for _, ends in found)
    wide = sum(libraries is None for libraries, _ in found)
    text = (
        f"{count(len(found), 'token')} for HTTP; every library is reached by {wide}, {over} expired"
    )
    remedy = "Revoke what is over: `experience-mcp token list`, `token revoke`." if over else None
    yield Finding("note" if over else "ok", "sign-in", text, remedy)


async def _tokens(database: Path) -> list[tuple[frozenset[str] | None, datetime | None]]:
    async with existing(database) as store:
        return [(token.libraries, token.expires_at) for token in await store.tokens.all()]
