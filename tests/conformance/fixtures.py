"""What the protocol's conformance suite asks a server to hold, put on a server of our factory.

The suite calls tools, resources and prompts by names of its own. They are registered here, for
these tests only; everything around them (the transport, the checks of requests, listing, paging,
announcing, caching) is the product's.
"""

from __future__ import annotations

import json

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp_types import (
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)

from server.mcp.server import ExperienceServer

# A PNG of one pixel, and a WAV of no samples.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8"
    "z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="


def text_result(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    resource = TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return EmbeddedResource(type="resource", resource=resource)


def image() -> ImageContent:
    return ImageContent(type="image", data=PIXEL, mime_type="image/png")


def add_fixtures(server: ExperienceServer) -> None:
    """Register all of them."""
    from tests.conformance.asking import add_asking_tools  # noqa: PLC0415  # it uses the above

    _add_tools(server)
    _add_noticeable_tools(server)
    _add_resources(server)
    _add_prompts(server)
    add_asking_tools(server)


def _add_tools(server: ExperienceServer) -> None:
    def test_simple_text() -> CallToolResult:
        """Answers with text."""
        return text_result("This is a simple text response for testing.")

    def test_image_content() -> CallToolResult:
        """Answers with an image."""
        return CallToolResult(content=[image()])

    def test_audio_content() -> CallToolResult:
        """Answers with sound."""
        return CallToolResult(
            content=[AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")]
        )

    def test_embedded_resource() -> CallToolResult:
        """Answers with a resource inside."""
        text = "This is an embedded resource content."
        return CallToolResult(content=[embedded("test://embedded-resource", "text/plain", text)])

    def test_multiple_content_types() -> CallToolResult:
        """Answers with several kinds of content."""
        data = json.dumps({"test": "data", "value": 123})
        return CallToolResult(
            content=[
                TextContent(type="text", text="Multiple content types test:"),
                image(),
                embedded("test://mixed-content-resource", "application/json", data),
            ]
        )

    def test_error_handling() -> CallToolResult:
        """Fails."""
        raise ValueError("This tool intentionally returns an error for testing")

    for tool in (
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
    ):
        server.add_tool(tool)


def _add_noticeable_tools(server: ExperienceServer) -> None:
    """Tools that send notifications while they run, or because of what they do."""

    async def test_tool_with_progress(ctx: Context) -> CallToolResult:
        """Reports how far it is."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100)
        return text_result("done")

    async def test_trigger_tool_change(ctx: Context) -> CallToolResult:
        """Says that the list of tools changed."""
        await ctx.notify_tools_changed()
        return text_result("told")

    async def test_trigger_prompt_change(ctx: Context) -> CallToolResult:
        """Says that the list of prompts changed."""
        await ctx.notify_prompts_changed()
        return text_result("told")

    for tool in (test_tool_with_progress, test_trigger_tool_change, test_trigger_prompt_change):
        server.add_tool(tool)


def _add_resources(server: ExperienceServer) -> None:
    @server.resource("test://static-text", description="Text", mime_type="text/plain")
    def static_text() -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", description="A picture", mime_type="image/png")
    def static_binary() -> bytes:  # pyright: ignore[reportUnusedFunction]  # registered
        from base64 import b64decode  # noqa: PLC0415  # for this one

        return b64decode(PIXEL)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def from_template(id: str) -> str:  # noqa: A002  # pyright: ignore[reportUnusedFunction]  # the suite's name
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _add_prompts(server: ExperienceServer) -> None:
    @server.prompt(description="Without arguments")
    def test_simple_prompt() -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return "This is a simple prompt for testing."

    @server.prompt(description="With arguments")
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt(description="With a resource inside")
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:  # noqa: N803  # pyright: ignore[reportUnusedFunction]  # the suite's name
        text = "Embedded resource content for testing."
        return [
            UserMessage(embedded(resourceUri, "text/plain", text)),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt(description="With a picture inside")
    def test_prompt_with_image() -> list[Message]:  # pyright: ignore[reportUnusedFunction]  # registered
        return [UserMessage(image()), UserMessage("Please analyze the image above.")]
