"""What the benchmarks work on: recorded groups with signal, and libraries of made-up lessons."""

from __future__ import annotations

import json
import random
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experience_store.operations import Add
from experience_store.store import Submission
from experience_store.submissions.read_submission import read_submission
from experience_store.testing import sensible_answer

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
FILES = {
    "tau-bench": "tau-bench-airline/rollouts.jsonl",
    "korgym": "korgym-datecount/groups.jsonl",
    "aime": "aime-2024/groups.jsonl",
}
_WORD = re.compile(r"[A-Za-z]{2,20}")


@dataclass(frozen=True)
class Recorded:
    """One recorded group, as a client submits it.

    Attributes:
        trajectories: As `submit_group` takes them.
    """

    dataset: str
    task: str
    ground_truth: str
    trajectories: list[dict[str, Any]]

    @property
    def has_signal(self) -> bool:
        """Whether there are winners and losers."""
        return len({t["reward"] for t in self.trajectories}) > 1

    def arguments(self, library: str) -> dict[str, Any]:
        """The arguments of `submit_group`."""
        return {
            "task": self.task,
            "ground_truth": self.ground_truth,
            "trajectories": self.trajectories,
            "library": library,
        }

    def submission(self) -> Submission:
        """The group as the store takes it."""
        return read_submission(
            task=self.task, ground_truth=self.ground_truth, trajectories=self.trajectories
        )


def arguments_or_exit(doc: str | None, parser: ArgumentParser | None = None) -> Namespace:
    """The arguments, with `data` among them; exits with 2 when there is no data."""
    parser = parser or ArgumentParser()
    parser.description = (doc or "").splitlines()[0]
    parser.add_argument("--data", type=Path, default=DATA, help="default: %(default)s")
    arguments = parser.parse_args()
    missing = [file for file in FILES.values() if not (arguments.data / file).is_file()]
    if missing:
        print(f"no data: {', '.join(missing)} not found in {arguments.data}", file=sys.stderr)
        sys.exit(2)
    return arguments


def recorded(data: Path) -> dict[str, list[Recorded]]:
    """The groups with signal of each data set, in the order of the files."""
    return {
        name: [group for group in _groups(name, _rows(data / file)) if group.has_signal]
        for name, file in FILES.items()
    }


def tasks(data: Path) -> list[str]:
    """Every task that was recorded, of groups without signal too."""
    found = (row["task"] for file in FILES.values() for row in _rows(data / file))
    return list(dict.fromkeys(found))


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def _groups(name: str, rows: Sequence[dict[str, Any]]) -> Iterator[Recorded]:
    if name != "tau-bench":
        for row in rows:
            attempts = [_attempt(a, output=a["output"]) for a in row["attempts"]]
            yield Recorded(name, row["task"], row["ground_truth"], attempts)
        return
    trials: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        trials.setdefault(row["task_id"], []).append(row)
    for group in trials.values():
        truth = json.dumps(group[0]["ground_truth_actions"])
        attempts = [_attempt(row, messages=row["messages"]) for row in group]
        yield Recorded(name, group[0]["task"], truth, attempts)


def _attempt(row: dict[str, Any], **content: object) -> dict[str, Any]:
    more = {"model": row["model"]} if "model" in row else {}
    return {"reward": row["reward"], **content, **more}


def lessons(data: Path, count: int) -> list[Add]:
    """Made-up lessons in the words of the recorded tasks and attempts, all different."""
    groups = [group for name in recorded(data).values() for group in name]
    texts = [json.dumps(t, ensure_ascii=False) for g in groups for t in g.trajectories]
    words = [word.lower() for text in (*tasks(data), *texts) for word in _WORD.findall(text)]
    chance = random.Random(7)  # the same library at every run
    made: dict[str, Add] = {}
    while len(made) < count:
        text = f"When {_some(words, chance)}, {_some(words, chance)}."
        made[text] = Add(_some(words, chance, 2, 4).capitalize(), text)
    return list(made.values())


def _some(words: Sequence[str], chance: random.Random, least: int = 8, most: int = 14) -> str:
    """Words in the order in which they were written, so that they are as frequent as in texts."""
    start = chance.randrange(len(words) - most)
    return " ".join(words[start : start + chance.randint(least, most)])


def right_answer(request_id: str, prompt: str) -> str:
    """What `sensible_answer` says; recorded JSON in a prompt must not look like a form to it."""
    if not request_id.startswith("summarise"):
        prompt = prompt.replace('{"summary"', '{ "summary"')
    return sensible_answer(prompt)


def verdict(value: float, bound: float) -> str:
    """Whether a value keeps its budget."""
    return "ok" if value <= bound else "OVER"
