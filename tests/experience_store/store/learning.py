"""Learning in tests of the store: groups submitted, requests answered, a version published."""

from __future__ import annotations

from experience_store.index_cache import IndexCache
from experience_store.store import Store
from experience_store.testing import sensible_answer
from experience_store.update_runner import (
    ResumedUpdate,
    UpdateRunner,  # pyright: ignore[reportPrivateUsage]  # a race is hard to win otherwise
)
from tests.builders import answer, submission


def runner(store: Store) -> UpdateRunner:
    return UpdateRunner(store, IndexCache(store))


async def learned(
    store: Store, *operations: dict[str, object], library: str = "lib"
) -> ResumedUpdate:
    """One group submitted and learned from, its comparison answered with these operations."""
    await store.groups.submit(library, submission(task=f"Task {operations}"))
    made = runner(store)
    update_id = await made.begin(library, "host", 1)
    assert update_id
    work = await made.resume(update_id)
    await made.ask(work)
    work, _ = await made.answer(work, [("compare-1", answer(*operations))])
    while requests := await made.ask(work):
        work, _ = await made.answer(work, [(r.id, sensible_answer(r.prompt)) for r in requests])
    return await made.finish(work, author="host test")


async def entries(store: Store, version: int | None = None) -> dict[str, str]:
    return {e.id: e.text for e in (await store.libraries.state("lib", version)).experiences}
