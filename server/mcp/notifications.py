"""Change notifications: the event bus, and the form of each client's protocol revision.

A client of 2026-07-28 opens a stream (`subscriptions/listen`). One of a handshake revision
subscribes to resources one by one, and is told that the list changed once it has asked for the
list. The latter needs a lasting connection, so it is not offered over stateless HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from anyio.lowlevel import checkpoint
from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated, ServerEvent
from mcp_types import INVALID_REQUEST, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from experience_store.store import Store
from server.access import Access, current_access
from server.mcp.change_watcher import Changes, ChangeWatcher
from server.mcp.skills.folder import skill_name
from server.mcp.skills.served import uri_of

logger = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 1_000  # per connection
RequestContext = ServerRequestContext[Any, Any]
_SCHEME = "experience://"


class EventBus:
    """Implements the SDK's `SubscriptionBus`, within this process.

    Listeners receive events of the libraries they can access, with the access they had when they
    subscribed.
    """

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

        def remove() -> None:
            self._listeners.pop(key, None)

        return remove

    async def _tell(self, event: ServerEvent, may_know: Callable[[Access], bool]) -> None:
        for access, listener in list(self._listeners.values()):
            if may_know(access):
                try:
                    listener(event)
                except Exception:  # one listener must not block the others
                    logger.exception("a listener failed")
        await checkpoint()  # so that they can drain between events


def uris_of(library: str) -> tuple[str, ...]:
    """The resources that change when a library gets a new version."""
    library_itself = f"experience://{library}"
    below = (f"{library_itself}/info", f"{library_itself}/history")
    return (library_itself, *below, uri_of(skill_name(library)))


@dataclass(slots=True)
class _Subscriptions:
    """The subscriptions of one connection of a handshake revision."""

    uris: set[str] = field(default_factory=set[str])
    has_list: bool = False


class Notifications:
    """Who is subscribed, and how each is notified."""

    def __init__(self, bus: EventBus, store: Callable[[], Store]) -> None:
        """Create it; nothing runs before there is a subscriber.

        Args:
            bus: The bus to listening streams.
            store: Returns the open store.
        """
        self._bus = bus
        self._watcher = ChangeWatcher(store, self._tell)
        self._connections: dict[Connection, _Subscriptions] = {}
        self.to_connections = False

    @property
    def active(self) -> bool:
        """Whether there is a subscriber, so that changes are polled."""
        return self._watcher.active

    async def look(self) -> None:
        """Notify of changes now."""
        await self._watcher.look()

    async def notice(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware: register subscribers."""
        if ctx.method == "subscriptions/listen":
            async with self._watcher.watching():  # before the stream starts, to miss nothing
                return await call_next(ctx)
        if ctx.method == "resources/list" and self._may_tell(ctx):
            (await self._subscriptions(ctx)).has_list = True
        return await call_next(ctx)

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """Handle `resources/subscribe`."""
        subscriptions = await self._subscriptions(ctx)
        if len(subscriptions.uris) >= MAX_SUBSCRIPTIONS:
            raise MCPError(
                INVALID_REQUEST,
                f"this connection already has {MAX_SUBSCRIPTIONS} subscriptions: unsubscribe from "
                "one first",
            )
        subscriptions.uris.add(params.uri)
        return EmptyResult()

    async def unsubscribe(
        self, ctx: RequestContext, params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Handle `resources/unsubscribe`; an unknown subscription is not an error."""
        (await self._subscriptions(ctx)).uris.discard(params.uri)
        return EmptyResult()

    def _may_tell(self, ctx: RequestContext) -> bool:
        return self.to_connections and ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS

    async def _subscriptions(self, ctx: RequestContext) -> _Subscriptions:
        connection: Connection = ctx.session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the SDK has no public way
        if connection not in self._connections:
            await self._watcher.begin()
            if connection in self._connections:  # another request was faster
                self._watcher.end()
            else:
                self._connections[connection] = _Subscriptions()
                connection.exit_stack.callback(self._forget, connection)
        return self._connections[connection]

    def _forget(self, connection: Connection) -> None:
        del self._connections[connection]
        self._watcher.end()

    async def _tell(self, changes: Changes) -> None:
        for library in changes.updated:
            for uri in uris_of(library):
                await self._bus.publish_of(library, ResourceUpdated(uri=uri))
        await self._bus.publish_of_any(changes.listed, ResourcesListChanged())
        uris = [uri for library in changes.updated for uri in uris_of(library)]
        for connection, subscriptions in list(self._connections.items()):
            for uri in uris:
                if uri in subscriptions.uris:
                    await connection.send_resource_updated(uri)
            if changes.listed and subscriptions.has_list:
                await connection.send_resource_list_changed()
