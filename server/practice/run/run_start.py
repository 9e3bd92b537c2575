"""How a run began, and what it can be resumed with: the same settings and the same library.

With other settings its figures would mean nothing. On another database, or after its library was
deleted or came back from an older copy, it would learn from what is not there and measure what it
never practised. So a run remembers both, and checks them before it builds on them. Steps that are
redone are set aside, not erased: what they cost was spent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field, JsonValue

from server.practice.client.library_client import LibraryInfo
from server.practice.records import JournalRecord, Served, StepLearning
from server.practice.run.journal import MARK, START, Journal, phase_of
from server.practice.run.setting_words import differences
from server.practice.run_errors import OtherRunError, RunStoppedError


class RunStart(JournalRecord):
    """How a run began, so that it is resumed with the same settings only.

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
ADDED = frozenset({"endpoint", "teacher_endpoint", "verifier_code", "send_seed", "model_body"})


def restarts(journal: Journal) -> int:
    """How often steps were redone."""
    found = [int(key.split("/")[1]) for key in journal.keys(f"{REPEATED}/*")]
    return max(found, default=0)


def start_or_resume(journal: Journal, start: RunStart) -> RunStart:
    """How the run in the journal began; `start` if it begins now, or has done nothing yet.

    Raises:
        OtherRunError: If it began with other settings, which are named.
    """
    found = journal.get(START, RunStart)
    if found is None or not journal.has_work:
        journal.forget(*journal.keys("*"))
        return journal.put(START, start)
    start = journal.redactor.record(start)  # as the journal has it
    found = journal.redactor.record(found)  # an earlier release knew fewer secrets
    free = set(ADDED - found.settings.keys())
    if not journal.keys("*/score"):  # a verifier that raised for each attempt may be mended
        free.add("verifier_code")
    unknown = {n: v for n, v in start.settings.items() if n in free}
    found = found.model_copy(update={"settings": {**found.settings, **unknown}})
    if changed := differences(found.settings, start.settings, but=SHOWN):
        raise OtherRunError(
            f"the folder {journal.folder} holds a run with other settings: {'; '.join(changed)}. "
            "Resume it with the old ones, or start a new run in another folder: --run OTHER"
        )
    if unknown:
        journal.put(START, found, instead_of=START)
    return found


async def restart_from(
    journal: Journal, number: int, roll_back: Callable[[int], Awaitable[None]], unlearned: int
) -> None:
    """Set steps aside from a number on, so that they are redone.

    Args:
        journal: The run's journal.
        number: The first step to redo.
        roll_back: Brings the library back to a version.
        unlearned: How many groups and updates of the library are not learned yet.

    Raises:
        RunStoppedError: If the run has not got there yet, or something waits to be learned.
    """
    key = f"steps/{number:04}"
    served = next((s for _, s in journal.all(f"{key}/*/served", Served)), None)
    if served is None:
        raise RunStoppedError(f"the run has not reached step {number} yet")
    later = [name for name in journal.keys("steps/*") if int(name.split("/")[1]) >= number]
    if waiting := _waiting(later):
        raise RunStoppedError(
            f"step {int(waiting[-4:])} is submitted and not learned yet: run the same command "
            "without --from-step first"
        )
    if unlearned:  # perhaps submitted when the run was killed, which the journal does not know
        raise RunStoppedError(
            f"the library has {unlearned} groups or updates that are not learned yet, and steps "
            "that are redone would be learned together with them: run the same command without "
            "--from-step first if they are this run's, or `experience-mcp learn`, which learns "
            "from any"
        )
    await roll_back(served.version)
    later += journal.keys("evaluation/with/*")
    journal.move({name: f"{REPEATED}/{restarts(journal) + 1}/{name}" for name in later})


def _waiting(keys: Sequence[str]) -> str | None:
    """A phase whose groups are submitted and not learned."""
    handed_in = {phase_of(key) for key in keys if key.endswith("/handed-in")}
    learned = {phase_of(key) for key in keys if key.endswith("/learned")}
    return next(iter(sorted(handed_in - learned)), None)


class LibraryMark(JournalRecord):
    """The library that a run works with.

    Attributes:
        made: When it was made; no other has that.
        place: Where it was found, for people.
    """

    made: str
    place: str


@dataclass(frozen=True, slots=True)
class LibraryIdentity:
    """Recognises the library of a run.

    Attributes:
        library: The library's name.
        place: The database or the server of this session, for people.
    """

    journal: Journal
    library: str
    place: str

    def check(self, found: LibraryInfo | None, served: Iterable[Served] = ()) -> None:
        """Check that the library is the run's, and at least at the version that the run has seen.

        The first library that is found becomes the run's.

        Args:
            found: The library as it is now; None if there is none.
            served: What the run got from it in this step.

        Raises:
            RunStoppedError: If it is another one, an older copy, or gone.
        """
        mark = self.journal.get(MARK, LibraryMark)
        learned = [done.version for _, done in self.journal.all("*/learned", StepLearning)]
        if found is None:
            if mark or any(learned):
                raise self._refusal("is not there", mark)
            return
        if mark is not None and mark.made != found.created_at:
            raise self._refusal("is not the one that this run works with", mark)
        seen = max([*learned, *(s.version for s in served)], default=0)
        if found.version < seen:
            raise self._refusal(
                f"is at version {found.version}, and this run has seen version {seen} of it", mark
            )
        if mark is None:
            self.journal.put(MARK, LibraryMark(made=found.created_at, place=self.place))

    def _refusal(self, what: str, mark: LibraryMark | None) -> RunStoppedError:
        before = f" The run's was in {mark.place}, made {mark.made}." if mark else ""
        return RunStoppedError(
            f"library {self.library!r} in {self.place} {what}.{before} Use that "
            "one (--database or --server), or start a new run in another folder with --run."
        )
