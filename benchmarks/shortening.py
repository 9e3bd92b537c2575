"""What survives when attempts are shortened: actions, errors, answers, at several budgets.

    python benchmarks/shortening.py [--data ../shared/data]

For every recorded attempt, without the beginning that its group shares:
- writes: calls that change the database and keep all their arguments, literally or told by how
  they differ from a later call that keeps all of its own
- errors: tool errors of which the whole text is kept
- answers: attempts that still hold the last line with their final answer (mathematics and dates),
  or that still show the last message of the agent (customer service)
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from experience_store.learning.transcript import Shortened, common_beginning, render, shorten
from experience_store.learning.transcript.dedup import show_by_change
from experience_store.learning.transcript.steps import TranscriptStep, steps_of, tidy
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Message, ToolCall, Trajectory

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = (225, 450, 900, 1800)
WRITES = re.compile(r"book_|cancel_|update_|send_certificate|transfer_to_human")
TOLD_BY_CHANGE = re.compile(r"as in step (\d+)")
SETS = {
    "tau-bench-airline": "rollouts.jsonl",
    "aime-2024": "groups.jsonl",
    "korgym-datecount": "groups.jsonl",
}


@dataclass(frozen=True)
class ComparedAttempt:
    """What one agent did after the shared beginning, and its final answer if it is one text."""

    messages: tuple[Message, ...]
    answer: str | None = None


@dataclass
class Tally:
    """How much survived at one budget."""

    kept: dict[str, int] = field(default_factory=dict[str, int])
    all: dict[str, int] = field(default_factory=dict[str, int])
    tokens: list[int] = field(default_factory=list[int])
    seconds: float = 0.0

    def count(self, what: str, survived: Iterable[bool]) -> None:
        """Add to what survived."""
        flags = list(survived)
        self.kept[what] = self.kept.get(what, 0) + sum(flags)
        self.all[what] = self.all.get(what, 0) + len(flags)

    def share(self, what: str) -> str:
        """The share of `what` that survived."""
        total = self.all.get(what, 0)
        return f"{self.kept[what] / total:6.1%}" if total else "     -"


def main() -> int:
    """Print the tables; 2 when there is no data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    data: Path = parser.parse_args().data
    missing = [name for name, file in SETS.items() if not (data / name / file).is_file()]
    if missing:
        print(f"no data: {', '.join(missing)} not found in {data}", file=sys.stderr)
        return 2
    for name, file in SETS.items():
        lines = (data / name / file).read_text(encoding="utf-8").split("\n")
        rows = [json.loads(line) for line in lines if line]
        attempts = list(_rollouts(rows) if file == "rollouts.jsonl" else _outputs(rows))
        _report(name, attempts)
    return 0


def _report(name: str, attempts: Sequence[ComparedAttempt]) -> None:
    full = [estimate_tokens(render(attempt.messages)) for attempt in attempts]
    print(f"\n{name}: {len(attempts)} attempts, median {median(full):.0f} tokens, max {max(full)}")
    print("  budget  writes  errors  answers  median tokens  ms/attempt")
    for budget in BUDGETS:
        tally = Tally()
        for attempt in attempts:
            _measure(attempt, budget, tally)
        shares = "  ".join(tally.share(what) for what in ("writes", "errors", "answers"))
        speed = 1000 * tally.seconds / len(attempts)
        print(f"  {budget:6}  {shares}  {median(tally.tokens):14.0f}  {speed:10.1f}")


def _measure(attempt: ComparedAttempt, budget: int, tally: Tally) -> None:
    started = time.perf_counter()
    short = shorten(attempt.messages, budget)
    tally.seconds += time.perf_counter() - started
    tally.tokens.append(short.tokens)
    steps = steps_of(attempt.messages)
    told = steps if not short.left_out else show_by_change(steps)
    tally.count("writes", (_complete(s, told, short) for s in told if WRITES.match(s.label)))
    errors = (s.returned for s in steps if s.returned and s.returned.startswith("Error"))
    tally.count("errors", (f"→ {tidy(error)}" in short.text for error in errors))
    tally.count("answers", [_answers(attempt, steps, short)])


def _complete(step: TranscriptStep, told: Sequence[TranscriptStep], short: Shortened) -> bool:
    """Whether all arguments of a call can be read in the shortened text."""
    shown = step.show(tidy(step.said or ""), None)
    if f"\n{shown}" not in f"\n{short.text}":
        return False
    other = TOLD_BY_CHANGE.match(step.said or "")
    return other is None or _complete(told[int(other[1]) - 1], told, short)


def _answers(attempt: ComparedAttempt, steps: Sequence[TranscriptStep], short: Shortened) -> bool:
    if attempt.answer is None:
        remarks = [s for s in steps if s.label == "assistant" and not s.is_call]
        return not remarks or f"\n{remarks[-1].number} assistant" in f"\n{short.text}"
    lines = [line for line in attempt.messages[-1].text.splitlines() if attempt.answer in line]
    return not lines or tidy(lines[-1]) in short.text


def _rollouts(rows: Sequence[dict[str, Any]]) -> Iterator[ComparedAttempt]:
    groups: dict[str, list[Trajectory]] = {}
    for row in rows:
        messages = tuple(_message(message) for message in row["messages"])
        groups.setdefault(row["task_id"], []).append(Trajectory(str(row["trial"]), messages))
    for group in groups.values():
        shared = len(common_beginning(group))
        yield from (ComparedAttempt(trajectory.messages[shared:]) for trajectory in group)


def _outputs(rows: Sequence[dict[str, Any]]) -> Iterator[ComparedAttempt]:
    for row in rows:
        for attempt in row["attempts"]:
            answer = str(attempt["final_answer"]).strip()
            yield ComparedAttempt((Message("assistant", attempt["output"]),), answer)


def _message(raw: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(call["function"]["name"], call["function"]["arguments"], call["id"])
        for call in raw.get("tool_calls") or ()
    )
    name, call_id = raw.get("name"), raw.get("tool_call_id")
    return Message(raw["role"], raw["content"] or "", calls, name, call_id)


if __name__ == "__main__":
    sys.exit(main())
