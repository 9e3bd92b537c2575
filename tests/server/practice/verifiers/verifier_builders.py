"""Short ways to make what verifiers are asked, and to ask them."""

from __future__ import annotations

from pathlib import Path

from server.practice.records import Rollout, Task
from server.practice.verifiers import (
    Verifier,
)

LONG_ENOUGH = 60.0
HOSTILE = r"\boxed{9^{9^{9^{9}}}}"


def task(truth: str | None = None, prompt: str = "What is it?", name: str = "t1") -> Task:
    return Task(id=name, prompt=prompt, ground_truth=truth)


def said(answer: str) -> Rollout:
    return Rollout(messages=[{"role": "assistant", "content": answer}], answer=answer)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def reward(verifier: Verifier, truth: str, answer: str) -> float | None:
    return (await verifier.verify(task(truth), said(answer))).reward


def absent(_name: str) -> None:
    """In the place of `find_spec`: the package is not there."""
