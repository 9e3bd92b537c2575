"""Fixtures that every test may use, and the guard that no test reaches a real model."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncGenerator, Generator
from functools import cache
from pathlib import Path
from typing import Protocol

import httpcore2
import pytest
from jsonschema import Draft202012Validator

from experience_store import open_store
from experience_store.store import Store
from server.settings import Settings
from tests.databases import contents
from tests.parameters import first_of
from tests.processes import starting

# Most objects of a test process stay: a tenth of its time went into looking through them.
gc.set_threshold(50_000, 20, 100)

# Otherwise each of the many child processes compiles the SDK anew, which doubles its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Chosen tests run in this process, where they start at once; whole folders on every core.

    One worker more than cores, since tests wait for disks and processes a quarter of their time.
    """
    chosen = config.option.keyword or any(".py" in argument for argument in config.args)
    return 0 if chosen else (os.cpu_count() or 1) + 1


class WorkerToBe(Protocol):
    workerinput: dict[str, object]


def pytest_configure_node(node: WorkerToBe) -> None:
    """All workers start programs with one Python."""
    node.workerinput["python"] = starting.python()


def pytest_configure(config: pytest.Config) -> None:
    if path := getattr(config, "workerinput", {}).get("python"):
        starting.take_python(path)


def pytest_unconfigure() -> None:
    starting.end_fork_server()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def one_tls_context() -> Generator[None]:
    """Each HTTP client reads the system's certificates, which takes longer than most tests."""
    read_once = cache(httpcore2.default_ssl_context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore2, "default_ssl_context", read_once)
        yield


@pytest.fixture(autouse=True, scope="session")
def each_schema_checked_once() -> Generator[None]:
    """Each MCP client checks the schemas of the tools, which takes longer than calling them."""
    check = Draft202012Validator.check_schema

    @cache
    def check_text(schema: str) -> None:
        check(json.loads(schema))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draft202012Validator, "check_schema", lambda s: check_text(json.dumps(s)))  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
        yield


@pytest.fixture(autouse=True, scope="session")
def no_real_model() -> Generator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("OPENAI_", "EXPERIENCE_MCP_"))]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What `open_store` makes of a new file: migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "experience.db"

    async def make() -> None:
        await (await open_store(path)).close()

    asyncio.run(make())
    return contents(path)


@pytest.fixture
def missing_database(tmp_path: Path) -> Path:
    """Where there is no file yet."""
    return tmp_path / "experience.db"


@pytest.fixture
def database(missing_database: Path, empty_database: bytes) -> Path:
    """A database that nobody has used yet."""
    missing_database.touch(0o600)
    missing_database.write_bytes(empty_database)
    return missing_database


@pytest.fixture
async def store(database: Path) -> AsyncGenerator[Store]:
    opened = await open_store(database)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database: Path) -> Settings:
    return Settings(database)


@pytest.fixture(
    params=first_of(20, 1),
    ids=["a twentieth", "maximum length"],
)
def part(request: pytest.FixtureRequest) -> int:
    """By what the length of hostile texts is divided: all at their maximum take half a minute."""
    return request.param


@pytest.fixture
def python() -> str:
    return sys.executable
