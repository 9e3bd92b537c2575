"""What every backend must do beside libraries, groups and updates: totals and tokens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from experience_store.errors import ConflictError, NotFoundError
from experience_store.store import Retrieval, Store, Token, digest_of
from tests.builders import add, submission
from tests.experience_store.store.learning import learned


async def test_totals_cover_all_libraries(store: Store) -> None:
    await learned(store, add("When in doubt, ask."))
    await store.groups.submit("other", submission())
    await store.retrievals.record([Retrieval("r-1", "lib", 1, "task", ("G1",))])

    totals = await store.totals()

    assert (totals.libraries, totals.experiences) == (2, 1)
    assert (totals.groups, totals.attempts, totals.waiting) == (2, 4, 1)
    assert (totals.retrievals, totals.updates) == (1, {"published": 1})


async def test_a_token_is_found_by_its_digest_until_it_expires_or_is_revoked(store: Store) -> None:
    now = datetime.now(UTC)
    lasting = Token("t-1", "lasting", frozenset({"read"}), frozenset({"a", "b"}), now, None)
    over = Token("t-2", "over", frozenset({"read"}), None, now, now)
    await store.tokens.add(lasting, digest_of("one"))
    await store.tokens.add(over, digest_of("two"))

    found = await store.tokens.find(digest_of("one"))
    assert found is not None
    assert (found.scopes, found.libraries) == (lasting.scopes, lasting.libraries)
    assert await store.tokens.find(digest_of("two")) is None
    assert await store.tokens.find("one") is None
    assert [t.name for t in await store.tokens.all()] == ["lasting", "over"]

    with pytest.raises(ConflictError, match="already"):
        await store.tokens.add(replace(lasting, id="t-3"), digest_of("three"))
    assert (await store.tokens.revoke("t-1")).name == "lasting"
    assert await store.tokens.find(digest_of("one")) is None
    with pytest.raises(NotFoundError, match="token 'lasting' does not exist"):
        await store.tokens.revoke("lasting")
