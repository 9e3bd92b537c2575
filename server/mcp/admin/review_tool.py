"""The tool to review updates before they are published; the user is asked where the host can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from mcp.server.mcpserver.resolve import Elicit, ElicitationResult, Resolve
from mcp_types import CallToolResult
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from experience_store.errors import BadInputError
from experience_store.store import Review, UpdateRecord
from experience_store.submissions.forms.values import as_list
from experience_store.token_estimate import estimate_tokens
from experience_store.version import Version
from server import library_service
from server.mcp.admin.calls import (
    Name,
    Note,
    OptionalText,
    TextArgument,
    announce,
    by,
    can_ask,
    fitting,
)
from server.mcp.results import objects, result
from server.mcp.schemas import AppContext, app_of
from server.rendering import proposed_change, version_changes
from server.text import count

ReviewAction: TypeAlias = Literal["publish", "reject"]
PAGE_TOKENS = 10_000
OVERHEAD_TOKENS = 50  # of an update besides its changes
MAX_TOKENS = 1_500  # of changes shown to the user


class WaitingOut(BaseModel):
    """An update in `review_updates`; its changes start with their numbers."""

    update_id: str
    since: str
    groups: int
    reason: str
    changes: list[str]
    omitted: int = 0


class ReviewOut(BaseModel):
    """Result of `review_updates`: the updates awaiting review, and the one decided on."""

    library: str
    waiting: Annotated[list[WaitingOut], objects(update_id="string")]
    next_step: str
    update_id: OptionalText = None
    status: OptionalText = None
    version: Annotated[int | None, WithJsonSchema({"type": "integer"})] = None
    changes: list[str] = []


class Agreement(BaseModel):
    """The form that the user fills in before a decision is carried out."""

    agree: bool = Field(description="Go ahead?")


async def _agreement(
    ctx: AppContext,
    library: str,
    update_id: str | None,
    decision: ReviewAction | None,
    only: list[int] | None,
) -> Agreement | Elicit[Agreement]:
    """The user's agreement where the host can ask; otherwise the caller's."""
    found = await library_service.reviews(app_of(ctx).store, library)
    review = next((r for r in found if r.update_id == update_id), None)
    if review is None or decision is None or not can_ask(ctx):
        return Agreement(agree=True)
    numbers = only if only is not None else range(1, len(review.changes) + 1)
    lines = [str(proposed_change(c)) for n, c in enumerate(review.changes, 1) if n in numbers]
    shown, omitted = fitting(lines, MAX_TOKENS)
    more = [f"and {count(omitted, 'more change')}"] if omitted else []
    what = "\n".join([*shown, *more]) if decision == "publish" else "all of its changes"
    where = "to" if decision == "publish" else "of"
    return Elicit(
        f"{decision.capitalize()} these changes {where} library {library!r}?\n{what}", Agreement
    )


async def review_updates(  # every parameter is an argument of the tool
    ctx: AppContext,
    library: Name,
    agreement: Annotated[ElicitationResult[Agreement], Resolve(_agreement)],
    update_id: Annotated[TextArgument, Field(description="The update to decide on")] = None,
    decision: Annotated[
        ReviewAction | None, WithJsonSchema({"type": "string", "enum": ["publish", "reject"]})
    ] = None,
    only: Annotated[
        list[int] | None,
        BeforeValidator(lambda value: None if value is None else as_list(value)),
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
        raise BadInputError("`only` requires decision `publish`")
    if update_id is None:
        return result(*review_result(library, waiting))
    if agreement.action != "accept" or not agreement.data.agree:
        return result(
            *review_result(
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
    return result(*review_result(library, left, record, version))


def review_result(
    library: str,
    waiting: Sequence[Review],
    record: UpdateRecord | None = None,
    version: Version | None = None,
    heading: str = "",
) -> tuple[ReviewOut, str]:
    """The updates that await review, cut to what a result holds; at least one.

    Args:
        library: Name of the library.
        waiting: The updates.
        record: The update that was decided on.
        version: The version it was published as.
        heading: A sentence to start with.
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
        what = f"version {record.version}" if version else f"no version: {record.reason}"
        lines += [f"Update {record.id} of library {library!r} is {record.status}: {what}."]
        lines += changes
    for update in shown:
        lines.append(
            f"Update {update.update_id} from {count(update.groups, 'group')}, since {update.since},"
            f" {update.reason}:"
        )
        lines += update.changes
        lines += [f"and {count(update.omitted, 'more change')}"] if update.omitted else []
    return value, "\n".join([*lines, value.next_step])


def _page(waiting: Sequence[Review]) -> list[WaitingOut]:
    """As many updates as fit into a result; of the first, as many changes as fit."""
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
                reason=review.reason,
                changes=changes,
                omitted=omitted,
            )
        )
    return page
