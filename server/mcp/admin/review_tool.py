"""The tool to review what was learned before it is published. The user is asked where it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, Field, WithJsonSchema

from experience_store.errors import BadInputError
from experience_store.store import Review, UpdateRecord
from experience_store.token_estimate import estimate_tokens
from experience_store.version import Version
from server import library_service
from server.mcp.admin.calls import Name, Note, Words, announce, by, can_ask
from server.mcp.admin.results import OBJECTS, OptionalText, fitting
from server.mcp.context import AppContext, app_of
from server.mcp.results import result
from server.rendering import proposed_change, version_changes
from server.text import count

Decision: TypeAlias = Literal["publish", "reject"]
PAGE_TOKENS = 10_000
OVERHEAD_TOKENS = 50  # of an update beside its changes
MAX_TOKENS = 1_500  # of changes in a question to the user


class WaitingOut(BaseModel):
    """An update in `review_updates`; its changes begin with their numbers."""

    update_id: str
    since: str
    groups: int
    changes: list[str]
    omitted: int = 0


class ReviewOut(BaseModel):
    """The answer of `review_updates`: what waits, and what became of the one decided on."""

    library: str
    waiting: Annotated[list[WaitingOut], WithJsonSchema(OBJECTS)]
    next_step: str
    update_id: OptionalText = None
    status: OptionalText = None
    version: Annotated[int | None, WithJsonSchema({"type": "integer"})] = None
    changes: list[str] = []


class Word(BaseModel):
    """What the user is asked for before something is published that waits for review."""

    agree: bool = Field(description="Go ahead?")


async def _word(
    ctx: AppContext,
    library: str,
    update_id: str | None,
    decision: Decision | None,
    only: list[int] | None,
) -> Word | Elicit[Word]:
    """The user's word on a decision, where the host can ask; else the caller's."""
    found = await library_service.reviews(app_of(ctx).store, library)
    review = next((r for r in found if r.update_id == update_id), None)
    if review is None or decision is None or not can_ask(ctx):
        return Word(agree=True)
    numbers = only if only is not None else range(1, len(review.changes) + 1)
    lines = [str(proposed_change(c)) for n, c in enumerate(review.changes, 1) if n in numbers]
    shown, omitted = fitting(lines, MAX_TOKENS)
    more = [f"and {count(omitted, 'more change')}"] if omitted else []
    what = "\n".join([*shown, *more]) if decision == "publish" else "all of its changes"
    where = "to" if decision == "publish" else "of"
    return Elicit(
        f"{decision.capitalize()} these changes {where} library {library!r}?\n{what}", Word
    )


async def review_updates(  # each is an argument of the tool
    ctx: AppContext,
    library: Name,
    word: Annotated[ElicitationResult[Word], Resolve(_word)],
    update_id: Annotated[Words, Field(description="The update to decide on")] = None,
    decision: Annotated[
        Decision | None, WithJsonSchema({"type": "string", "enum": ["publish", "reject"]})
    ] = None,
    only: Annotated[
        list[int] | None,
        WithJsonSchema({"type": "array", "items": {"type": "integer"}}),
        Field(description="Numbers of the changes to publish; the rest are rejected"),
    ] = None,
    note: Note = "",
) -> Annotated[CallToolResult, ReviewOut]:
    """List learned changes awaiting review, or publish or reject them on the user's behalf.

    In a library with the policy `review`, nothing learned is published until then.
    """
    app = app_of(ctx)
    waiting = await library_service.reviews(app.store, library)
    if (update_id is None) != (decision is None):
        raise BadInputError(
            "give both update_id and decision, or neither to list what is awaiting review"
        )
    if only is not None and decision != "publish":
        raise BadInputError("`only` goes with decision `publish`")
    if update_id is None:
        return result(*reviewed(library, waiting))
    if word.action != "accept" or not word.data.agree:
        return result(
            *reviewed(
                library, waiting, heading="The user declined. The update is still awaiting review."
            )
        )
    chosen = () if decision == "reject" else only
    record = await library_service.review(app.store, library, update_id, chosen, by(ctx, note))
    version = None
    if record.version is not None:
        version = await app.store.libraries.version(library, record.version)
        await announce(app, library)
    left = await library_service.reviews(app.store, library)
    return result(*reviewed(library, left, record, version))


def reviewed(
    library: str,
    waiting: Sequence[Review],
    record: UpdateRecord | None = None,
    version: Version | None = None,
    heading: str = "",
) -> tuple[ReviewOut, str]:
    """What is awaiting review, as much of it as fits into an answer; at least one update.

    Args:
        library: Its name.
        waiting: Updates.
        record: One that was decided on.
        version: What came of that one.
        heading: What else there is to say.
    """
    shown = _page(waiting)
    step = (
        "To decide, call again with update_id and decision `publish` (add `only` to publish some, "
        "by number) or `reject`."
        if shown
        else "Nothing is awaiting review."
    )
    if len(waiting) > len(shown):
        step = f"{len(waiting)} updates are awaiting review; the oldest are shown. {step}"
    value = ReviewOut(library=library, waiting=shown, next_step=f"{heading} {step}".strip())
    lines: list[str] = []
    if record is not None:
        changes, _ = fitting([str(line) for line in version_changes(version)] if version else [])
        value = value.model_copy(
            update={
                "update_id": record.id,
                "status": record.status,
                "version": record.version,
                "changes": changes,
            }
        )
        what = f"version {record.version}" if version else f"no version, because {record.reason}"
        lines += [f"Update {record.id} of library {library!r} is {record.status}: {what}."]
        lines += changes
    for update in shown:
        lines.append(
            f"Update {update.update_id}, of {count(update.groups, 'group')}, since {update.since}:"
        )
        lines += update.changes
        lines += [f"and {count(update.omitted, 'more change')}"] if update.omitted else []
    return value, "\n".join([*lines, value.next_step])


def _page(waiting: Sequence[Review]) -> list[WaitingOut]:
    """As many updates as fit into an answer; of the first as many changes as do."""
    page: list[WaitingOut] = []
    room = PAGE_TOKENS
    for review in waiting:
        lines = [f"{n}. {proposed_change(c)}" for n, c in enumerate(review.changes, start=1)]
        changes, omitted = fitting(lines, room)
        if page and omitted:
            break
        room -= sum(map(estimate_tokens, changes)) + OVERHEAD_TOKENS
        page.append(
            WaitingOut(
                update_id=review.update_id,
                since=review.since.isoformat(timespec="seconds"),
                groups=review.groups,
                changes=changes,
                omitted=omitted,
            )
        )
    return page
