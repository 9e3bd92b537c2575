"""The command line of the payables desk."""

import json
from pathlib import Path

import pytest

from examples.payables.environment import MAX_TURNS
from examples.payables.play import main
from examples.payables.session import FILE

LOOK = ("get_invoice", '{"invoice_id": "BF-4410"}')
REFUSED = 2
WINNING = [
    LOOK,
    (
        "book_invoice",
        '{"invoice_id": "BF-4410", "supplier_id": "S-118", "amount": "440", "period": "2025-03"}',
    ),
    ("plan_payment", '{"invoice_id": "BF-4410", "day": "2025-03-12"}'),
]


@pytest.fixture
def session(tmp_path: Path) -> str:
    """Start an attempt at the task ``bolts`` and return its directory."""
    directory = str(tmp_path / "one")
    assert main(["start", "--session", directory, "--task", "bolts", "--model", "tester"]) == 0
    return directory


def call(session: str, name: str, arguments: str) -> int:
    """Call a tool and say something before."""
    return main(["call", "--session", session, name, arguments, "--say", f"now {name}"])


def finish(session: str) -> int:
    """End the attempt."""
    return main(["finish", "--session", session, "--say", "Done."])


def test_start_shows_the_system_message_the_tools_and_the_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["start", "--session", str(tmp_path), "--task", "bolts"])
    shown = capsys.readouterr().out
    assert "accounts-payable assistant" in shown
    assert '{"name": "book_invoice"' in shown
    assert "Please process invoice BF-4410 from Brekke Fasteners." in shown
    assert f"call --session {tmp_path} TOOL" in shown


def test_a_won_attempt_is_collected_with_all_its_messages(session: str, tmp_path: Path) -> None:
    for name, arguments in WINNING:
        assert call(session, name, arguments) == 0
    assert finish(session) == 0
    out = tmp_path / "attempts.jsonl"
    assert main(["collect", "--out", str(out), session]) == 0
    attempt = json.loads(out.read_text())
    assert list(attempt) == ["task_id", "task", "reward", "feedback", "messages", "model"]
    assert (attempt["task_id"], attempt["reward"], attempt["model"]) == ("bolts", 1.0, "tester")
    roles = [message["role"] for message in attempt["messages"]]
    assert roles == ["system", "user", *["assistant", "tool"] * 3, "assistant"]
    first, result = attempt["messages"][2:4]
    assert first["content"] == "now get_invoice"
    assert first["tool_calls"][0]["function"] == {"name": LOOK[0], "arguments": LOOK[1]}
    assert result["tool_call_id"] == first["tool_calls"][0]["id"]


def test_the_reward_is_not_shown_before_collect(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    finish(session)
    assert capsys.readouterr().out == "finished\n"


def test_nothing_can_be_called_after_finish(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    finish(session)
    assert call(session, *LOOK) == REFUSED
    assert finish(session) == REFUSED
    assert "the attempt is finished" in capsys.readouterr().err


def test_an_unknown_tool_is_an_error_that_the_agent_sees(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(session, "pay_now", "{}") == 0
    assert "E001 unknown function pay_now" in capsys.readouterr().out


def test_arguments_that_are_not_json_are_explained_and_leave_no_trace(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (Path(session) / FILE).read_text()
    assert call(session, "get_invoice", "invoice_id=BF-4410") == REFUSED
    assert "nothing was called, the arguments are not JSON" in capsys.readouterr().err
    assert (Path(session) / FILE).read_text() == before


def test_after_the_turn_limit_only_finish_is_allowed(
    session: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(MAX_TURNS):
        assert call(session, *LOOK) == 0
    assert call(session, *LOOK) == REFUSED
    assert "limit of 8 turns" in capsys.readouterr().err
    assert finish(session) == 0


def test_a_session_is_not_started_twice(session: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "--session", session, "--task", "paint"]) == REFUSED
    assert "a session already" in capsys.readouterr().err


def test_an_unknown_task_and_a_missing_session_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["start", "--session", str(tmp_path), "--task", "tea"]) == REFUSED
    assert call(str(tmp_path), *LOOK) == REFUSED
    shown = capsys.readouterr().err
    assert "the tasks are bolts, paint" in shown
    assert "no session in" in shown


def test_collect_skips_unfinished_attempts_and_says_so(
    session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "attempts.jsonl"
    assert main(["collect", "--out", str(out), session]) == 1
    assert out.read_text() == ""
    assert "not finished" in capsys.readouterr().err


def test_a_changed_log_does_not_replay(
    session: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(session, *LOOK)
    finish(session)
    log = Path(session) / FILE
    log.write_text(log.read_text().replace("540.00", "440.00"))
    assert main(["collect", "--out", str(tmp_path / "out"), session]) == REFUSED
    assert "do not replay" in capsys.readouterr().err
