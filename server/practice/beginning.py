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
    if found is None:
        journal.put("run", beginning)
        return beginning
    if found.settings != beginning.settings and not _worked(journal):
        journal.forget(*journal.keys("*"))
        journal.put("run", beginning)
        return beginning
    changed = [
        f"{name} was {found.settings.get(name)!r} and is {beginning.settings.get(name)!r}"
        for name in {**found.settings, **beginning.settings}
        if found.settings.get(name) != beginning.settings.get(name)
    ]
    if changed:
        raise OtherRunError(
            f"the run in this folder was started with other settings: {'; '.join(changed)}. Go on "
            "with the old ones, or start a new run in another folder with --run."
        )
    return found


def _worked(journal: Journal) -> bool:
    """Whether the run has done more than ask for experiences: a misspelt model has not."""
    return any(key != "run" and not key.endswith("/served") for key in journal.keys("*"))


async def begin_anew(
    journal: Journal, number: int, roll_back: Callable[[int], Awaitable[None]]
) -> None:
    """Set steps aside from a number on, so that they are done anew.

    Args:
        journal: Of the run.
        number: The first step to be done anew.
        roll_back: Brings the library back to a version.

    Raises:
        RunStoppedError: If the run has not got there yet, or a later step waits to be learned.
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
    await roll_back(served.version)
    later += journal.keys("evaluation/with/*")
    journal.move({name: f"{REPEATED}/{takes(journal) + 1}/{name}" for name in later})


def _waiting(keys: Sequence[str]) -> str | None:
    """A phase of which groups are handed in and not learned from."""
    handed_in = {phase_of(key) for key in keys if key.endswith("/handed-in")}
    learned = {phase_of(key) for key in keys if key.endswith("/learned")}
    return next(iter(sorted(handed_in - learned)), None)
