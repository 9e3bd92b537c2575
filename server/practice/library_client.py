"""The run's side of the MCP connection: fetch experiences, hand in groups, have them learned.

Whoever has a language model answers the learner: a server that is configured with one does it in
the background, and the run waits; otherwise the run's own teacher answers the requests, like the
model of any other host. Requests that the teacher has answered are kept in the run's journal.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mcp import Client
from pydantic import BaseModel

from experience_store.errors import StorageError
from server.mcp.host_driver import HELD_UP
from server.mcp.results import Experiences, Submitted, UpdateOut
from server.mcp.tools import MAX_TASK
from server.practice.errors import RunStoppedError
from server.practice.handing_in import fitting_feedback, fitting_messages
from server.practice.journal import Journal
from server.practice.library_shown import LibraryShown
from server.practice.records import Group, Learned, Served, Spent, Task, total
from server.practice.shown import UpdateShown, UpdatesShown
from server.practice.spending import Meter
from server.practice.teacher import MeteredModel, Teacher
from server.practice.together import all_of
from server.practice.updates_shown import UpdatesSeen

POLL_SECONDS = (0.05, 2.0)  # the first and the longest pause while the server learns
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Withheld:
    """What the learner is not told, in the paper's ablations."""

    ground_truth: bool = False
    rewards: bool = False


@dataclass(frozen=True, slots=True)
class OwnServer:
    """What is known of a server that is of the run's own.

    Attributes:
        model: What it learns with.
        unusable: Says why its database cannot be used, if its learner met that.
    """

    model: MeteredModel
    unusable: Callable[[], StorageError | None]


