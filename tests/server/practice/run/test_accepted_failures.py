"""Attempts that may stay unscored after an outage stay as a whole, or are made again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from experience_store.errors import StorageError
from experience_store.testing import Asked, Said
from server.practice.records import JournalRecord
from server.practice.run.journal import Journal
from tests.parameters import first_of
from tests.server.practice.scripted_world import but, counted, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.mark.parametrize(
    "half", first_of(True, False), ids=["only rollouts were kept", "nothing was"]
)
async def test_a_crash_while_accepted_failures_are_stored_repeats_the_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    put_all, down = Journal.put_all, True

    def crash(
        self: Journal, records: Mapping[str, JournalRecord], *, instead_of: Collection[str] = ()
    ) -> None:
        if len(records) > 1:
            if half:  # as it was when each record was a transaction of its own
                rollouts = {k: r for k, r in records.items() if k.endswith("/rollout")}
                put_all(self, rollouts, instead_of=instead_of)
            raise StorageError("the disk is full")
        put_all(self, records, instead_of=instead_of)

    def outage(asked: Asked) -> Said | None:
        broken = down and is_attempt(asked) and "number 102 " in asked.prompt
        return Said(status=500) if broken else None

    async with ground(tmp_path, but(world, outage)) as here:
        options = (*here.evaluated, "--limit", "2", "--tries", "1")
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "put_all", crash)
            await here.do("practice", *options, "--accept-failures", "5", code=1)
        down, before = False, len(here.attempts)
        await here.do("practice", *options)
        found = here.report()

    again = [asked for asked in here.attempts[before:] if "number 102 " in asked.prompt]
    assert len(again) == 2 * 2, "both attempts of each arm"
    assert found["failures"]["times"] == 0
    answered = here.spent()["calls"] - 2
    assert counted(found["totals"]["whole"])["calls"] == answered
