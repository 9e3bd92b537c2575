"""The recorded attempts and answers of `experience-mcp demo`.

The attempts are four plays of each of four tasks of the payables desk in `examples/`; the answers
are what a language model replied to the requests that the learner made of them. Both are real, and
`examples/payables/README.md` says how they are recorded again.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, TypeAdapter

LIBRARY = "payables"
AGENT_OBJECTIVE = "Processes supplier invoices at a boatyard's accounts-payable desk."
LEARNING_OBJECTIVE = "Follow the yard's unwritten conventions for booking and paying invoices."
NEXT_TASK = "Please process invoice CP-0958 from Corvin Paints."


class RecordedAttempt(BaseModel):
    """One attempt, as `examples.payables.play collect` writes it."""

    task_id: str
    task: str
    reward: float
    feedback: str
    messages: list[dict[str, object]]
    model: str


class RecordedAnswer(BaseModel):
    """What a model answered to a request, and a digest of the prompt that it answered."""

    prompt_digest: str
    model: str
    answer: dict[str, object]


class RecordedGroup(BaseModel):
    """The attempts at one task, in the form `submit_group` takes."""

    task: str
    group_id: str
    trajectories: list[dict[str, object]]


def groups() -> list[RecordedGroup]:
    """The recorded attempts as groups, in the order of their tasks."""
    made: dict[str, RecordedGroup] = {}
    for line in _read("attempts.jsonl").splitlines():
        attempt = RecordedAttempt.model_validate_json(line)
        group = made.setdefault(
            attempt.task_id,
            RecordedGroup(task=attempt.task, group_id=attempt.task_id, trajectories=[]),
        )
        group.trajectories.append(
            {
                "id": f"{attempt.task_id}-{len(group.trajectories) + 1}",
                "reward": attempt.reward,
                "feedback": attempt.feedback,
                "model": attempt.model,
                "messages": attempt.messages,
            }
        )
    return list(made.values())


@cache
def answers() -> dict[str, RecordedAnswer]:
    """The recorded answers by request id."""
    return TypeAdapter(dict[str, RecordedAnswer]).validate_json(_read("answers.json"))


def digest(prompt: str) -> str:
    """The fingerprint of a prompt, by which an answer is known to be the answer to it."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def _read(name: str) -> str:
    return (files("server.cli.demo_recording") / name).read_text(encoding="utf-8")
