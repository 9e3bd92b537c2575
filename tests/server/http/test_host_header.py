"""Which Host and Origin headers are served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.server.cli.program import Program
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


async def test_a_refusal_names_what_came_and_the_option_that_allows_it(database: Path) -> None:
    told = {
        ("host", "Lessons.example"): "'lessons.example': .* with --allowed-host lessons.example",
        ("host", "lessons.example:99"): "'lessons.example:99': .* --allowed-host lessons.example",
        ("host", "[::2]:99"): r"'\[::2\]:99': .* with --allowed-host \[::2\]",
        ("host", 'a"b<script>'): "names no host: .*; --allowed-host adds one",
        ("host", "x" * 300): "names no host",
        ("origin", "https://app.example"): (
            "'https://app.example' .* with --allowed-origin https://app.example"
        ),
        ("origin", "null"): "pages without an origin, .* --allowed-origin",
        ("origin", "https://<script>"): "pages without an origin",
    }
    async with served_in_process(database) as server, server.http(**JSON) as http:
        for (header, value), words in told.items():
            answer = await http.post("/mcp", content=b"{}", headers={header: value})
            assert answer.status_code == (421 if header == "host" else 403)
            assert re.search(words, answer.json()["error"]["message"]), answer.text


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("--allowed-host", "https://lessons.example", "lessons.example:8443"),
        ("--allowed-host", "lessons.example/mcp", "lessons.example:8443"),
        ("--allowed-host", "*", "lessons.example:8443"),
        ("--allowed-origin", "app.example", "https://app.example"),
        ("--allowed-origin", "https://app.example/", "https://app.example"),
        ("--allowed-origin", "*", "https://app.example"),
    ],
)
def test_a_host_or_origin_that_could_never_match_is_refused(
    database: Path, option: str, value: str, hint: str
) -> None:
    refused = Program(database).run("serve", "--http", "0", option, value, fails=2)
    assert f"Invalid value for '{option}'" in refused.stderr
    assert f"'{value}' is not" in refused.stderr
    assert hint in refused.stderr


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
