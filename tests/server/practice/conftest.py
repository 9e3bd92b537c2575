from __future__ import annotations

import sys
from collections.abc import Generator
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import pytest_asyncio

from server.child_process import isolated_command
from server.practice.datasets import gym_tasks
from server.practice.verifiers import package_verifiers
from tests.processes.starting import CAN_FORK, ForkServer
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
def python_with_packages() -> Generator[str]:
    """A Python that has imported math-verify and reasoning-gym, which takes seconds, and forks."""
    if not CAN_FORK:
        yield sys.executable
        return
    ours = ("server.practice.datasets.gym_tasks", "server.practice.verifiers.package_scorers")
    packages = [name for name in ("math_verify", "reasoning_gym") if find_spec(name)]
    server = ForkServer(*ours, *packages, hash_seed="0")  # as `isolated_environment` has it
    yield server.python
    server.end()


@pytest.fixture
def packages_imported_once(python_with_packages: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolated processes are forks that need not import what they work with."""

    def forking_command(module: str, argument: str) -> list[str]:
        return [python_with_packages, *isolated_command(module, argument)[1:]]

    monkeypatch.setattr(gym_tasks, "isolated_command", forking_command)
    monkeypatch.setattr(package_verifiers, "isolated_command", forking_command)
