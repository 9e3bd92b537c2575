"""Which Host and Origin headers are served."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.http.in_process import served_in_process
from tests.server.http.serving import JSON, stored_groups, submission, tool_call


@pytest.mark.parametrize("path", ["/mcp", "/health", "/ready", "/metrics"])
async def test_foreign_hosts_and_origins_are_refused(database: Path, path: str) -> None:
    body = tool_call("submit_group", submission())
    async with served_in_process(database) as server, server.http(**JSON) as http:
        port = http.base_url.port
        foreign = {
            421: [
                {"host": "evil.example"},
                {"host": f"evil.example:{port}"},
                {"host": "127.0.0.1"},
            ],
            403: [{"origin": "http://evil.example"}, {"origin": "null"}],
        }
        for status, wrong in foreign.items():
            for headers in wrong:
                answer = await http.post(path, content=body, headers=headers)
                assert answer.status_code == status, headers
    assert stored_groups(database) == []


async def test_own_hosts_and_origins_are_accepted(database: Path) -> None:
    async with served_in_process(database) as server, server.http(**JSON) as http:
        port = http.base_url.port
        for name in ("127.0.0.1", "localhost", "[::1]"):
            own = {"host": f"{name}:{port}", "origin": f"http://{name}:{port}"}
            answer = await http.post("/mcp", content=tool_call("list_libraries", {}), headers=own)
            assert answer.status_code == 200


async def test_allowed_hosts_and_their_pages_match_case_insensitively(database: Path) -> None:
    async with (
        served_in_process(database, "--allowed-host", "Lessons.example") as server,
        server.http(**JSON) as http,
    ):
        port = http.base_url.port
        answers = [
            (await http.post("/mcp", content=tool_call("list_libraries", {}), headers=headers))
            for headers in (
                {"host": "lessons.example", "origin": "https://lessons.example"},
                {"host": "LESSONS.example", "origin": "https://Lessons.Example:8443"},
                {"host": f"LOCALHOST:{port}", "origin": f"http://LocalHost:{port}"},
                {"host": "lessons.example", "origin": "https://lessons.example.evil.org"},
                {"host": "lessons.example", "origin": "https://evil.example"},
            )
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403, 403]
