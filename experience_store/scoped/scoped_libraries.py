"""`Libraries` within a scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import override

from experience_store.library import Library, Policy, State
from experience_store.operations import Operation
from experience_store.scoped.scope import LibraryScope
from experience_store.store import (
    Libraries,
    LibraryStamp,
    Provenance,
)
from experience_store.version import Version


class ScopedLibraries(Libraries):
    """`Libraries` within a scope."""

    def __init__(self, scope: LibraryScope) -> None:
        self._scope = scope
        self._all = scope.store.libraries

    @override
    async def get(self, name: str) -> Library:
        return await self._scope.get(name)

    @override
    async def ensure(self, name: str) -> Library:
        return await self._scope.making(name, lambda: self._all.ensure(name))

    @override
    async def all(self) -> tuple[Library, ...]:
        return tuple(lib for lib in await self._all.all() if self._scope.has(lib.name))

    @override
    async def page(self, *, after: str, limit: int) -> tuple[Library, ...]:
        if self._scope.libraries is None:
            return await self._all.page(after=after, limit=limit)
        return tuple(lib for lib in await self.all() if lib.name > after)[:limit]

    @override
    async def stamps(self) -> Mapping[str, LibraryStamp]:
        stamps = await self._all.stamps()
        return {name: stamp for name, stamp in stamps.items() if self._scope.has(name)}

    @override
    async def names(self, prefix: str = "", limit: int = 100) -> tuple[str, ...]:
        return await self._scope.names(prefix, limit)

    @override
    async def describe(
        self,
        name: str,
        *,
        agent_objective: str | None,
        learning_objective: str | None,
        policy: Policy,
    ) -> Library:
        return await self._scope.making(
            name,
            lambda: self._all.describe(
                name,
                agent_objective=agent_objective,
                learning_objective=learning_objective,
                policy=policy,
            ),
        )

    @override
    async def delete(self, name: str) -> Library:
        return await self._scope.within(name, lambda: self._all.delete(name))

    @override
    async def state(self, name: str, version: int | None = None) -> State:
        return await self._scope.within(name, lambda: self._all.state(name, version))

    @override
    async def history(self, name: str, *, before: int | None, limit: int) -> tuple[Version, ...]:
        return await self._scope.within(
            name, lambda: self._all.history(name, before=before, limit=limit)
        )

    @override
    async def version(self, name: str, number: int) -> Version:
        return await self._scope.within(name, lambda: self._all.version(name, number))

    @override
    async def tasks(self, name: str, ids: Sequence[str] | None) -> Mapping[str, tuple[str, ...]]:
        return await self._scope.within(name, lambda: self._all.tasks(name, ids))

    @override
    async def edit(
        self, name: str, operations: Sequence[Operation], *, author: str, note: str
    ) -> Version:
        return await self._scope.making(
            name, lambda: self._all.edit(name, operations, author=author, note=note)
        )

    @override
    async def roll_back(self, name: str, to: int, *, author: str, note: str) -> Version:
        return await self._scope.within(
            name, lambda: self._all.roll_back(name, to, author=author, note=note)
        )

    @override
    async def provenance(self, name: str, experience_id: str) -> Provenance:
        return await self._scope.within(name, lambda: self._all.provenance(name, experience_id))
