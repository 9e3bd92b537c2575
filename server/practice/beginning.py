"""How a run began, and how it is begun anew from one of its steps.

A run can be gone on with only under the settings it began with: else its figures would mean
nothing. Steps that are done anew are set aside, not erased: what they cost was spent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from pydantic import Field, JsonValue

from server.practice.errors import OtherRunError, RunStoppedError
from server.practice.journal import Journal, phase_of
from server.practice.records import Record, Served
from server.practice.same_library import MARK


class Beginning(Record):
    """How a run began, so that it is only gone on with under the same settings.

    Attributes:
        id: Random; part of the ids of its groups.
        settings: All that its results depend on.
        known: Updates of the library that were there before.
    """

    id: str
    settings: dict[str, JsonValue]
    known: list[str] = Field(default_factory=list[str])


REPEATED = "repeated"
SHOWN = frozenset({"data"})  # a path, for people; `tasks` says what it holds
# not known of a run that began before they were compared
ADDED = frozenset({"endpoint", "teacher_endpoint", "verifier_code", "send_seed"})


def takes(journal: Journal) -> int:
    """How often steps were begun anew."""
    found = [int(key.split("/")[1]) for key in journal.keys(f"{REPEATED}/*")]
    return max(found, default=0)


def begin(journal: Journal, beginning: Beginning) -> Beginning:
    """How the run in the journal began; `beginning` if it begins now, or has done nothing yet.

    Raises:
        OtherRunError: If it began with other settings, which are named.
    """
    found = journal.get("run", Beginning)
    if found is None or not _worked(journal):
        journal.forget(*journal.keys("*"))
        journal.put("run", beginning)
        return beginning
    unknown = {n: v for n, v in beginning.settings.items() if n in ADDED - found.settings.keys()}
    found = found.model_copy(update={"settings": {**found.settings, **unknown}})
    changed = [
        f"{name} was {found.settings.get(name)!r} and is {beginning.settings.get(name)!r}"
        for name in {**found.settings, **beginning.settings}
        if name not in SHOWN and found.settings.get(name) != beginning.settings.get(name)
    ]
    if changed:
        raise OtherRunError(
            f"the run in this folder was started with other settings: {'; '.join(changed)}. Go on "
            "with the old ones, or start a new run in another folder with --run."
        )
    if unknown:
        journal.put("run", found, instead_of="run")
    return found


def _worked(journal: Journal) -> bool:
    """Whether the run has done more than ask for experiences: a misspelt model has not."""
    return any(
        key not in {"run", MARK} and not key.endswith("/served") for key in journal.keys("*")
    )


async def begin_anew(
    journal: Journal, number: int, roll_back: Callable[[int], Awaitable[None]], pending: int
) -> None:
    """Set steps aside from a number on, so that they are done anew.

    Args:
        journal: Of the run.
        number: The first step to be done anew.
        roll_back: Brings the library back to a version.
        pending: How many groups and updates of the library are not learned yet.

    Raises:
        RunStoppedError: If the run has not got there yet, or something waits to be learned.
    """
    key = f"steps/{number:04}"
    served = next((s for _, s in journal.all(f"{key}/*/served", Served)), None)
    if served is None:
        raise RunStoppedError(f"the run has not come to step {number} yet")
    later = [name for name in journal.keys("steps/*") if int(name.split("/")[1]) >= number]
    if waiting := _waiting(later):
        raise RunStoppedError(
            f"step {int(waiting[-4:])} is handed in and not learned yet: the same command without "
            "--from-step goes on with it; begin anew after that"
        )
    if pending:  # what was handed in when the run was killed, too, which the journal does not know
        raise RunStoppedError(
            f"the library has {pending} groups or updates that are not learned yet, and steps "
            "that are done anew would be learned together with them: the same command without "
            "--from-step goes on with them if they are this run's, `experience-mcp learn` learns "
            "from any; begin anew after that"
        )
    await roll_back(served.version)
    later += journal.keys("evaluation/with/*")
    journal.move({name: f"{REPEATED}/{takes(journal) + 1}/{name}" for name in later})


def _waiting(keys: Sequence[str]) -> str | None:
    """A phase of which groups are handed in and not learned from."""
    handed_in = {phase_of(key) for key in keys if key.endswith("/handed-in")}
    learned = {phase_of(key) for key in keys if key.endswith("/learned")}
    return next(iter(sorted(handed_in - learned)), None)
