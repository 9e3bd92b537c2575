"""The library and the settings with which a run can be started or resumed.

The report shows the settings, so nothing that may be secret is among them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.safety.redaction import distinct
from server.practice.cli.run_options import RunOptions
from server.practice.client.library_client import LibraryClient, LibraryInfo
from server.practice.datasets import overlap
from server.practice.records import Task
from server.practice.run.redaction import Redactor
from server.practice.run.runner import RunPlan
from server.practice.run_errors import RunStoppedError
from server.practice.verifiers import Verifier
from server.practice.verifiers.user_function import UserFunction
from server.settings import address_of


async def check_library(
    options: RunOptions, plan: RunPlan, library: LibraryClient, found: LibraryInfo | None
) -> None:
    """Check that there is a library to evaluate, which has not learned from held-out tasks.

    One without experiences is no error if there is another arm to measure.
    """
    is_empty = found is None or ("without" not in options.arms and not found.experiences)
    if not options.epochs and "with" in options.arms and is_empty:
        why = f" ({library.absence})" if found is None else ""
        raise BadInputError(
            f"library {options.library!r} has no experiences to evaluate{why}: name another with "
            "--library (`experience-mcp libraries` lists them), or practise first"
        )
    if found and not options.allow_overlap and plan.held_out and "with" in options.arms:
        seen = tuple(Task(id=str(n), prompt=t) for n, t in enumerate(await library.tasks()))
        asked = tuple(options.redactor.record(task) for task in plan.held_out)  # as it stores them
        refuse_overlap(options, "the library has learned from", seen, asked)


def refuse_overlap(
    options: RunOptions, who: str, practised: Sequence[Task], held_out: Sequence[Task]
) -> None:
    """Raise BadInputError if held-out tasks were practised on, unless the options allow it.

    Args:
        options: The options of the run.
        who: Subject and verb of the error: what knows the tasks.
        practised: The tasks of practice.
        held_out: The tasks to measure on.
    """
    if not options.allow_overlap and (common := overlap(practised, held_out)):
        raise BadInputError(
            f"{who} {len(common)} of the tasks to evaluate on, the first is {common[0][1].id!r}: a "
            "gain on them would prove nothing. Remove them, or allow it with --allow-overlap."
        )


def with_safe_id(task: Task, redactor: Redactor) -> Task:
    """The task, under another id if its own holds a secret: ids are in the names of records."""
    return task.model_copy(update={"id": distinct(redactor.text(task.id), task.id)})


def place_of(options: RunOptions) -> str:
    """Where the library is, for people."""
    where = address_of(options.server)
    return str(options.database.resolve()) if where is None else where


async def prepare_policy(
    options: RunOptions, library: LibraryClient, found: LibraryInfo | None
) -> tuple[str, ...]:
    """Have a new library get the policy to learn from what this run submits.

    Returns:
        What the policy lacks, if only the operator of the server can change it.

    Raises:
        BadInputError: If the library is in use, on this machine, and its policy lacks something.
    """
    elsewhere = options.server is not None
    if found and found.policy.review and not options.direct and not elsewhere:
        raise BadInputError(
            f"what library {options.library!r} learns waits for review, so no step could "
            "build on what the one before has learned. Change that with `experience-mcp describe "
            f"{options.library} --no-review` (and decide on what waits with `experience-mcp review "
            f"{options.library}`), or practise into a new library"
        )
    needed = options.needed_of_policy
    missing = tuple(name for name in needed if not (found and getattr(found.policy, name)))
    if not missing:
        return ()
    is_new = found is None or not (found.version or found.experiences)
    if is_new and await library.can_administer("describe_library"):
        library.allow_at_first(missing)
        return ()
    if elsewhere:
        return missing
    flags = " ".join(f"--{name.replace('_', '-')}" for name in missing)
    raise BadInputError(
        f"library {options.library!r} does not learn from what this run would submit; change "
        f"that with `experience-mcp describe {options.library} {flags}`, or practise into a new "
        "library"
    )


async def roll_back(library: LibraryClient, version: int) -> None:
    """Roll the library back to the version with which a step began.

    Raises:
        RunStoppedError: If only the operator of the server can do that.
    """
    name = library.library
    if await library.equals((await library.info()).version, version):
        return
    if not await library.can_administer("roll_back_library"):
        raise RunStoppedError(
            f"library {name!r} has moved on from version {version}: run `experience-mcp rollback "
            f"{version} --library {name}` where its server is, then this command again"
        )
    await library.roll_back(version, "a step is redone")


def run_settings(options: RunOptions, plan: RunPlan, verifier: Verifier) -> dict[str, JsonValue]:
    """All that the figures of a run depend on; not its budgets, nor how fast it goes."""
    practice: dict[str, JsonValue] = {
        "epochs": options.epochs,
        "group_size": options.group_size,
        "batch_size": options.batch_size,
        "temperature": options.temperature,
        "ground_truth_withheld": options.no_ground_truth,
        "written_directly": options.direct,
    }
    evaluation: dict[str, JsonValue] = {
        "k": options.k,
        "eval_temperature": options.eval_temperature,
    }
    return {
        "data": options.data,
        "tasks": _digest(plan.tasks),
        "held_out_tasks": _digest(plan.held_out),
        "library": options.library,
        "model": options.player.name,
        "endpoint": address_of(options.player.base_url),
        "teacher": options.teacher_settings.name,
        "teacher_endpoint": address_of(options.teacher_settings.base_url),
        "verifier": options.verifier_name,
        "verifier_code": verifier.code if isinstance(verifier, UserFunction) else None,
        "seed": options.seed,
        "send_seed": options.send_seed,
        "experience_tokens": options.experience_tokens,
        "answer_tokens": options.answer_tokens,
        "instructions": options.system_message,
        "tools": mark_of(options.tools) if options.tools else None,
        "model_body": cast("JsonValue", dict(options.player.extra_body)) or None,
        "teacher_body": cast("JsonValue", options.teacher_body),
        **(practice if options.epochs else {}),
        **(evaluation if plan.held_out else {}),
    }


def _digest(tasks: Sequence[Task]) -> str:
    """How many tasks there are, and a mark that changes with them."""
    text = "\n".join(task.model_dump_json() for task in tasks)
    return f"{len(tasks)} ({hashlib.sha256(text.encode()).hexdigest()[:12]})"


def mark_of(path: Path) -> str:
    """A file's name and a mark that changes with it; what it holds may be secret."""
    return f"{path.name} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
