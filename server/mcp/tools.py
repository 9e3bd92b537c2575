"""The five core tools: what an agent asks before a task and reports after it."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import BeforeValidator, Field, WithJsonSchema

from experience_store.errors import LibraryNotFoundError
from experience_store.library import check_library_name
from experience_store.submissions.forms.values import as_text
from server.access import Scope
from server.app import App
from server.mcp.next_steps import (
    MAX_SERVED_TOKENS,
    WITHOUT,
    after_retrieval,
    after_submission,
    waiting_elsewhere,
    without_experiences,
    without_library,
)
from server.mcp.pagination import libraries_out
from server.mcp.results import (
    Experiences,
    LibrariesOut,
    Submitted,
    UpdateOut,
    experiences_text,
    libraries_text,
    result,
    submitted_text,
    update_text,
)
from server.mcp.schemas import (
    Answers,
    AppContext,
    LibraryName,
    LooseText,
    ScopedTool,
    Trajectories,
    app_of,
    author_of,
    make_tool,
    read_answers,
)
from server.retrieval_log import record

MAX_TASK = 100_000
NO_RETRIEVAL = "r-none"  # retrieval_id where there is no library yet, so that nothing was served


def _task_text(value: object) -> object:
    """A task as text, also if it is given as chat messages."""
    if isinstance(value, str):
        return value
    from experience_store.submissions.messages import task_text  # noqa: PLC0415  # loaded when first needed: start-up time

    return task_text(value)


async def get_experiences(
    ctx: AppContext,
    task: Annotated[
        str,
        WithJsonSchema({"type": "string"}),
        Field(
            description="The full request, without system prompt or policy",
            max_length=MAX_TASK,
        ),
        BeforeValidator(_task_text),
    ],
    library: LibraryName = None,
    max_tokens: Annotated[
        int | None,
        WithJsonSchema({"type": "integer"}),
        Field(ge=0, le=MAX_SERVED_TOKENS, description="Token budget; default: the server's"),
    ] = None,
) -> Annotated[CallToolResult, Experiences]:
    """Get lessons learned from earlier attempts at similar tasks.

    Call it before starting a task and follow what fits. Keep the retrieval_id for the trajectories
    in submit_group.
    """
    app = app_of(ctx)
    name = check_library_name(_name(app, library))
    try:
        loaded = await app.index_cache.load(name)
    except LibraryNotFoundError as error:
        return _nothing_yet(name, error)
    budget = app.settings.max_tokens if max_tokens is None else max_tokens
    selection = loaded.select(task, budget)
    retrieval_id = record(
        app.retrievals, loaded.library.name, loaded.state.version, task, selection.experiences
    )
    if loaded.state.experiences:
        step = after_retrieval(selection, budget, loaded.index.tokens)
    else:
        others = [lib for lib in await app.store.libraries.all() if lib.size]
        step = without_experiences(loaded.library.name, others)
    value = Experiences(
        library=loaded.library.name,
        version=loaded.state.version,
        experiences={e.id: e.line() for e in selection.experiences},
        omitted=selection.omitted,
        retrieval_id=retrieval_id,
        next_step=step,
    )
    return result(value, experiences_text(value))


async def submit_group(
    ctx: AppContext,
    task: Annotated[
        str, Field(description="The task given to all attempts"), BeforeValidator(_task_text)
    ],
    trajectories: Trajectories,
    library: LibraryName = None,
    group_id: Annotated[
        LooseText | None,
        WithJsonSchema({"type": "string"}),
        Field(description="Add to this group: your own id, or one returned earlier"),
    ] = None,
    ground_truth: Annotated[
        str,
        BeforeValidator(as_text),
        Field(description="Correct answer, if known; shown to the learner only"),
    ] = "",
) -> Annotated[CallToolResult, Submitted]:
    """Report attempts at one task with their rewards, after the task.

    Better attempts are compared with worse ones: learning needs groups whose rewards differ. Report
    a single attempt too; add others to its group_id later. Durably stored on return.
    """
    app = app_of(ctx)
    from experience_store.submissions.read_submission import read_submission  # noqa: PLC0415  # loaded when first needed: start-up time

    name = check_library_name(_name(app, library))
    submission = read_submission(
        task=task, trajectories=trajectories, group_id=group_id, ground_truth=ground_truth or None
    )
    given = {t.retrieval_id for t in submission.trajectories if t.retrieval_id} - {NO_RETRIEVAL}
    served = await app.retrievals.libraries_of(list(given))
    receipt = await app.store.groups.submit(name, submission)
    if app.worker is not None:
        app.worker.wake()
    value = Submitted(
        library=name,
        group_id=receipt.group_id,
        signal=receipt.signal,
        trajectories=receipt.trajectories,
        next_step=after_submission(
            receipt,
            untied={i: served.get(i) for i in given if served.get(i) != name},
            background=app.worker is not None,
            sent=len(submission.trajectories),
            unscored=sum(t.reward is None for t in submission.trajectories),
            trouble=app.trouble,
        ),
    )
    return result(value, submitted_text(value))


async def update_experiences(
    ctx: AppContext, library: LibraryName = None
) -> Annotated[CallToolResult, UpdateOut]:
    """Learn from submitted groups.

    Returns requests that compare winners with losers: answer each yourself and send the answers
    with submit_answers. If the server has its own model, learning runs in the background instead.
    Resumes an open update.
    """
    app = app_of(ctx)
    from server.mcp import host_driver  # noqa: PLC0415  # loaded when first needed: start-up time

    name = check_library_name(_name(app, library))
    try:
        await app.store.libraries.get(name)
        value = await host_driver.start(app, name, author=author_of(ctx))
    except LibraryNotFoundError as error:
        elsewhere = waiting_elsewhere(name, await app.store.groups.waiting())
        value = UpdateOut(
            library=name,
            update_id=None,
            status="nothing_to_learn",
            next_step=without_library(name, error) + elsewhere,
        )
    return result(value, update_text(value))


async def submit_answers(
    ctx: AppContext,
    update_id: Annotated[LooseText, Field(description="From update_experiences")],
    answers: Answers,
) -> Annotated[CallToolResult, UpdateOut]:
    """Answer requests from update_experiences.

    Returns the next requests, or the published version and its changes. Invalid answers are
    refused with the reason; the others are kept.
    """
    from server.mcp import host_driver  # noqa: PLC0415  # loaded when first needed: start-up time

    app = app_of(ctx)
    value = await host_driver.take(app, update_id, read_answers(answers), author=author_of(ctx))
    if value.status == "published" and app.on_published:
        await app.on_published(value.library)
    return result(value, update_text(value))


async def list_libraries(
    ctx: AppContext,
    after: Annotated[
        LooseText, Field(description="Return libraries after this name (cursor)")
    ] = "",
) -> Annotated[CallToolResult, LibrariesOut]:
    """List libraries: purpose, size, version, groups waiting to be learned from."""
    value = await libraries_out(app_of(ctx), after)
    return result(value, libraries_text(value))


@cache  # making their schemas takes as long as the rest of a server
def core_tools() -> tuple[ScopedTool, ...]:
    """The core tools as they are registered."""
    return (
        make_tool(get_experiences, "Get experiences", Scope.READ, reads=True, idempotent=True),
        make_tool(
            submit_group, "Submit a group of attempts", Scope.SUBMIT, reads=False, idempotent=False
        ),
        make_tool(
            update_experiences, "Update experiences", Scope.LEARN, reads=False, idempotent=True
        ),
        make_tool(submit_answers, "Submit answers", Scope.LEARN, reads=False, idempotent=True),
        make_tool(list_libraries, "List libraries", Scope.READ, reads=True, idempotent=True),
    )


def _nothing_yet(name: str, error: LibraryNotFoundError) -> CallToolResult:
    """No experiences of a library that does not exist; raises the error if it cannot begin."""
    value = Experiences(
        library=name,
        version=0,
        experiences={},
        omitted=0,
        retrieval_id=NO_RETRIEVAL,
        next_step=f"{without_library(name, error)} {WITHOUT}",
    )
    return result(value, experiences_text(value))


def _name(app: App, library: str | None) -> str:
    return library or app.settings.library
