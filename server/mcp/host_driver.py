"""The host as driver of an update: requests out, answers in, a published version at the end.

With a model configured, the same calls start the background worker and report on it. Nothing here
waits for a language model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experience_store.errors import NotFoundError
from experience_store.learning.prompts import Request
from experience_store.store import HOST_LEARNER, Trouble, UpdateRecord
from experience_store.token_estimate import estimate_tokens
from experience_store.update_runner import Refused, ResumedUpdate
from server.app import App
from server.mcp.next_steps import waiting_elsewhere
from server.mcp.results import RefusedOut, RequestOut, UpdateOut
from server.rendering import proposed_change, version_changes
from server.text import HOW_TO_FIT, NONE_FIT, count, standstill

GROUPS_PER_UPDATE = 8
PAGE_TOKENS = 22_000


async def start(app: App, library: str, *, author: str) -> UpdateOut:
    """Start an update, or resume the one that is open."""
    await app.retrievals.flush()  # so that the comparison knows what the attempts were given
    open_ = await app.store.updates.open(library)
    if app.worker is not None:
        return await _start_in_background(app, library, open_)
    for update_id in open_:
        work = await app.runner.resume(update_id)
        if not work.record.leased:
            return await _proceed(app, work, (), author)
    await app.store.groups.offer_again(HOST_LEARNER, library)
    update_id = await app.runner.begin(library, "host", GROUPS_PER_UPDATE)
    if update_id is not None:
        return await _proceed(app, await app.runner.resume(update_id), (), author)
    return _running(library, open_[0]) if open_ else await _nothing(app, library)


async def take(
    app: App,
    update_id: str,
    answers: Sequence[tuple[str, str | Mapping[str, object]]],
    *,
    author: str,
) -> UpdateOut:
    """Take answers; return the next requests, or the result of the update.

    Raises:
        NotFoundError: If the update does not exist.
    """
    try:
        work = await app.runner.resume(update_id)
    except NotFoundError as error:
        raise NotFoundError(
            f"{error}. Call update_experiences for the library: it returns the update_id and the "
            "open requests."
        ) from error
    if not work.is_open:
        value = await _closed(app, work.record, ())
        value.next_step = (
            f"This update is already closed: these answers change nothing. {value.next_step}"
        )
        return value
    work, refused = await app.runner.answer(work, answers)
    return await _proceed(app, work, refused, author)


async def _proceed(
    app: App, work: ResumedUpdate, refused: Sequence[Refused], author: str
) -> UpdateOut:
    if work.is_open:
        work = await app.runner.finish(work, author=author)
    if not work.is_open:
        return await _closed(app, work.record, refused)
    return _asking(work, await app.runner.ask(work), refused)


def _asking(
    work: ResumedUpdate, requests: Sequence[Request], refused: Sequence[Refused]
) -> UpdateOut:
    page = _page(requests)
    waiting = len(requests) - len(page)
    more = f" {waiting} more will follow." if waiting else ""
    if page[0].step == "compare":
        more += " The proposals may need one more request, to consolidate them."
    ids = ", ".join(r.id for r in page)
    return UpdateOut(
        library=work.record.library.name,
        update_id=work.record.id,
        status="awaiting_answers",
        next_step=(
            f"Answer {count(len(page), 'request')} yourself ({ids}): read the prompt, think, and "
            "write JSON that matches the answer_schema. Then call submit_answers once with "
            f"update_id {work.record.id!r} and all these answers.{more}"
        ),
        requests=[
            RequestOut(request_id=r.id, prompt=r.prompt, answer_schema=dict(r.schema)) for r in page
        ],
        refused=_refused(refused),
    )


def _page(requests: Sequence[Request]) -> list[Request]:
    """As many requests as fit into one result; at least one."""
    page: list[Request] = []
    room = PAGE_TOKENS
    for request in requests:
        room -= estimate_tokens(request.prompt) + 250
        if page and room < 0:
            break
        page.append(request)
    return page


async def _closed(app: App, record: UpdateRecord, refused: Sequence[Refused]) -> UpdateOut:
    library = record.library.name
    waiting = (await app.store.groups.counts(library)).waiting
    more = f" {count(waiting, 'group')} waiting: call update_experiences again." if waiting else ""
    changes: list[str] = []
    if record.version is not None:
        version = await app.store.libraries.version(library, record.version)
        changes = [change.in_words() for change in version_changes(version)]
        step = f"Published: get_experiences now serves version {record.version}."
        if version.refusals:
            step += f" {count(len(version.refusals), 'proposal')} refused; `changes` says why."
    elif record.status == "awaiting_review":
        changes = await _proposed(app, record)
        step = (
            f"Not published yet: {record.reason}. They publish or reject them with "
            f"`experience-mcp review {library}`."
        )
    else:
        step = f"No new version: {record.reason}."
    return UpdateOut(
        library=library,
        update_id=record.id,
        status="running" if record.status == "open" else record.status,
        next_step=step + more,
        refused=_refused(refused),
        version=record.version,
        changes=changes,
    )


async def _proposed(app: App, record: UpdateRecord) -> list[str]:
    """The changes of an update that awaits review."""
    found = await app.store.updates.reviews(record.library.name)
    return [
        proposed_change(c).in_words() for r in found if r.update_id == record.id for c in r.changes
    ]


async def _nothing(app: App, library: str) -> UpdateOut:
    counts = await app.store.groups.counts(library)
    why = (
        f"No group is waiting ({count(counts.groups, 'group')}, {counts.signal} with signal, "
        f"{counts.learned} learned from"
        + (f", {counts.set_aside} set aside after failures" if counts.set_aside else "")
        + "). Report attempts with submit_group: a group can be learned from once the rewards of "
        "its attempts differ." + waiting_elsewhere(library, await app.store.groups.waiting())
    )
    if counts.none_fit:
        why = f"{NONE_FIT} {HOW_TO_FIT}"
    if app.trouble:
        why += f" {standstill(app.trouble)}"
    if reviews := await app.store.updates.reviews(library):
        why += f" {count(len(reviews), 'update')} waiting for a person's review."
    return UpdateOut(library=library, update_id=None, status="nothing_to_learn", next_step=why)


async def _start_in_background(app: App, library: str, open_: Sequence[str]) -> UpdateOut:
    update_id = open_[0] if open_ else None
    model = app.settings.model
    update_id = update_id or await app.runner.begin(
        library,
        "model",
        GROUPS_PER_UPDATE * 4,
        prompt_bound=model.prompt_tokens if model is not None else None,
    )
    if update_id is None:
        last = await app.store.updates.list(library, 1)
        if not last:
            return await _nothing(app, library)
        value = await _closed(app, await app.store.updates.get(last[0].id), ())
        if app.trouble:
            value.next_step += f" {standstill(app.trouble)}"
        return value
    assert app.worker is not None, "the caller has one"
    app.worker.wake(take_over=library)
    return _running(library, update_id, app.trouble)


def _running(library: str, update_id: str, trouble: Trouble | None = None) -> UpdateOut:
    step = (
        "The server's own model is learning in the background; nothing is asked of you. Call "
        "update_experiences again in a minute for the result."
    )
    if trouble:
        step = standstill(trouble)
    return UpdateOut(library=library, update_id=update_id, status="running", next_step=step)


def _refused(refused: Sequence[Refused]) -> list[RefusedOut]:
    return [
        RefusedOut(
            request_id=r.request,
            reason=f"{r.reason} (no further answers will be accepted for this request)"
            if r.given_up
            else r.reason,
        )
        for r in refused
    ]
