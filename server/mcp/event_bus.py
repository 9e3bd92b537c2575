"""The event bus: listeners receive events of the libraries they have access to, and no others.

A listener keeps the access it had when it subscribed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from anyio.lowlevel import checkpoint
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent

from server.access import Access, current_access

logger = logging.getLogger(__name__)

_SCHEME = "experience://"


class EventBus:
    """Implements the SDK's `SubscriptionBus`, within this process."""

    def __init__(self) -> None:
        self._listeners: dict[object, tuple[Access, Callable[[ServerEvent], None]]] = {}

    async def publish(self, event: ServerEvent) -> None:
        """Publish an event; one that names no library goes to listeners with full access."""
        match event:
            case ResourceUpdated(uri=uri) if uri.startswith(_SCHEME):
                library = uri.removeprefix(_SCHEME).partition("/")[0]
                await self.publish_of(library, event)
            case ResourceUpdated() | ResourcesListChanged():
                await self._tell(event, lambda access: access.libraries is None)
            case _:
                await self._tell(event, lambda _: True)

    async def publish_of(self, library: str, event: ServerEvent) -> None:
        """Publish to listeners with access to the library."""
        await self._tell(event, lambda access: access.reaches(library))

    async def publish_of_any(self, libraries: Collection[str], event: ServerEvent) -> None:
        """Publish to listeners with access to at least one of the libraries."""
        await self._tell(event, lambda access: any(map(access.reaches, libraries)))

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register a listener with the caller's access; returns a function that removes it."""
        key = object()
        self._listeners[key] = (current_access.get(), listener)
        return lambda: _forget(self._listeners, key)

    async def _tell(self, event: ServerEvent, may_know: Callable[[Access], bool]) -> None:
        for access, listener in list(self._listeners.values()):
            if may_know(access):
                try:
                    listener(event)
                except Exception:  # one listener must not block the others
                    logger.exception("a listener failed")
        await checkpoint()  # so that they can drain between events


def _forget(
    listeners: dict[object, tuple[Access, Callable[[ServerEvent], None]]], key: object
) -> None:
    listeners.pop(key, None)
