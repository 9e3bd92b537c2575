"""Functions as tools, their schemas without what costs tokens and says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field, TypeAdapter

from server.access import Scope


class ScopedTool(Tool):
    """A tool that only callers with its scope see and may call."""

    scope: Scope = Field(default=Scope.ADMINISTER, exclude=True)


def make_tool(
    function: Callable[..., object],
    title: str,
    scope: Scope,
    *,
    reads: bool,
    idempotent: bool,
    destroys: bool = False,
) -> ScopedTool:
    """A function as a tool: its docstring is what models read."""
    tool = ScopedTool.from_function(
        function,
        title=title,
        description=" ".join((function.__doc__ or "").split()),
        annotations=ToolAnnotations(
            read_only_hint=reads,
            destructive_hint=destroys,
            idempotent_hint=idempotent,
            open_world_hint=False,
        ),
    )
    assert isinstance(tool, ScopedTool), "made as one"
    tool.scope = scope
    tool.parameters = _compact(tool.parameters)
    if tool.fn_metadata.output_schema is not None:
        schema = _compact(tool.fn_metadata.output_schema)
        schema.pop("description", None)
        tool.fn_metadata.output_schema = schema
    return tool


def _compact(schema: Mapping[str, object]) -> dict[str, Any]:
    """A schema without the titles and null defaults that cost tokens and say nothing."""
    return {
        key: _compact_value(key, value)
        for key, value in schema.items()
        if key != "title" and not (key == "default" and not value)
    }


def _compact_value(key: str, value: object) -> object:
    if isinstance(value, dict):
        mapping = _SCHEMA.validate_python(value)
        if key in {"properties", "$defs"}:
            return {name: _compact_value("", inner) for name, inner in mapping.items()}
        return _compact(mapping)
    if isinstance(value, list):
        return [_compact_value("", item) for item in _ITEMS.validate_python(value)]
    return value


_SCHEMA = TypeAdapter(dict[str, object])
_ITEMS = TypeAdapter(list[object])
