"""The tools of the payables desk as a language model sees them: schemas in, JSON text out."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import cast

from .environment import Desk, Result, ToolError

ARGUMENTS = {
    "invoice_id": "Invoice number",
    "order_id": "Order number",
    "supplier_id": "Number of a supplier record, such as S-101",
    "item_id": "Number of an open item",
    "name": "Name",
    "person": "Full name",
    "amount": "Amount, such as 120.00",
    "period": "Accounting period, YYYY-MM",
    "day": "Date, YYYY-MM-DD",
    "reason": "What has to be cleared up",
}

Tool = Callable[..., Result]
TOOLS: Mapping[str, Tool] = {
    name: tool
    for name, tool in inspect.getmembers(Desk, inspect.isfunction)
    if not name.startswith("_")
}


def call_tool(desk: Desk, name: str, arguments: str) -> str:
    """Run a tool with JSON arguments; refusals are returned as text too."""
    try:
        result = _run(desk, name, arguments)
    except ToolError as error:
        result = {"error": str(error)}
    return json.dumps(result, default=str)


def tool_schemas() -> list[dict[str, object]]:
    """Describe all tools in the form of OpenAI function calling."""
    return [{"type": "function", "function": _schema(n, tool)} for n, tool in TOOLS.items()]


def _run(desk: Desk, name: str, arguments: str) -> Result:
    tool = TOOLS.get(name)
    if tool is None:
        raise ToolError("E001", name)
    return tool(desk, **_parse(tool, arguments))


def _schema(name: str, tool: Tool) -> dict[str, object]:
    needed = _needed(tool)
    parameters = {
        "type": "object",
        "properties": {a: {"type": "string", "description": ARGUMENTS[a]} for a in needed},
        "required": needed,
        "additionalProperties": False,
    }
    return {"name": name, "description": inspect.getdoc(tool), "parameters": parameters}


def _needed(tool: Tool) -> list[str]:
    return list(inspect.signature(tool).parameters)[1:]


def _parse(tool: Tool, arguments: str) -> dict[str, str]:
    try:
        parsed: object = json.loads(arguments)
    except ValueError as error:
        raise ToolError("E002", f": {error}") from error
    if not isinstance(parsed, dict):
        raise ToolError("E002")
    given = {str(k): str(v) for k, v in cast("dict[object, object]", parsed).items()}
    if sorted(given) != sorted(_needed(tool)):
        raise ToolError("E003", ", ".join(_needed(tool)))
    return given
