from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.cli.program import Program


@pytest.fixture
def program(database: Path) -> Program:
    return Program(database)


@pytest.fixture
def fresh_program(missing_database: Path) -> Program:
    """The program before its first use."""
    return Program(missing_database)
