"""Fixtures that every test may use, and the guard that no test reaches a real model."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.store import Store
from server.settings import Settings


@pytest.fixture(autouse=True)
def no_real_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("OPENAI_", "EXPERIENCE_MCP_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "experience.db"


@pytest.fixture
async def store(database: Path) -> AsyncGenerator[Store]:
    opened = await open_store(database)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database: Path) -> Settings:
    return Settings(database)


@pytest.fixture
def python() -> str:
    return sys.executable
