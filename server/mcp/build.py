"""Put the MCP server together: tools, resources and prompts on one `ExperienceServer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.app import App
from server.mcp.prompts import add_prompts
from server.mcp.resources import add_resources
from server.mcp.schemas import ScopedTool
from server.mcp.server import ExperienceServer
from server.settings import Settings

if TYPE_CHECKING:
    from server.learning.models import Model


def build_server(settings: Settings, model: Model | None = None) -> ExperienceServer:
    """A server that is ready to run on any transport.

    Args:
        settings: The server's settings.
        model: Learns in place of the endpoint in the settings.
    """
    server = ExperienceServer(settings, model, _administration(settings))

    def app() -> App:
        return server.app

    add_resources(server, app)
    add_prompts(server, app)
    server.page_resources()
    return server


def _administration(settings: Settings) -> tuple[ScopedTool, ...]:
    if not settings.administration:
        return ()
    from server.mcp.admin.library_tools import administration_tools  # noqa: PLC0415  # seldom on: start-up

    return administration_tools()
