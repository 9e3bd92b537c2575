"""Libraries that are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experience_store.library import Library, Policy, State
from experience_store.operations import Operation
from experience_store.scoped.scope import LibraryScope
from experience_store.store import LibraryStamp, Provenance
from experience_store.version import Version


class ScopedLibraries:
    """Implements `experience_store.store.Libraries`."""

    def __init__(self, reach: LibraryScope) -> None:
        self._scope = reach
        self._all = reach.store.libraries

    async def get(self, name: str) -> Library:
        """The library; raises LibraryNotFoundError with the names that come close."""
        return await self._scope.within(name, lambda: self._all.get(name))

    async def ensure(self, name: str) -> Library:
        """The library, made with defaults if it is new and may be made."""
        return await self._scope.making(name, lambda: self._all.ensure(name))

    async def all(self) -> tuple[Library, ...]:
        """Every library that is reached, by name."""
        return tuple(lib for lib in await self._all.all() if self._scope.has(lib.name))

    async def page(self, *, after: str, limit: int) -> tuple[Library, ...]:
        """Libraries that are reached by name, those behind the name `after`."""
        if self._scope.libraries is None:
            return await self._all.page(after=after, limit=limit)
        return tuple(lib for lib in await self.all() if lib.name > after)[:limit]

    async def stamps(self) -> Mapping[str, LibraryStamp]:
        """The mark of every library that is reached, by name."""
        stamps = await self._all.stamps()
        return {name: mark for name, mark in stamps.items() if self._scope.has(name)}

    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        """Names that begin with `prefix`."""
        return await self._scope.names(prefix, limit)

    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        """Set objectives and policy, making the library if it is new and may be made."""
        return await self._scope.making(
            name,
            lambda: self._all.describe(
                name,
                agent_objective=agent_objective,
                learning_objective=learning_objective,
                policy=policy,
            ),
        )

    async def delete(self, name: str) -> Library:
        """Erase the library with everything that belongs to it; what it was."""
        return await self._scope.within(name, lambda: self._all.delete(name))

    async def state(self, name: str, version: int | None = None) -> State:
        """What the library held at a version (the head by default)."""
        return await self._scope.within(name, lambda: self._all.state(name, version))

    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        """Versions below `before`, newest first, with operations and refusals."""
        return await self._scope.within(
            name, lambda: self._all.history(name, before=before, limit=limit)
        )

    async def version(self, name: str, number: int) -> Version:
        """One version, with operations and refusals."""
        return await self._scope.within(name, lambda: self._all.version(name, number))

    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        """For each experience (all for None), the tasks it was learned from, oldest first."""
        return await self._scope.within(name, lambda: self._all.tasks(name, ids))

    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        """Change the library by hand; raises BadInputError if an operation breaks a rule."""
        return await self._scope.making(
            name, lambda: self._all.edit(name, operations, author=author, note=note)
        )

    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        """Make a new version that equals the older version `to`."""
        return await self._scope.within(
            name, lambda: self._all.roll_back(name, to, author=author, note=note)
        )

    async def provenance(self, name: str, experience_id: str) -> Provenance:
        """Everything that led to an experience."""
        return await self._scope.within(name, lambda: self._all.provenance(name, experience_id))
