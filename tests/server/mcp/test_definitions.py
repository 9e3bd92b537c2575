"""Every API takes the definitions: some refuse all tools for one object without properties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client

from experience_store.submissions.forms.values import Json, is_list, is_object
from server.mcp.build import build_server
from server.settings import Settings


def faults(schema: object, place: str) -> Iterator[str]:
    """What an API may refuse in a schema."""
    assert is_object(schema)
    kind = schema.get("type")
    if kind == "object" and not schema.get("properties"):
        yield f"{place}: object without properties"
    if kind == "array" and not schema.get("items"):
        yield f"{place}: array without items"
    if kind is None and "anyOf" not in schema:
        yield f"{place}: without a type"
    for name, inner in inside(schema):
        yield from faults(inner, f"{place}.{name}")


def inside(schema: Json) -> Iterator[tuple[str, object]]:
    """The schemas in a schema."""
    for name, value in schema.items():
        if name in {"properties", "$defs"} and is_object(value):
            yield from value.items()
        elif name in {"items", "additionalProperties"} and is_object(value) and value:
            yield name, value
        elif name in {"anyOf", "oneOf", "allOf"} and is_list(value):
            yield from ((name, inner) for inner in value)


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "object"}, "object without properties"),
        ({"type": "object", "additionalProperties": True}, "object without properties"),
        ({"type": "array"}, "array without items"),
        ({"type": "array", "items": {}}, "array without items"),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "object without properties"),
        ({"type": "object", "properties": {"a": {"description": "b"}}}, "without a type"),
    ],
)
def test_the_check_finds_faults(schema: object, fault: str) -> None:
    assert any(fault in found for found in faults(schema, "schema"))


async def test_no_tool_has_a_schema_that_an_api_refuses(database: Path) -> None:
    async with Client(build_server(Settings(database, administration=True))) as client:
        tools = (await client.list_tools()).tools

    assert len(tools) == 14
    found = [
        fault
        for tool in tools
        for kind, schema in (("input", tool.input_schema), ("output", tool.output_schema))
        for fault in faults(schema, f"{tool.name} {kind}")
    ]
    assert found == []
