"""A run that fails before it has done anything leaves nothing behind: no library, no folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experience_store.testing import Said
from tests.parameters import first_of
from tests.server.practice.scripted_world import Ground, ground, is_attempt, world

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.practice.run.attempts.PAUSE_SECONDS", 0.0)


async def libraries(here: Ground) -> list[str]:
    found = json.loads((await here.command("libraries", "--json")).output)
    return [library["name"] for library in found["libraries"]]


@pytest.mark.parametrize("options", first_of((), ("--group-size", "1"), ("--no-ground-truth",)))
async def test_a_run_that_submitted_nothing_leaves_no_library(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    status = 404
    async with ground(tmp_path, lambda a: Said(status=status) if status else world(a)) as here:
        await here.do("practice", *here.evaluated, *options, code=1)
        assert not here.run.exists()
        assert await libraries(here) == []
        status = 503
        await here.do("practice", *options, code=3)
        assert await libraries(here) == []
        status = 0
        await here.do("practice", *options)
        assert await libraries(here) == ["lib"]


async def test_a_folder_that_was_there_before_stays(tmp_path: Path) -> None:
    async with ground(tmp_path, lambda _: Said(status=404)) as here:
        here.run.mkdir()
        (here.run / "notes.txt").write_text("mine")
        await here.do("practice", code=1)
        assert [path.name for path in here.run.iterdir()] == ["notes.txt"]


async def test_a_folder_with_paid_work_stays(tmp_path: Path) -> None:
    async with ground(
        tmp_path, lambda a: Said(status=401) if not is_attempt(a) else world(a)
    ) as here:
        await here.do("practice", code=1)  # the teacher is refused
        assert (here.run / "run.db").exists()
