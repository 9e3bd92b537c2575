"""OpenTelemetry traces, switched on as docs/http.md says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.child_process import cli_command
from tests.server.cli.program import Program
from tests.server.http.serving import JSON, started, tool_call

INSTRUMENT = Path(sys.executable).parent / "opentelemetry-instrument"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TO_STDOUT = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


def spans(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand one behind the other."""
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        span, end = decoder.raw_decode(text)
        yield span
        text = text[end:]


@pytest.mark.skipif(not INSTRUMENT.exists(), reason="opentelemetry-distro is not installed")
@pytest.mark.exhaustive
async def test_a_call_is_one_trace_from_client_to_tool(database: Path, tmp_path: Path) -> None:
    program = Program(database)
    command = [str(INSTRUMENT), *cli_command("serve", "--http", "0")]
    asked = {**JSON, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "x-request-id": "mine"}
    output = tmp_path / "spans"
    with output.open("wb") as stdout:
        async with started(command, program.environment(**TO_STDOUT), stdout) as server:
            async with server.http(**asked) as http:
                await http.post("/mcp", content=tool_call("list_libraries", {}))
            server.signal()
            assert await server.ended() == 0

    found = {(s["kind"], s["name"]): s for s in spans(output.read_text())}
    request = found["SpanKind.SERVER", "POST /mcp"]
    tool = found["SpanKind.SERVER", "tools/call list_libraries"]
    assert {s["context"]["trace_id"] for s in (request, tool)} == {f"0x{TRACE}"}
    assert tool["attributes"]["gen_ai.tool.name"] == "list_libraries"
    assert tool["attributes"]["experience_mcp.request_id"] == "mine"
    assert request["attributes"]["http.status_code"] == 200
