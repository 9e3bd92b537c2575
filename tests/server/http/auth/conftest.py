"""An authorization server for each test, on one listener for all of a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.server.http.auth.authorization_server import (
    AuthorizationServer,
    Clock,
    Hosted,
    listening,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosted() -> AsyncGenerator[Hosted]:
    async with listening(Hosted) as (server, _):
        yield server


@pytest.fixture
def issuer(hosted: Hosted) -> AuthorizationServer:
    return hosted.put_on()


@pytest.fixture
def clock() -> Clock:
    return Clock()
