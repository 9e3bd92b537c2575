"""How often verifiers err: on a table of phrasings, and against rewards that others recorded.

    python benchmarks/verifiers.py [--data ../shared/data] [--errors]

A false negative is a right answer that does not earn 1, a false positive a wrong one that does. The
table is `tests/server/practice/verifiers/phrasings/`. `--errors` prints what is judged wrongly.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from server.practice.records import Rollout, Task  # noqa: E402  # found by the path above
from server.practice.verifiers import Verifier, VerifierError, make_verifier  # noqa: E402  # too
from tests.server.practice.verifiers.phrasing_table import phrasings  # noqa: E402  # too

VERIFIERS = ("math", "number", "match")
RECORDED = {"aime-2024": VERIFIERS, "korgym-datecount": ("match",)}  # which can read its truths


@dataclass(frozen=True)
class Case:
    """An answer to be scored, and whether it is right."""

    source: str
    verifier: str
    truth: str
    text: str
    right: bool


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--errors", action="store_true", help="print what is judged wrongly")
    arguments = parser.parse_args()
    table = [Case(f"table, {p.part}", p.verifier, p.truth, p.text, p.right) for p in phrasings()]
    asyncio.run(_measure([*table, *_recorded(arguments.data)], errors=arguments.errors))


def _recorded(data: Path) -> Iterator[Case]:
    for name, verifiers in RECORDED.items():
        path = data / name / "groups.jsonl"
        if not path.is_file():
            print(f"no data: {path} not found", file=sys.stderr)
            continue
        groups = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for verifier in verifiers:
            for group in groups:
                for attempt in group["attempts"]:
                    right = attempt["reward"] == 1
                    yield Case(name, verifier, group["ground_truth"], attempt["output"], right)


async def _measure(cases: Sequence[Case], *, errors: bool) -> None:
    print("source               verifier  false negatives     false positives")
    for name in VERIFIERS:
        verifier = make_verifier(name, judge=None)
        own = [case for case in cases if case.verifier == name]
        wrong = [case for case in own if await _earns(verifier, case) != case.right]
        await verifier.close()
        for source in dict.fromkeys(case.source for case in own):
            rates = [_rate(own, wrong, source, right=right) for right in (True, False)]
            print(f"{source:20} {name:8}  {'    '.join(rates)}")
        for case in wrong if errors else ():
            print(f"    {'missed' if case.right else 'taken'} {case.truth!r}: {case.text[-200:]!r}")


def _rate(own: Sequence[Case], wrong: Sequence[Case], source: str, *, right: bool) -> str:
    everything = sum(case.source == source and case.right == right for case in own)
    bad = sum(case.source == source and case.right == right for case in wrong)
    return f"{bad:4} of {everything:4} {bad / max(everything, 1):6.1%}"


async def _earns(verifier: Verifier, case: Case) -> bool:
    """Whether it is given the reward; one that is unscored is not."""
    task = Task(id="task", prompt="", ground_truth=case.truth)
    try:
        score = await verifier.verify(task, Rollout(messages=[], answer=case.text))
    except VerifierError:
        return False
    return score.reward == 1


if __name__ == "__main__":
    main()
