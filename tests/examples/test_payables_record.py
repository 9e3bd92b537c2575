"""Recording attempts against a scripted endpoint on this machine."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypedDict

import pytest

from examples.payables.environment import MAX_TURNS
from examples.payables.record import main
from examples.payables.session import Message

pytest.importorskip("openai")

BOOKING = {"invoice_id": "BF-4410", "supplier_id": "S-118", "amount": "440", "period": "2025-03"}
PAYMENT = {"invoice_id": "BF-4410", "day": "2025-03-13"}
SCRIPT: list[list[tuple[str, dict[str, str]]]] = [
    [("get_invoice", {"invoice_id": "BF-4410"}), ("get_order", {"order_id": "O-611"})],
    [("book_invoice", BOOKING)],
    [("plan_payment", PAYMENT)],
    [],
]


class Request(TypedDict):
    """What of a request the endpoint looks at."""

    model: str
    messages: list[Message]
    tools: list[object]


class Endpoint(BaseHTTPRequestHandler):
    """Answers by how many messages the assistant has written; three models, three manners."""

    requests: list[Request]

    def do_POST(self) -> None:
        """Answer a request for a chat completion."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request: Request = json.loads(body)
        self.requests.append(request)
        if request["model"] == "broken":
            self.reply(400, {"error": {"message": "no such model"}})
            return
        turn = sum(message["role"] == "assistant" for message in request["messages"])
        calls = SCRIPT[0] if request["model"] == "endless" else SCRIPT[turn]
        self.reply(200, completion(calls, turn))

    def reply(self, status: int, answer: dict[str, object]) -> None:
        """Send JSON."""
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object, **kwargs: object) -> None:
        """Keep quiet."""


def completion(calls: list[tuple[str, dict[str, str]]], turn: int) -> dict[str, object]:
    """Make the answer of the endpoint."""
    message: dict[str, object] = {"role": "assistant", "content": f"turn {turn}"}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"{turn}-{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(calls)
        ]
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    head = {"id": "1", "object": "chat.completion", "created": 0, "model": "scripted"}
    return {**head, "choices": [choice]}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the endpoint while a test runs."""
    monkeypatch.setattr(Endpoint, "requests", [], raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def record(endpoint: str, out: Path, model: str, attempts: int = 1) -> int:
    """Record attempts at the task ``bolts``."""
    options = ["--model", model, "--base-url", endpoint, "--attempts", str(attempts)]
    return main(["--out", str(out), "--tasks", "bolts", *options])


def test_attempts_are_recorded_in_the_form_of_play(endpoint: str, tmp_path: Path) -> None:
    out = tmp_path / "attempts.jsonl"
    assert record(endpoint, out, "scripted", attempts=2) == 0
    first, second = (json.loads(line) for line in out.read_text().splitlines())
    assert first == second
    assert list(first) == ["task_id", "task", "reward", "feedback", "messages", "model"]
    assert (first["task_id"], first["reward"], first["model"]) == ("bolts", 1.0, "scripted")
    roles = [message["role"] for message in first["messages"]]
    pair = ["assistant", "tool"]
    assert roles == ["system", "user", *pair, "tool", *pair, *pair, "assistant"]
    assert first["messages"][-1] == {"role": "assistant", "content": "turn 3"}


def test_the_endpoint_is_sent_the_tools_and_the_messages_so_far(
    endpoint: str, tmp_path: Path
) -> None:
    record(endpoint, tmp_path / "out", "scripted")
    assert [len(request["messages"]) for request in Endpoint.requests] == [2, 5, 7, 9]
    tools = json.dumps(Endpoint.requests[0]["tools"])
    assert '"type": "function"' in tools
    assert '"name": "plan_payment"' in tools


def test_an_attempt_ends_at_the_limit_of_turns_and_is_verified_as_it_stands(
    endpoint: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert record(endpoint, out, "endless") == 0
    attempt = json.loads(out.read_text())
    assert len(Endpoint.requests) == MAX_TURNS
    assert attempt["reward"] == 0.0
    assert "neither booked" in attempt["feedback"]


def test_an_attempt_that_the_endpoint_aborts_is_omitted_and_reported(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert record(endpoint, out, "broken") == 1
    assert out.read_text() == ""
    assert "bolts: attempt failed: " in capsys.readouterr().err


def test_an_unknown_task_is_refused_before_anything_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    refused = 2
    assert main(["--out", str(out), "--model", "m", "--tasks", "bolts,tea"]) == refused
    assert "there is no tea" in capsys.readouterr().err
    assert not out.exists()


def test_without_a_key_or_an_endpoint_it_says_what_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["--out", str(tmp_path / "out"), "--model", "some"]) == 2
    assert "set OPENAI_API_KEY, or name an endpoint with --base-url" in capsys.readouterr().err
