"""Attempts that others recorded, shortened."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from experience_store.learning.transcript import Shortened, common_beginning, shorten
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Message, ToolCall, Trajectory
from tests.experience_store.learning.transcript.messages import attempt, said
from tests.parameters import first_of
from tests.paths import DATA, ROOT

TAU = DATA / "tau-bench-airline" / "rollouts.jsonl"
AIME = DATA / "aime-2024" / "groups.jsonl"
DATES = DATA / "korgym-datecount" / "groups.jsonl"
WRITES = re.compile(r"book_|cancel_|update_|send_certificate|transfer_to_human")


def rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        pytest.skip(f"no recorded attempts: {path} is absent")
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


@pytest.fixture(scope="module")
def rollouts() -> list[tuple[Message, ...]]:
    """What differs between the attempts of a group at customer service."""
    groups: dict[str, list[Trajectory]] = {}
    for row in rows(TAU):
        messages = tuple(recorded(raw) for raw in row["messages"])
        groups.setdefault(row["task_id"], []).append(attempt(*messages))
    own: list[tuple[Message, ...]] = []
    for group in groups.values():
        beginning = common_beginning(group)
        assert [m.role for m in beginning][:1] == ["system"]
        own += [t.messages[len(beginning) :] for t in group]
    return own


def recorded(raw: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(c["function"]["name"], c["function"]["arguments"], c["id"])
        for c in raw.get("tool_calls") or ()
    )
    return Message(raw["role"], raw["content"] or "", calls, None, raw.get("tool_call_id"))


def is_whole(made: ToolCall, text: str) -> bool:
    arguments = json.dumps(json.loads(made.arguments), separators=(",", ":"), ensure_ascii=False)
    return f" {made.name}({arguments})" in text or f" {made.name}(as in step" in text


@pytest.fixture(scope="module")
def shortened(rollouts: list[tuple[Message, ...]]) -> tuple[list[Shortened], float]:
    """Each of the rollouts within 900 tokens, and the seconds of processor time for one."""
    started = time.process_time()
    short = [shorten(messages, 900) for messages in rollouts]
    return short, (time.process_time() - started) / len(rollouts)


def test_customer_service_attempts_keep_their_changes_and_errors(
    rollouts: list[tuple[Message, ...]], shortened: tuple[list[Shortened], float]
) -> None:
    kept = total = 0
    for messages, short in zip(rollouts, shortened[0], strict=True):
        assert short.tokens == estimate_tokens(short.text) <= 900
        calls = [c for m in messages for c in m.tool_calls if WRITES.match(c.name)]
        total += len(calls)
        kept += sum(is_whole(c, short.text) for c in calls)
        errors = [m.text for m in messages if m.role == "tool" and m.text.startswith("Error")]
        assert all(f"→ {error}" in short.text for error in errors)
    assert total > 150
    assert kept / total > 0.97


@pytest.mark.parametrize("path", first_of(AIME, DATES), ids=["mathematics", "dates"])
@pytest.mark.exhaustive
def test_reasoning_keeps_its_final_answer(path: Path) -> None:
    for row in rows(path):
        for each in row["attempts"]:
            short = shorten([said(each["output"])], 225)
            assert short.tokens == estimate_tokens(short.text) <= 225
            lines = [line for line in each["output"].splitlines() if line.strip()]
            answers = [line for line in lines if each["final_answer"].strip() in line]
            assert not answers or answers[-1].rstrip() in short.text


def test_the_benchmark_says_when_there_are_no_recordings() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/shortening.py", "--data", "nowhere"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "not found in nowhere" in done.stderr


def test_recorded_attempts_are_shortened_quickly(shortened: tuple[list[Shortened], float]) -> None:
    assert shortened[1] < 0.1
