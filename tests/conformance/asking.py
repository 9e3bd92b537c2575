"""Tools of the conformance suite that ask the client for something before they answer.

Our own tools never do; what passes here is that nothing of ours stands in the way. At 2026-07-28
a tool answers with what it needs and is called again with it; before that it sent requests of its
own, which needs a connection that stays open.
"""

from __future__ import annotations

from typing import Any

from mcp import MCPError
from mcp.server.mcpserver import Context
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

from server.mcp.server import ExperienceServer
from tests.conformance.fixtures import text_result

Answer = CallToolResult | InputRequiredResult


def form(message: str, **properties: str) -> ElicitRequest:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(text: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=text))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=[message], max_tokens=100)
    )


NAME = form("What is your name?", name="string")
CONFIRM = form("Please confirm", ok="boolean")


def elicited(ctx: Context, key: str) -> dict[str, Any] | None:
    """What a form was filled with, if it was."""
    given = (ctx.input_responses or {}).get(key)
    return dict(given.content or {}) if isinstance(given, ElicitResult) else None


async def test_input_required_result_elicitation(ctx: Context) -> Answer:
    """Asks for a name."""
    given = elicited(ctx, "user_name")
    if given is None:
        return InputRequiredResult(input_requests={"user_name": NAME})
    return text_result(f"Hello, {given['name']}!")


async def test_input_required_result_sampling(ctx: Context) -> Answer:
    """Asks the client's model."""
    given = (ctx.input_responses or {}).get("capital_question")
    if not isinstance(given, CreateMessageResult):
        question = sampling("What is the capital of France?")
        return InputRequiredResult(input_requests={"capital_question": question})
    return text_result(f"It said: {given.content}")


async def test_input_required_result_list_roots(ctx: Context) -> Answer:
    """Asks for roots."""
    given = (ctx.input_responses or {}).get("client_roots")
    if not isinstance(given, ListRootsResult):
        return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
    return text_result(f"Roots: {', '.join(str(root.uri) for root in given.roots)}")


async def test_input_required_result_request_state(ctx: Context) -> Answer:
    """Asks, and recognises its own state."""
    if elicited(ctx, "confirm") is None or ctx.request_state != "asked":
        return InputRequiredResult(input_requests={"confirm": CONFIRM}, request_state="asked")
    return text_result("state-ok")


async def test_input_required_result_tampered_state(ctx: Context) -> Answer:
    """Asks, with a state that must not be changed."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Context) -> Answer:
    """Asks for several things at once."""
    wanted = {
        "user_name": NAME,
        "greeting": sampling("Generate a greeting"),
        "client_roots": ListRootsRequest(),
    }
    if set(wanted) <= set(ctx.input_responses or {}):
        return text_result("all there")
    return InputRequiredResult(input_requests={**wanted}, request_state="several")


async def test_input_required_result_multi_round(ctx: Context) -> Answer:
    """Asks twice."""
    if ctx.request_state == "second" and elicited(ctx, "step2") is not None:
        return text_result("both there")
    if ctx.request_state == "first" and elicited(ctx, "step1") is not None:
        step = form("Step 2: What is your favorite color?", color="string")
        return InputRequiredResult(input_requests={"step2": step}, request_state="second")
    step = form("Step 1: What is your name?", name="string")
    return InputRequiredResult(input_requests={"step1": step}, request_state="first")


async def test_input_required_result_capabilities(ctx: Context) -> Answer:
    """Asks only for what the client can give."""
    able = ctx.client_capabilities
    if able is not None and able.sampling is not None:
        return InputRequiredResult(input_requests={"question": sampling("Well?")})
    if able is not None and able.elicitation is not None:
        return InputRequiredResult(input_requests={"user_name": NAME})
    return text_result("nothing to ask")


async def test_streaming_elicitation(ctx: Context) -> Answer:
    """Asks on the response's own stream."""
    return await test_input_required_result_elicitation(ctx)


async def test_missing_capability(ctx: Context) -> CallToolResult:
    """Needs sampling."""
    able = ctx.client_capabilities
    if able is None or able.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "needs sampling", needed)
    return text_result("could sample")


async def test_logging_tool() -> CallToolResult:
    """Would log if it were asked to; nobody asked."""
    return text_result("nothing logged")


def add_asking_tools(server: ExperienceServer) -> None:
    """Register them, and the prompt that asks."""
    for tool in (
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_tampered_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_capabilities,
        test_streaming_elicitation,
        test_missing_capability,
        test_logging_tool,
    ):
        server.add_tool(tool)

    @server.prompt(description="Asks for context")
    async def test_input_required_result_prompt(ctx: Context) -> str | InputRequiredResult:  # pyright: ignore[reportUnusedFunction]  # registered
        given = elicited(ctx, "user_context")
        if given is None:
            wanted = form("What context should the prompt use?", context="string")
            return InputRequiredResult(input_requests={"user_context": wanted})
        return f"Use this context: {given['context']}"
