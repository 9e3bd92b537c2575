from __future__ import annotations

import sys
from collections.abc import Generator
from types import SimpleNamespace

import pytest
import pytest_asyncio

from server.practice.datasets import gym_tasks
from tests.server.practice.loaded_gym import LoadedGym
from tests.server.practice.scripted_world import Ground, ground


def _no_page(run: object, report: object) -> str:
    del run, report
    return ""


def leave_out_pages(patch: pytest.MonkeyPatch) -> None:
    """Reports without the page for people: drawing takes longer than the runs, and matplotlib."""
    page = SimpleNamespace(render_page=_no_page)
    patch.setitem(sys.modules, "server.practice.report.html_report", page)
    patch.setattr("server.practice.report._NEEDED", ())


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_pages(monkeypatch)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def practised(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A finished run of `practice`, to be read, or to go on from in a copy: `copy_of`."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_pages(patch)
        async with ground(tmp_path_factory.mktemp("practised")) as here:
            await here.do("practice")
    return here


@pytest.fixture(scope="session")
def loaded_gym(tmp_path_factory: pytest.TempPathFactory) -> Generator[LoadedGym]:
    loaded = LoadedGym(tmp_path_factory.mktemp("gym"))
    yield loaded
    loaded.close()


@pytest.fixture
def gym_loaded_once(loaded_gym: LoadedGym, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are generated without importing reasoning-gym for each spec."""
    monkeypatch.setattr(gym_tasks, "subprocess", loaded_gym)
