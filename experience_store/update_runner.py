"""Durable updates: the learner's value, stored after every step.

The driver of an update (a host through its tool calls, or a worker with an API key) resumes it from
the store, sends the open requests, stores answers as they arrive, and finishes it. Nothing is in
memory only: the next step may run in another process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from experience_store.errors import AnswerRefusedError, HeadMovedError, NotFoundError
from experience_store.index_cache import IndexCache, LoadedLibrary
from experience_store.learning.inputs import (
    HOST,
    GroupInput,
    PromptBudget,
    Snapshot,
    model_budget,
)
from experience_store.learning.prompts import Request
from experience_store.learning.prompts.answers import RawAnswer
from experience_store.learning.update import Update, UpdateOutcome
from experience_store.request_id import is_summary
from experience_store.store import (
    HOST_LEARNER,
    MAX_ROUNDS,
    AskedRequest,
    GivenAnswer,
    Publication,
    Store,
    UpdateRecord,
    Usage,
)
from experience_store.version import Driver

MAX_REFUSALS = 3  # refused answers of a host after which a request is given up


@dataclass(frozen=True, slots=True)
class ResumedUpdate:
    """A resumed update: its record as read, and its value with all answers so far."""

    record: UpdateRecord
    update: Update

    @property
    def is_open(self) -> bool:
        """Whether it awaits answers or publication."""
        return self.record.status == "open"


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused answer and the reason; `given_up` if the request will not be asked again."""

    request: str
    reason: str
    given_up: bool = False


class UpdateRunner:
    """Moves updates from one durable step to the next."""

    def __init__(self, store: Store, index_cache: IndexCache) -> None:
        self._store = store
        self._index_cache = index_cache

    async def begin(
        self,
        library: str,
        driver: Driver,
        limit: int,
        lease: tuple[str, float] | None = None,
        *,
        prompt_bound: int | None = None,
    ) -> str | None:
        """Begin an update; return its id, or None if no group waits.

        Args:
            library: Name of the library.
            driver: Who will answer.
            limit: Maximum number of groups.
            lease: Owner and seconds of a lease, if a worker drives it.
            prompt_bound: Maximum tokens of a prompt that a model can read; None for the usual.
        """
        return await self._store.updates.begin(
            library, driver, limit, lease, prompt_bound=prompt_bound
        )

    async def resume(self, update_id: str) -> ResumedUpdate:
        """The update with all stored answers; raises NotFoundError."""
        record = await self._store.updates.get(update_id)
        if record.status == "open" and any(g.relevant is None for g in record.groups):
            record = await self._choose_relevant(record)
        loaded_bases = [await self._index_cache.at(record.library.name, v) for v in record.bases]
        # in a thread here and below, since parsing long attempts is slow
        update, misfits = await asyncio.to_thread(_replayed, record, loaded_bases)
        for request, reason in misfits.items():
            await self._store.updates.retract(record.id, request, reason)
        return ResumedUpdate(record, update)

    async def ask(
        self, work: ResumedUpdate, in_flight: Collection[str] = ()
    ) -> tuple[Request, ...]:
        """The open requests except those in flight, stored before they are sent."""
        open_ = await asyncio.to_thread(work.update.requests)
        requests = tuple(r for r in open_ if r.id not in in_flight)
        known = {r.id for r in work.record.requests}
        unknown = [r for r in requests if r.id not in known]
        if unknown:
            fresh = await asyncio.to_thread(lambda: [AskedRequest(r.id, r.prompt) for r in unknown])
            await self._store.updates.ask(work.record.id, fresh)
        return requests

    async def answer(
        self,
        work: ResumedUpdate,
        answers: Sequence[tuple[str, RawAnswer]],
        *,
        model: str | None = None,
    ) -> tuple[ResumedUpdate, tuple[Refused, ...]]:
        """Take a host's answers; invalid ones are refused and do not affect the others.

        A request whose answer was refused `MAX_REFUSALS` times is given up.
        """
        update, given, refused = await asyncio.to_thread(_read, work, answers, model)
        if given and not await self._store.updates.answer(work.record.id, given):
            update = (await self.resume(work.record.id)).update  # another process was faster
        for number, refusal in enumerate(refused):
            count = _refusals(work.record.answers, given, refusal.request)
            if count >= MAX_REFUSALS and refusal.request not in update.answers:
                work = await self.give_up(replace(work, update=update), *_exhausted(refusal))
                update = work.update
                refused[number] = replace(refusal, given_up=True)
        return replace(work, update=update), tuple(refused)

    async def keep(
        self,
        work: ResumedUpdate,
        answer: GivenAnswer,
        *,
        last: bool = False,
        unusable: str | None = None,
    ) -> ResumedUpdate:
        """Take one answer of a model; a refused one is stored before AnswerRefusedError is raised.

        Args:
            work: The update.
            answer: The answer.
            last: Whether the request will not be asked again, see `Update.record`.
            unusable: What came in place of a whole answer, if that is known: it says more than
                what is then missing in the answer.
        """
        try:
            update = work.update.record(answer.request, answer.text, last=last)
        except AnswerRefusedError as error:
            refused = replace(answer, refused=unusable or str(error))
            await self._store.updates.answer(work.record.id, [refused])
            raise AnswerRefusedError(refused.refused) from error
        if not await self._store.updates.answer(work.record.id, [answer]):
            return await self.resume(work.record.id)  # another process was faster
        return replace(work, update=update)

    async def give_up(self, work: ResumedUpdate, request: str, reason: str) -> ResumedUpdate:
        """Give one request up; the rest of the update continues."""
        update = work.update.give_up(request, reason)
        prompt = work.update.request(request).prompt
        await self._store.updates.ask(work.record.id, [AskedRequest(request, prompt)])
        await self._store.updates.give_up(work.record.id, request, reason)
        return replace(work, update=update)

    async def count_round(self, work: ResumedUpdate, request: str, reason: str) -> ResumedUpdate:
        """Count a round in which the model failed on a request; give it up after `MAX_ROUNDS`.

        A summary is given up after one: its attempt can be shortened instead.
        """
        rounds = await self._store.updates.count_round(work.record.id, request)
        if is_summary(request):
            return await self.give_up(work, request, reason)
        if rounds < MAX_ROUNDS:
            return work
        return await self.give_up(work, request, f"failed {rounds} times; the last: {reason}")

    async def finish(
        self, work: ResumedUpdate, *, author: str, learner: str = HOST_LEARNER
    ) -> ResumedUpdate:
        """Publish a finished update, rebasing it if the head moved.

        Args:
            work: The update.
            author: Who made the version, for the history.
            learner: Who answered: the model with its endpoint, or a host.

        Returns:
            The closed update; or the open one, if requests are open, perhaps after a rebase.
        """
        while (outcome := work.update.outcome()) is not None:
            try:
                record = await self._store.updates.publish(
                    work.record.id, _publication(outcome, author, learner)
                )
            except HeadMovedError:
                loaded = await self._index_cache.load(work.record.library.name)
                await self._store.updates.rebase(work.record.id, loaded.state.version)
                work = await self.resume(work.record.id)
            else:
                return replace(work, record=record)
        return work

    async def _choose_relevant(self, record: UpdateRecord) -> UpdateRecord:
        loaded = await self._index_cache.at(record.library.name, record.bases[0])
        budget = _budget(record).experience_tokens
        relevant = [
            [e.id for e in loaded.select(g.group.task, budget).experiences] for g in record.groups
        ]
        await self._store.updates.set_relevant(record.id, relevant)
        return await self._store.updates.get(record.id)


