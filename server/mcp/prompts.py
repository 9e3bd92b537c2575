"""Prompts a person can choose in the host, and completions for the names they ask for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias

from mcp.server import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    Completion,
    CompletionArgument,
    CompletionContext,
    Prompt,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import Field

from experience_store.errors import ExperienceError, LibraryNotFoundError
from experience_store.library import check_library_name
from experience_store.submissions.clean_text import clean
from server.app import App
from server.mcp.middleware import MAX_LIBRARY
from server.mcp.next_steps import without_library
from server.retrieval_log import record
from server.text import with_experiences

MAX_COMPLETIONS = 100
_Library: TypeAlias = Annotated[
    str, Field(description="Library for this kind of work; by default the server's")
]


def problem_with_prompt(
    name: str, arguments: Mapping[str, object], prompts: Sequence[Prompt]
) -> str | None:
    """What is wrong with a request for one of these prompts, if anything."""
    found = next((prompt for prompt in prompts if prompt.name == name), None)
    if found is None:
        return f"there is no prompt {name[:80]!r}: use {' or '.join(p.name for p in prompts)}"
    known = found.arguments or []
    if missing := [a.name for a in known if a.required and a.name not in arguments]:
        return f"prompt {name} needs the argument {missing[0]}"
    names = [a.name for a in known]
    if unknown := [key for key in arguments if key not in names]:
        return f"prompt {name} has no argument {unknown[0][:80]!r}: it takes {', '.join(names)}"
    return None


def add_prompts(server: MCPServer[App], app: Callable[[], App]) -> None:
    """Register the prompts and the completion of their arguments."""

    @server.prompt(
        title="Solve with experiences",
        description="Do a task with the experiences that fit it, then report the attempt.",
    )
    async def solve_with_experiences(  # pyright: ignore[reportUnusedFunction]  # registered
        task: Annotated[str, Field(description="What to do")], library: _Library = ""
    ) -> str:
        name = library or app().settings.library
        with _invalid_params():
            return await _with_experiences(app(), check_library_name(name), task)

    @server.prompt(
        title="Learn from attempts",
        description="Learn from the groups that are waiting, and say what was learned.",
    )
    async def learn_from_attempts(library: _Library = "") -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        name = library or app().settings.library
        with _invalid_params():
            await app().store.libraries.get(name)
        return (
            f"Call update_experiences with library {name!r}. Answer each request according to its "
            "prompt and answer_schema, send the answers with submit_answers, and keep going while "
            "the status is awaiting_answers. Then tell me briefly what was learned, what was "
            "refused and what is awaiting review."
        )

    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered
        ref: PromptReference | ResourceTemplateReference,  # noqa: ARG001  # all mean the same
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion | None:
        libraries = app().store.libraries
        if argument.name == "library":
            names = await libraries.names(_begun(argument.value), MAX_COMPLETIONS + 1)
            more = len(names) > MAX_COMPLETIONS
            return Completion(values=list(names[:MAX_COMPLETIONS]), has_more=more)
        if argument.name == "version" and context and context.arguments:
            library = _begun(context.arguments.get("library", ""))
            if library in await libraries.names(library):
                head = (await libraries.get(library)).head
                fits = [str(v) for v in range(head, -1, -1) if str(v).startswith(argument.value)]
                return Completion(values=fits[:MAX_COMPLETIONS], total=len(fits))
        return None


async def _with_experiences(app: App, library: str, task: str) -> str:
    report = (
        "When you are done, report the attempt and its reward with submit_group, using library "
        f"{library!r}"
    )
    try:
        loaded = await app.index_cache.load(library)
    except LibraryNotFoundError as error:
        return f"{task}\n\n{without_library(library, error)}\n\n{report}."
    selection = loaded.select(task, app.settings.max_tokens)
    version = loaded.state.version
    lessons = {e.id: e.line() for e in selection.experiences}
    prompt = with_experiences(task, lessons, library=library, version=version)
    retrieval_id = record(app.retrievals, library, version, clean(task), selection.experiences)
    return f"{prompt}\n\n{report} and, in its trajectory, retrieval_id {retrieval_id!r}."


@contextmanager
def _invalid_params() -> Generator[None]:
    try:
        yield
    except ExperienceError as error:
        raise MCPError(INVALID_PARAMS, str(error)) from error


def _begun(name: str) -> str:
    """What a client has of a name so far, if it can be the beginning of one."""
    return clean(name[: MAX_LIBRARY + 1])
