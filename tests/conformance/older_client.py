# type: ignore  # it runs in an environment of its own, on another release of the SDK
"""A host of before: a client on the SDK's 1.x that uses everything it can, and tells what it saw.

`older_client.py URL` over HTTP, `older_client.py COMMAND...` over stdio. It knows nothing of this
project but the names that clients may rely on.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import PromptReference, ResourceUpdatedNotification
from pydantic import AnyUrl

TASK = "Cancel the reservation"
ATTEMPTS = [
    {"output": "I checked the rules, then booked.", "reward": 1},
    {"output": "I booked at once.", "reward": 0},
]
ANSWER = {
    "reasons": "The winner checked.",
    "operations": [{"operation": "Add", "name": "Check", "text": "When booking, check the rules."}],
}
LIBRARY = AnyUrl("experience://lib")


@asynccontextmanager
async def streams(where):
    if where[0].startswith("http"):
        async with streamablehttp_client(where[0]) as (read, write, _):
            yield read, write
    else:
        server = StdioServerParameters(command=where[0], args=where[1:])
        async with stdio_client(server) as (read, write):
            yield read, write


async def call(session, tool, **arguments):
    result = await session.call_tool(tool, arguments)
    assert not result.isError, result.content
    assert result.content[0].text
    return result.structuredContent


async def use(session, heard):
    begun = await session.initialize()
    saw = {"version": begun.protocolVersion, "capabilities": begun.capabilities.model_dump()}
    saw["tools"] = [tool.name for tool in (await session.list_tools()).tools]
    saw["before"] = await call(session, "get_experiences", task=TASK, library="lib")
    saw["submitted"] = await call(
        session, "submit_group", task=TASK, trajectories=ATTEMPTS, library="lib"
    )
    if begun.capabilities.resources.subscribe:
        await session.subscribe_resource(LIBRARY)
    asked = await call(session, "update_experiences", library="lib")
    answers = [{"request_id": r["request_id"], "answer": ANSWER} for r in asked["requests"]]
    saw["published"] = await call(
        session, "submit_answers", update_id=asked["update_id"], answers=answers
    )
    saw["after"] = await call(session, "get_experiences", task=TASK, library="lib")
    saw["libraries"] = await call(session, "list_libraries")
    if begun.capabilities.resources.subscribe:
        saw["told"] = str(await asyncio.wait_for(heard.get(), 30))
        await session.unsubscribe_resource(LIBRARY)
    saw["resources"] = [str(r.uri) for r in (await session.list_resources()).resources]
    templates = await session.list_resource_templates()
    saw["templates"] = [t.uriTemplate for t in templates.resourceTemplates]
    saw["text"] = (await session.read_resource(LIBRARY)).contents[0].text
    saw["prompts"] = [p.name for p in (await session.list_prompts()).prompts]
    prompt = await session.get_prompt("solve_with_experiences", {"task": TASK, "library": "lib"})
    saw["prompt"] = prompt.messages[0].content.text
    solve = PromptReference(type="ref/prompt", name="solve_with_experiences")
    completed = await session.complete(solve, {"name": "library", "value": "l"})
    saw["completed"] = completed.completion.values
    return saw


async def main(where):
    heard = asyncio.Queue()

    async def on_message(message):
        if isinstance(getattr(message, "root", None), ResourceUpdatedNotification):
            heard.put_nowait(message.root.params.uri)

    async with (
        streams(where) as (read, write),
        ClientSession(read, write, message_handler=on_message) as session,
    ):
        print(json.dumps(await use(session, heard)))


asyncio.run(main(sys.argv[1:]))
