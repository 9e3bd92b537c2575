"""A cache of the current versions of libraries with their search indexes, per process.

Each call asks the store for the head, which is one small query, so that the result is right even if
another process has published. If the head moved, only what changed is indexed again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from experience_store.library import Experience, Library, State
from experience_store.retrieval import Document, Index, Selection, select
from experience_store.store import Store

MAX_LOADED = 32
MAX_TASKS = 3  # the latest tasks that an experience was learned from


@dataclass(frozen=True, slots=True)
class LoadedLibrary:
    """One version of a library with its index."""

    library: Library
    state: State
    index: Index

    def is_current(self, library: Library) -> bool:
        """Whether this is the current version of the library."""
        return (self.library.serial, self.state.version) == (library.serial, library.head)

    def select(self, task: str | None, max_tokens: int) -> Selection:
        """The experiences worth having for a task, best first, within a token budget."""
        return select(self.state, self.index, task, max_tokens)


class IndexCache:
    """Loaded libraries of a store; the least recently used are evicted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: OrderedDict[str, LoadedLibrary] = OrderedDict()
        self._turn = asyncio.Lock()

    def through(self, store: Store) -> IndexCache:
        """The same cache for a caller with a scoped store.

        Every call asks that store for the library before it looks into the cache.
        """
        seen = IndexCache(store)
        seen._loaded = self._loaded
        seen._turn = self._turn
        return seen

    async def load(self, name: str) -> LoadedLibrary:
        """The current version of a library; raises LibraryNotFoundError."""
        library = await self._store.libraries.get(name)
        loaded = self._loaded.get(name)
        if loaded is None or not loaded.is_current(library):
            async with self._turn:
                loaded = await self._refreshed(library)
        self._loaded.move_to_end(name)
        return (
            loaded
            if loaded.library == library
            else LoadedLibrary(library, loaded.state, loaded.index)
        )

    async def at(self, name: str, version: int) -> LoadedLibrary:
        """A library at a version; an old version is indexed for this call only."""
        loaded = await self.load(name)
        if loaded.state.version == version:
            return loaded
        state = await self._store.libraries.state(name, version)
        documents = [Document(e, ()) for e in state.experiences]
        index = await asyncio.to_thread(Index.build, documents)
        return LoadedLibrary(loaded.library, state, index)

    async def _refreshed(self, library: Library) -> LoadedLibrary:
        name = library.name
        known = self._loaded.get(name)
        if known is not None and known.library.serial != library.serial:
            known = None  # it was deleted and created again
        if known is not None and known.is_current(library):
            return known
        state = await self._store.libraries.state(name)
        if known is None:
            documents = await self._documents(name, state.experiences, all_=True)
            # 10,000 take more than a second, which would block other tasks
            index = await asyncio.to_thread(Index.build, documents)
        else:
            old, new = known.state.by_id, state.by_id
            changed = [e for i, e in new.items() if old.get(i) != e]
            removed = [i for i in old if i not in new]
            index = known.index.updated(await self._documents(name, changed), removed)
        loaded = LoadedLibrary(library, state, index)
        self._loaded[name] = loaded
        while len(self._loaded) > MAX_LOADED:
            self._loaded.popitem(last=False)
        return loaded

    async def _documents(
        self, name: str, experiences: Sequence[Experience], *, all_: bool = False
    ) -> list[Document]:
        ids = None if all_ else [e.id for e in experiences]
        tasks = await self._store.libraries.tasks(name, ids)
        return [Document(e, tasks.get(e.id, ())[-MAX_TASKS:]) for e in experiences]
