"""Fixtures."""

from __future__ import annotations

import pytest

from tests.server.mcp.connections import (
    Mode,
)


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param
