"""Tells clients what changed, in the way of their era.

A client of 2026-07-28 listens (`subscriptions/listen`) for what it names. One of the handshake era
subscribes to resources one by one, and hears that the list changed once it has asked for the
list; that takes a connection that lasts, so over HTTP, where every request stands for itself, it
is not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp_types import INVALID_REQUEST, EmptyResult, SubscribeRequestParams, UnsubscribeRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from experience_store.store import Store
from server.mcp.change_watcher import Changes, ChangeWatcher
from server.mcp.event_bus import EventBus
from server.mcp.skills.naming import skill_name
from server.mcp.skills.served import uri_of

MAX_SUBSCRIPTIONS = 1_000  # of one connection
RequestContext = ServerRequestContext[Any, Any]


def uris_of(library: str) -> tuple[str, ...]:
    """The resources that say something else when a library has a new version."""
    library_itself = f"experience://{library}"
    below = (f"{library_itself}/info", f"{library_itself}/history")
    return (library_itself, *below, uri_of(skill_name(library)))


@dataclass(slots=True)
class _Hearer:
    """What a connection of the handshake era wants to hear of."""

    uris: set[str] = field(default_factory=set[str])
    has_list: bool = False


class Notifications:
    """Who wants to hear of changes, and how each is told."""

    def __init__(self, bus: EventBus, store: Callable[[], Store]) -> None:
        """Make it; nothing runs before somebody listens.

        Args:
            bus: Leads to the streams of those who listen.
            store: The open store.
        """
        self._bus = bus
        self._watcher = ChangeWatcher(store, self._tell)
        self._hearers: dict[Connection, _Hearer] = {}
        self.to_connections = False

    @property
    def awake(self) -> bool:
        """Whether somebody wants to hear, so that changes are looked for."""
        return self._watcher.active

    async def look(self) -> None:
        """Tell at once of what changed."""
        await self._watcher.look()

    async def notice(self, ctx: RequestContext, call_next: CallNext) -> HandlerResult:
        """Middleware of the server: notices who begins to care for changes."""
        if ctx.method == "subscriptions/listen":
            async with self._watcher.watching():  # before the stream begins, to miss nothing
                return await call_next(ctx)
        if ctx.method == "resources/list" and self._may_tell(ctx):
            (await self._hearer(ctx)).has_list = True
        return await call_next(ctx)

    async def subscribe(self, ctx: RequestContext, params: SubscribeRequestParams) -> EmptyResult:
        """Take a subscription of the handshake era."""
        hearer = await self._hearer(ctx)
        if len(hearer.uris) >= MAX_SUBSCRIPTIONS:
            raise MCPError(
                INVALID_REQUEST,
                f"there are {MAX_SUBSCRIPTIONS} subscriptions on this connection already: "
                "unsubscribe from one first",
            )
        hearer.uris.add(params.uri)
        return EmptyResult()

    async def unsubscribe(
        self, ctx: RequestContext, params: UnsubscribeRequestParams
    ) -> EmptyResult:
        """Give a subscription up; one that there is not is as good as given up."""
        (await self._hearer(ctx)).uris.discard(params.uri)
        return EmptyResult()

    def _may_tell(self, ctx: RequestContext) -> bool:
        return self.to_connections and ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS

    async def _hearer(self, ctx: RequestContext) -> _Hearer:
        connection: Connection = ctx.session._connection  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # the SDK shows it in no other way
        if connection not in self._hearers:
            await self._watcher.begin()
            if connection in self._hearers:  # another request was faster
                self._watcher.end()
            else:
                self._hearers[connection] = _Hearer()
                connection.exit_stack.callback(self._forget, connection)
        return self._hearers[connection]

    def _forget(self, connection: Connection) -> None:
        del self._hearers[connection]
        self._watcher.end()

    async def _tell(self, changes: Changes) -> None:
        for library in changes.updated:
            for uri in uris_of(library):
                await self._bus.publish_of(library, ResourceUpdated(uri=uri))
        await self._bus.publish_of_any(changes.listed, ResourcesListChanged())
        uris = [uri for library in changes.updated for uri in uris_of(library)]
        for connection, hearer in list(self._hearers.items()):
            for uri in uris:
                if uri in hearer.uris:
                    await connection.send_resource_updated(uri)
            if changes.listed and hearer.has_list:
                await connection.send_resource_list_changed()
