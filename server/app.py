"""The composition root: what a running server holds, and how it is put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from experience_store import open_store
from experience_store.index_cache import IndexCache
from experience_store.store import Store, Trouble
from experience_store.store.workers import HIDDEN
from server.access import Access, current_access
from server.retrieval_log import RetrievalLog, Retrieving, ScopedLog
from server.settings import Settings

if TYPE_CHECKING:
    from experience_store.update_runner import UpdateRunner
    from server.learning.models import Model
    from server.learning.worker import Worker


@dataclass(frozen=True)
class App:
    """What tools and resources work with. `worker` is set when a model is configured."""

    settings: Settings
    store: Store
    index_cache: IndexCache
    retrievals: Retrieving
    worker: Worker | None
    on_published: Callable[[str], Awaitable[None]] | None = None
    limited: bool = False

    def seen(self) -> App:
        """The app as the current caller sees it, limited to accessible libraries."""
        access = current_access.get()
        if self.limited or (access.libraries is None and access.may_make):
            return self
        from experience_store.scoped import ScopedStore  # noqa: PLC0415  # not for stdio: start-up

        store = ScopedStore(self.store, access.libraries, may_make=access.may_make)
        return replace(
            self,
            settings=_settings_for(self.settings, access),
            store=store,
            index_cache=self.index_cache.through(store),
            retrievals=ScopedLog(self.retrievals, access.reaches),
            limited=True,
        )

    @property
    def trouble(self) -> Trouble | None:
        """What holds up this server's learning; the reason only for callers with full access."""
        trouble = self.worker.trouble if self.worker else None
        return replace(trouble, reason=HIDDEN) if trouble and self.limited else trouble

    async def any_trouble(self) -> Trouble | None:
        """The same; of another server on this database if this one has no model."""
        if self.worker is not None:
            return self.trouble
        return next(iter(await self.store.workers.troubles()), None)

    @property
    def storage_failed(self) -> bool:
        """Whether learning in the background is held up because nothing can be stored."""
        return self.worker is not None and self.worker.unusable is not None

    @cached_property
    def runner(self) -> UpdateRunner:
        """Takes updates from step to step. Created when first needed: start-up time."""
        from experience_store.update_runner import UpdateRunner  # noqa: PLC0415  # see the docstring

        return UpdateRunner(self.store, self.index_cache)


def _settings_for(settings: Settings, access: Access) -> Settings:
    """The settings, with the only accessible library as the default if there is just one."""
    if access.libraries is None or len(access.libraries) != 1 or access.reaches(settings.library):
        return settings
    return replace(settings, library=next(iter(access.libraries)))


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    background: bool = True,
    model: Model | None = None,
    on_published: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncGenerator[App]:
    """Open the store and, with a model configured, start learning in the background.

    Args:
        settings: The server's settings.
        background: Whether the worker runs by itself, or only on request.
        model: Used in place of the endpoint in the settings; closed by its owner.
        on_published: Called with a library's name after a version was published here.
    """
    async with AsyncExitStack() as stack:
        store = await open_store(settings.database)
        stack.push_async_callback(store.close)
        index_cache = IndexCache(store)
        retrievals = RetrievalLog(store)
        stack.push_async_callback(retrievals.close)
        worker = None
        if settings.model is not None:
            # importing openai takes a second
            from experience_store.update_runner import UpdateRunner  # noqa: PLC0415
            from server.learning.worker import Worker  # noqa: PLC0415

            if model is None:
                from server.learning.models.endpoint import Endpoint  # noqa: PLC0415

                model = Endpoint(settings.model)
                stack.push_async_callback(model.close)
            runner = UpdateRunner(store, index_cache)
            worker = Worker(store, runner, model, settings.model, on_published)
            if background:
                task = asyncio.create_task(worker.run())
                stack.push_async_callback(worker.stop, task)
        yield App(settings, store, index_cache, retrievals, worker, on_published)
