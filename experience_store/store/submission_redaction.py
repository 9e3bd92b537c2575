"""Redaction of a submission, which every backend applies before it stores one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from experience_store.store.groups import Submission
from experience_store.trajectory import Message, ToolCall, Trajectory


def redacted_submission(submission: Submission) -> tuple[Submission, int]:
    """The submission without secrets, and how many were removed."""
    from experience_store.safety.redaction import redact  # noqa: PLC0415  # not before it is needed: start-up

    redactor = _Redactor(redact)
    clean = replace(
        submission,
        task=redactor.text(submission.task),
        ground_truth=redactor.optional(submission.ground_truth),
        trajectories=tuple(redactor.trajectory(t) for t in submission.trajectories),
    )
    return clean, redactor.count


class _Redactor:
    def __init__(self, redact: Callable[[str], tuple[str, int]]) -> None:
        self._redact = redact
        self.count = 0

    def text(self, text: str) -> str:
        clean, found = self._redact(text)
        self.count += found
        return clean

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)

    def trajectory(self, trajectory: Trajectory) -> Trajectory:
        """The attempt without secrets. Most have none, as one look at all its texts tells."""
        if not self._redact("\0".join(_texts(trajectory)))[1]:
            return trajectory
        return replace(
            trajectory,
            messages=tuple(self.message(m) for m in trajectory.messages),
            feedback=self.optional(trajectory.feedback),
            metadata=self.optional(trajectory.metadata),
        )

    def message(self, message: Message) -> Message:
        calls = tuple(
            ToolCall(self.text(c.name), self.text(c.arguments), c.id) for c in message.tool_calls
        )
        return replace(
            message,
            text=self.text(message.text),
            tool_calls=calls,
            name=self.optional(message.name),
        )


def _texts(trajectory: Trajectory) -> Iterator[str]:
    """All texts that the redactor looks at, without the NULs that will separate them."""
    for message in trajectory.messages:
        yield message.text.replace("\0", " ")
        yield message.name or ""
        for call in message.tool_calls:
            yield call.name
            yield call.arguments.replace("\0", " ")
    yield trajectory.feedback or ""
    yield trajectory.metadata or ""
