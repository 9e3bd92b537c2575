"""Whether an endpoint is down, told from calls and probes."""

from __future__ import annotations

import asyncio

import pytest

from experience_store.store import Usage
from server.learning.endpoint_health import MAX_REASON, EndpointHealth
from server.learning.models import (
    Asked,
    Correction,
    ModelForbiddenError,
    ModelQuotaError,
    ModelRefusedError,
    ModelUnavailableError,
    Reply,
)
from server.settings import ModelSettings, address_of

KEY = "sk-never-to-be-shown"


class Probed:
    """A model whose probes end as told."""

    name = "m"

    def __init__(self, end: Exception | None) -> None:
        self.end = end
        self.probes = 0

    async def ask(self, request: Asked, correction: Correction | None = None) -> Reply:
        del request, correction
        return Reply("", Usage(1))

    async def probe(self) -> None:
        self.probes += 1
        await asyncio.sleep(0)
        if self.end:
            raise self.end

    async def close(self) -> None:
        pass


def health(model: Probed, base_url: str | None = None) -> EndpointHealth:
    return EndpointHealth(model, ModelSettings("m", KEY, base_url))


FAILED = ModelUnavailableError("m failed: boom")


@pytest.mark.parametrize(
    ("failed", "end", "down"),
    [
        (FAILED, None, False),
        (FAILED, ModelRefusedError("no"), False),
        (ModelForbiddenError("403"), None, False),
        (FAILED, FAILED, True),
        (ModelForbiddenError("401"), ModelForbiddenError("401"), True),
        (ModelQuotaError("no credit"), None, True),
    ],
)
async def test_a_probe_tells_a_failed_call_from_an_endpoint_that_is_down(
    failed: ModelUnavailableError, end: Exception | None, down: bool
) -> None:
    found = health(Probed(end))
    verdict = await found.verdict(failed)
    assert (verdict is not None, found.down is not None) == (down, down)
    if verdict is not None:
        assert type(verdict) is type(failed)
        found.answered()
        assert found.down is None


async def test_calls_that_fail_together_share_a_probe() -> None:
    model = Probed(FAILED)
    found = health(model)
    verdicts = await asyncio.gather(*(found.verdict(FAILED) for _ in range(9)))
    assert all(verdicts)
    assert model.probes == 1
    first = found.down
    await found.verdict(FAILED)
    assert model.probes == 2
    assert found.down == first, "since the first one"


async def test_an_answer_during_the_probe_outweighs_it() -> None:
    found = health(Probed(FAILED))
    checking = asyncio.create_task(found.verdict(FAILED))
    await asyncio.sleep(0)
    found.answered()
    assert await checking is None
    assert found.down is None


async def test_quota_is_not_believed_to_be_back_before_a_request_is_answered() -> None:
    found = health(Probed(None))
    await found.verdict(ModelQuotaError("no credit"))
    assert await found.check() is None
    assert found.down is not None
    found.answered()
    assert found.down is None
    assert await found.verdict(ModelQuotaError("no credit")) is None, "for that prompt, perhaps"
    assert await found.verdict(ModelQuotaError("no credit")) is not None


def test_reasons_hold_no_secrets_and_end() -> None:
    found = health(Probed(None))
    said = found.explain(ValueError(f"bad key {KEY}\n or sk-proj-{'a1B2' * 12} " + "x" * 9_000))
    assert KEY not in said
    assert "a1B2" not in said
    assert "\n" not in said
    assert len(said) == MAX_REASON


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, ""),
        ("http://localhost:1234/v1", "http://localhost:1234/v1"),
        ("https://me:secret@example.org/v1?key=secret#x", "https://example.org/v1"),
    ],
)
def test_urls_are_shown_without_credentials(url: str | None, shown: str) -> None:
    assert (address_of(url) or "") == shown