def _budget(record: UpdateRecord) -> PromptBudget:
    """The limits that the update began with."""
    return HOST if record.driver == "host" else model_budget(record.prompt_bound)


def as_text(raw: RawAnswer) -> str:
    """An answer as stored text."""
    text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False, default=str)
    return text.encode("utf-8", "replace").decode()


def _read(
    work: ResumedUpdate, answers: Sequence[tuple[str, RawAnswer]], model: str | None
) -> tuple[Update, list[GivenAnswer], list[Refused]]:
    """The update with these answers, what is to be stored of them, and the refused ones."""
    update = work.update
    given: list[GivenAnswer] = []
    refused: list[Refused] = []
    for request, raw in answers:
        text = as_text(raw)  # as stored, so that a restart reads the same
        try:
            last = _refusals(work.record.answers, given, request) + 1 >= MAX_REFUSALS
            update = update.record(request, text, last=last)
            given.append(GivenAnswer(request, text, None, model, Usage(1)))
        except AnswerRefusedError as error:
            given.append(GivenAnswer(request, text, str(error), model, Usage(1)))
            refused.append(Refused(request, str(error)))
        except NotFoundError as error:
            if request not in update.answers:
                refused.append(Refused(request, str(error)))
            elif not _sent_before(work.record.answers, given, request, text):
                unused = "it is closed already: this answer was not used"
                refused.append(Refused(request, unused))
    return update, given, refused


def _replayed(
    record: UpdateRecord, loaded_bases: Sequence[LoadedLibrary]
) -> tuple[Update, dict[str, str]]:
    """The update with its stored answers, and why those that became invalid were left out."""
    experiences = loaded_bases[0].state.by_id
    update = Update(
        library=record.library,
        inputs=tuple(
            GroupInput(
                g.group,
                tuple(experiences[i] for i in g.relevant or () if i in experiences),
                g.served,
            )
            for g in record.groups
        ),
        snapshots=tuple(Snapshot(s.state, s.index.near) for s in loaded_bases),
        budget=_budget(record),
    )
    taken = {a.request: a.text for a in record.answers if a.refused is None}
    failed = {r.id: r.failed for r in record.requests if r.failed is not None}
    misfits: dict[str, str] = {}
    while ready := _answered(update, taken.keys() | failed.keys(), misfits):
        for request in ready:
            if request in failed:
                update = update.give_up(request, failed[request])
                continue
            try:
                update = update.record(request, taken[request], last=True)
            except AnswerRefusedError as error:
                misfits[request] = str(error)
    return update, misfits


def _answered(update: Update, known: Iterable[str], misfits: Iterable[str]) -> list[str]:
    stored = set(known) - set(misfits) - update.answers.keys()
    return [r.id for r in update.requests() if r.id in stored] if stored else []


def _refusals(before: Iterable[GivenAnswer], now: Iterable[GivenAnswer], request: str) -> int:
    return sum(1 for a in (*before, *now) if a.request == request and a.refused is not None)


def _sent_before(
    before: Iterable[GivenAnswer], now: Iterable[GivenAnswer], request: str, text: str
) -> bool:
    return any(a.request == request and a.text == text for a in (*before, *now))


def _exhausted(refusal: Refused) -> tuple[str, str]:
    return refusal.request, f"{MAX_REFUSALS} answers did not fit; the last: {refusal.reason}"


def _publication(outcome: UpdateOutcome, author: str, learner: str) -> Publication:
    count = len(outcome.learned)
    return Publication(
        base=outcome.base,
        application=outcome.application,
        learned=outcome.learned,
        failed=outcome.failed,
        author=author,
        note=f"learned from {count} group{'' if count == 1 else 's'}",
        learner=learner,
    )
