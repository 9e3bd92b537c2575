from __future__ import annotations

import sys
from collections.abc import Generator
from types import SimpleNamespace

import pytest

from server.practice.datasets import gym_tasks
from tests.server.practice.loaded_gym import LoadedGym


def _no_page(run: object, report: object) -> str:
    del run, report
    return ""


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without the page for people: drawing takes longer than the runs, and matplotlib."""
    page = SimpleNamespace(render_page=_no_page)
    monkeypatch.setitem(sys.modules, "server.practice.report.html_report", page)
    monkeypatch.setattr("server.practice.report._NEEDED", ())


@pytest.fixture(scope="session")
def loaded_gym(tmp_path_factory: pytest.TempPathFactory) -> Generator[LoadedGym]:
    loaded = LoadedGym(tmp_path_factory.mktemp("gym"))
    yield loaded
    loaded.close()


@pytest.fixture
def gym_loaded_once(loaded_gym: LoadedGym, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are generated without importing reasoning-gym for each spec."""
    monkeypatch.setattr(gym_tasks, "subprocess", loaded_gym)