class LibraryClient(LibraryShown):
    """A library as a client of its server sees it."""

    def __init__(
        self,
        client: Client,
        library: str,
        *,
        meter: Meter,
        teacher: Teacher | None = None,
        own: OwnServer | None = None,
        patience: float = 1800.0,
        heard: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Use an open client.

        Args:
            client: Connected to the server.
            library: Its name.
            meter: Of the run; what a server elsewhere spends is put on it.
            teacher: Answers the learner where the server has no model.
            own: The server, if it is of the run's own.
            patience: Seconds to wait for a server that learns, while nothing changes.
            heard: Told what holds up learning.
        """
        super().__init__(client, library)
        self._meter = meter
        self._teacher = teacher
        self._own = own
        self._patience = patience
        self._heard = heard
        self._said = ""
        self._seen = UpdatesSeen()

    async def serve(self, task: Task, max_tokens: int | None) -> Served:
        """The experiences that an agent would get for a task."""
        arguments: dict[str, object] = {"task": task.prompt[:MAX_TASK], "library": self.library}
        if max_tokens is not None:
            arguments["max_tokens"] = max_tokens
        got = await self.call("get_experiences", arguments, Experiences)
        return Served(
            retrieval_id=got.retrieval_id,
            version=got.version,
            experiences=got.experiences,
            omitted=got.omitted,
        )

    async def submit(
        self, group_id: str, group: Group, served: Served, model: str, withheld: Withheld
    ) -> bool:
        """Hand in a group; whether it has signal. The same again changes nothing.

        Without rewards the learner would take a rollout that broke off for an attempt like others,
        so it is left out.
        """
        trajectories: list[dict[str, object]] = [
            {
                "id": f"a{number}",
                "messages": fitting_messages(attempt.rollout.messages),
                "reward": None if withheld.rewards else attempt.reward,
                "feedback": fitting_feedback(None if withheld.rewards else attempt.score.feedback),
                "retrieval_id": served.retrieval_id,
                "model": model,
            }
            for number, attempt in enumerate(group.attempts, start=1)
            if attempt.rollout.messages and not (withheld.rewards and attempt.rollout.failure)
        ]
        if not trajectories:
            return False
        arguments: dict[str, object] = {
            "task": group.task.prompt,
            "library": self.library,
            "group_id": group_id,
            "trajectories": [
                {key: value for key, value in t.items() if value is not None or key == "reward"}
                for t in trajectories
            ],
        }
        if group.task.ground_truth is not None and not withheld.ground_truth:
            arguments["ground_truth"] = group.task.ground_truth
        return (await self.call("submit_group", arguments, Submitted)).signal

    async def pending(self) -> int:
        """How many groups wait in it to be learned, and how many updates are under way."""
        found = await self.found()
        if found is None:
            return 0
        return found.waiting + sum(u.status == "open" for u in await self._updates())

    async def learn(self, journal: Journal, key: str) -> None:
        """Have everything learned that waits.

        Raises:
            RunStoppedError: If nobody answers the learner.
            EndpointRefusedError: If the endpoint of the run's own refuses every call.
            BudgetSpentError: If the run may not spend more.
        """
        pause, since, before = POLL_SECONDS[0], time.monotonic(), ""
        while True:
            update = await self.call("update_experiences", {"library": self.library}, UpdateOut)
            while update.status == "awaiting_answers":
                update = await self._answer(update, journal, key)
            if update.status != "running":
                standing = await self.standing()
                if standing.waiting == 0 or update.update_id is None:
                    return
            seen = f"{update.update_id} {await self._calls()}"
            if seen != before:
                before, since = seen, time.monotonic()
            elif time.monotonic() - since > self._patience:
                raise RunStoppedError(
                    f"the server has not learned for {self._patience:g} s: {update.next_step}"
                )
            if update.next_step.startswith(HELD_UP):
                self._held_up(update.next_step)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS[1])

    def _held_up(self, why: str) -> None:
        """Say what holds up learning; only now the budget counts, when no call is under way.

        An endpoint comes back by itself; a database that cannot be written needs somebody.
        """
        if self._own is not None and (unusable := self._own.unusable()) is not None:
            raise RunStoppedError(
                f"what was learned cannot be stored: {unusable}. Once that is mended (is the disk "
                "full?), the same command goes on from here."
            )
        if self._own is not None:
            self._own.model.check()
        if why != self._said:
            self._said = why
            self._heard(why)

    async def _calls(self) -> int:
        """How often models have answered the learner: what changes while it learns."""
        return sum(update.usage.calls for update in await self._updates())

    async def learned(self, before: int, known: Sequence[str], own: Spent) -> Learned:
        """What became of a library since version `before`.

        Args:
            before: The version that the step began with.
            known: Ids of the updates that belong to something else.
            own: What the run's own teacher spent on it.

        Raises:
            RunStoppedError: If it waits for somebody's review.
        """
        standing = await self.standing()
        updates = [u for u in await self._updates() if u.id not in known]
        if any(update.status == "awaiting_review" for update in updates):
            raise RunStoppedError(
                f"what library {self.library!r} has learned waits for a person's review: decide "
                f"with `experience-mcp review {self.library}` where its server is, then this "
                "command again"
            )
        versions = await self.versions_since(before)
        learning = total(_by_the_server(updates).values())
        if self._own is not None and self._own.model.estimates:
            learning = learning.model_copy(update={"estimated": learning.calls})
        if self._own is None:
            self._meter.add_elsewhere(_by_the_server(updates))
        return Learned(
            before=before,
            version=standing.version,
            size=standing.experiences,
            changes=[change for v in reversed(versions) for change in v.changes],
            refused=[refusal for v in reversed(versions) for refusal in v.refused],
            updates=[u.id for u in updates],
            failed=[u.reason or u.status for u in updates if u.status != "published"],
            spent=learning + own,
        )

    async def update_ids(self) -> list[str]:
        """The ids of all updates."""
        return [update.id for update in await self._updates()] if await self.found() else []

    async def count(self, known: Sequence[str]) -> None:
        """Put on the meter what updates have spent that are not known yet."""
        self._meter.add_elsewhere(await self._unknown(known))

    async def spent_since(self, known: Sequence[str]) -> Spent:
        """What updates have spent that are not known yet."""
        return total((await self._unknown(known)).values())

    async def _unknown(self, known: Sequence[str]) -> dict[str, Spent]:
        if not await self.found():
            return {}
        return _by_the_server([u for u in await self._updates() if u.id not in known])

    async def _answer(self, update: UpdateOut, journal: Journal, key: str) -> UpdateOut:
        """Have the teacher answer a page of requests."""
        if self._teacher is None:
            raise RunStoppedError(
                "the server has no model to learn with: name one with --teacher, or configure the "
                "server's"
            )
        assert update.update_id is not None, "an update that asks has an id"
        refused = {r.request_id: r.reason for r in update.refused}
        under = f"{key}/answers/{update.update_id}"
        answers = await all_of(
            [
                self._teacher.answer(journal, under, request, refused.get(request.request_id))
                for request in update.requests
            ]
        )
        arguments: dict[str, object] = {"update_id": update.update_id, "answers": answers}
        return await self.call("submit_answers", arguments, UpdateOut)

    async def _updates(self) -> list[UpdateShown]:
        return await self._seen.look(lambda where: self.read(where, UpdatesShown))


def _by_the_server(updates: Sequence[UpdateShown]) -> dict[str, Spent]:
    """What the server's own model spent on each; what hosts spend they count themselves."""
    return {u.id: Spent(**u.usage.model_dump()) for u in updates if u.driver == "model"}
