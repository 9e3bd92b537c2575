"""A store through which a caller reaches some libraries only."""

from __future__ import annotations

import pytest

from experience_store.errors import LibraryNotFoundError, NotFoundError
from experience_store.scoped import ScopedStore
from experience_store.store import Store
from tests.builders import submission


async def test_a_scoped_store_covers_only_accessible_libraries(store: Store) -> None:
    for name in ("a", "b"):
        await store.groups.submit(name, submission())
    seen = ScopedStore(store, frozenset({"a", "c"}), may_make=False)

    assert (await store.totals()).groups == 2
    assert (await seen.totals()).groups == 1
    assert (await seen.totals({"b"})).groups == 0
    assert list(await seen.groups.waiting()) == ["a"]
    with pytest.raises(LibraryNotFoundError, match=r"existing libraries: 'a' \(0 experiences\)$"):
        await seen.libraries.ensure("c")
    for name in ("b", "d"):
        with pytest.raises(LibraryNotFoundError, match=f"'{name}'.* token reaches only: a, c"):
            await seen.libraries.ensure(name)
    with pytest.raises(NotFoundError, match="tokens"):
        assert seen.tokens
    with pytest.raises(LibraryNotFoundError):
        await seen.archives.export("b", attempts=True)
