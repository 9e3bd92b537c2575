from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import cache
from types import FunctionType

import pytest
from mcp.server.mcpserver.prompts import base
from mcp.server.mcpserver.resources import templates
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata, func_metadata
from pydantic import BaseModel

from server.learning.models.parameters import forget_endpoints


@pytest.fixture(autouse=True)
def unknown_endpoints() -> None:
    """What one test's endpoint declined says nothing of the next one on the same port."""
    forget_endpoints()


@pytest.fixture(autouse=True, scope="session")
def each_signature_read_once() -> Generator[None]:
    """Each MCP server makes models and schemas of its functions' arguments: most of its start."""
    read_before: dict[object, FuncMetadata] = {}

    def read(
        func: FunctionType, skip_names: Sequence[str] = (), structured_output: bool | None = None
    ) -> FuncMetadata:
        key = (func.__code__, *skip_names, structured_output)
        if key not in read_before:
            read_before[key] = func_metadata(func, skip_names, structured_output)
        return read_before[key]

    schema_of = BaseModel.model_json_schema.__func__

    @cache
    def make(model: type[BaseModel], by_alias: bool) -> dict[str, object]:  # as given
        return schema_of(model, by_alias=by_alias)

    def json_schema(model: type[BaseModel], *, by_alias: bool = True) -> dict[str, object]:
        return make(model, by_alias)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "func_metadata", read)
        patch.setattr(templates, "func_metadata", read)
        patch.setattr(ArgModelBase, "model_json_schema", classmethod(json_schema))
        yield
