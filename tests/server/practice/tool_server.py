"""A small MCP server for agents in tests: it counts, looks up, fails, hangs, and dies.

It speaks the protocol's lines by itself: importing the SDK takes longer than most of these tests.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

_METHOD_NOT_FOUND = -32601
_calls: list[int] = []


def look_up(number: object) -> str:
    """What the tree of a number is called."""
    if not isinstance(number, int):
        raise TypeError("number: must be an integer")
    _calls.append(number)
    return f"TRUTH-IS-{number} (call {len(_calls)} of this server)"


def fail(reason: object) -> str:
    """Fails, for a reason."""
    raise ValueError(reason)


def hang() -> str:
    """Does not come back."""
    time.sleep(600)
    return "at last"


def die() -> str:
    """Ends the server in the middle of the call."""
    print("out of numbers", file=sys.stderr, flush=True)  # noqa: T201  # its log
    os._exit(3)


_TOOLS: Mapping[str, tuple[Callable[..., str], Mapping[str, object]]] = {
    "look_up": (look_up, {"number": {"type": "integer"}}),
    "fail": (fail, {"reason": {"type": "string"}}),
    "hang": (hang, {}),
    "die": (die, {}),
}


def _tool(name: str) -> dict[str, object]:
    function, properties = _TOOLS[name]
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": function.__doc__, "inputSchema": schema}


def _called(name: str, arguments: Mapping[str, object]) -> dict[str, object]:
    failed = False
    try:
        text = _TOOLS[name][0](**arguments)
    except (TypeError, ValueError) as error:
        text, failed = str(error), True
    return {"content": [{"type": "text", "text": text}], "isError": failed}


def _answer(method: str, params: Mapping[str, Any]) -> dict[str, object]:
    match method:
        case "initialize":
            result: dict[str, object] = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "numbers", "version": "1"},
            }
        case "tools/list":
            result = {"tools": [_tool(name) for name in _TOOLS]}
        case "tools/call":
            result = _called(params["name"], params.get("arguments") or {})
        case _:
            return {"error": {"code": _METHOD_NOT_FOUND, "message": f"{method} is not here"}}
    return {"result": result}


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" in asked:
            said = _answer(asked["method"], asked.get("params") or {})
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("this server never starts")
    main()
