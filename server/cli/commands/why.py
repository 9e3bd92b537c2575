"""`why`: trace an experience back to the attempts that led to it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from experience_store.errors import AnswerRefusedError
from experience_store.learning.prompts.compare import read_comparison
from experience_store.operations import Add, Merge, Operation, Revise, kind
from experience_store.request_id import compared_group
from experience_store.store import GivenAnswer, GroupTrace, Origin, Provenance
from server.cli.open_database import existing
from server.cli.options import database_option, json_option, library_argument
from server.cli.output import clipped, count, faint, local_time, print_json, title, width, wrapped
from server.library_service import read_id

MAX_ATTEMPTS = 16
MAX_ID = 40  # characters of a group's id, which a client chose


@click.command()
@library_argument(before_required=True)
@click.argument("experience", metavar="ID")
@database_option
@json_option
def why(*, experience: str, library: str, database: Path, as_json: bool) -> None:
    """Trace an experience back to the attempts that led to it.

    ID is the id of an experience, such as G3. Each of its changes is shown with the reasons and the
    groups of attempts that were compared.
    """
    found = asyncio.run(_provenance(database, library, read_id(experience)))
    if as_json:
        print_json(_as_json(library, found))
    else:
        click.echo(_text(found))


async def _provenance(database: Path, library: str, experience: str) -> Provenance:
    async with existing(database) as store:
        return await store.libraries.provenance(library, experience)


def _text(found: Provenance) -> str:
    first = f"{found.experience.id}  "
    head = wrapped(found.experience.line(), first=first)
    state = "" if found.current else faint("\n(no longer in the library)")
    steps = [_step(origin) for origin in found.origins]
    return "\n\n".join([title(head[: len(first)]) + head[len(first) :] + state, *steps])


def _step(origin: Origin) -> str:
    what = kind(origin.operation) if origin.operation else "Restore"
    about = f"{local_time(origin.created_at)}  {origin.author}  {what}"
    lines = [f"{title(f'version {origin.version}')}  {about}"]
    if origin.note:
        lines.append(faint(wrapped(origin.note, first="  ")))
    if wording := _wording(origin.operation):
        lines.append(wrapped(f"“{wording}”", first="  "))
    if isinstance(origin.operation, Merge):
        lines.append(f"  merged from {', '.join(origin.operation.ids)}")
    lines += [
        wrapped(f"Because: {reasons}", first="  ", indent="    ")
        for answer in origin.answers
        if (reasons := _reasons(answer))
    ]
    lines += [_group(group) for group in origin.groups]
    return "\n".join(lines)


def _wording(operation: Operation | None) -> str:
    return operation.text if isinstance(operation, Add | Revise | Merge) else ""


def _reasons(answer: GivenAnswer) -> str:
    """Why the winners won, according to a comparison; empty for other answers."""
    if compared_group(answer.request) is None:
        return ""
    try:
        return read_comparison(answer.text).reasons
    except AnswerRefusedError:
        return answer.text


def _group(group: GroupTrace) -> str:
    head = f"  From group {clipped(group.id, MAX_ID)}: "
    lines = [head + clipped(group.task, width() - len(head))]
    ranked = sorted(group.attempts, key=lambda a: (a.reward is None, -(a.reward or 0.0), a.id))
    rewards = ["none" if a.reward is None else f"{a.reward:g}" for a in ranked]
    column = max((len(reward) for reward in rewards), default=0)
    for attempt, reward in zip(ranked[:MAX_ATTEMPTS], rewards, strict=False):
        said = [attempt.id, attempt.model or "", attempt.feedback or ""]
        start = f"    reward {reward.rjust(column)}  "
        lines.append(start + clipped("  ".join(s for s in said if s), width() - len(start)))
    if len(ranked) > MAX_ATTEMPTS:
        lines.append(f"    … and {count(len(ranked) - MAX_ATTEMPTS, 'attempt')}")
    return "\n".join(lines)


def _as_json(library: str, found: Provenance) -> dict[str, object]:
    return {
        "library": library,
        "experience": asdict(found.experience),
        "current": found.current,
        "steps": [
            {
                "version": origin.version,
                "author": origin.author,
                "created_at": origin.created_at,
                "note": origin.note,
                "update_id": origin.update_id,
                "operation": kind(origin.operation) if origin.operation else None,
                "text": _wording(origin.operation) or None,
                "reasons": [r for answer in origin.answers if (r := _reasons(answer))],
                "answers": [asdict(answer) for answer in origin.answers],
                "groups": [asdict(group) for group in origin.groups],
            }
            for origin in found.origins
        ],
    }
