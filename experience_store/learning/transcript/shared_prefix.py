"""The messages that all attempts of a group share, so that a prompt shows them once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from experience_store.trajectory import Message, Trajectory

_INSTRUCTIONS = frozenset({"system", "developer"})
_RESULTS = frozenset({"tool", "function"})


def common_beginning(trajectories: Sequence[Trajectory]) -> tuple[Message, ...]:
    """The messages with which all attempts begin alike, whatever the ids of their tool calls.

    It leaves every attempt at least one message, and parts no call from its results. Of a single
    attempt it is at most the system messages and the first user message.
    """
    if not trajectories:
        return ()
    length = _alike(trajectories) if len(trajectories) > 1 else _setting(trajectories[0].messages)
    length = min(length, *(len(t.messages) - 1 for t in trajectories))
    while length > 0 and any(t.messages[length].role in _RESULTS for t in trajectories):
        length -= 1
    return trajectories[0].messages[: max(length, 0)]


def _alike(trajectories: Sequence[Trajectory]) -> int:
    rows = zip(*(t.messages for t in trajectories), strict=False)
    return sum(1 for _ in takewhile(lambda row: len({_content(m) for m in row}) == 1, rows))


def _content(message: Message) -> tuple[object, ...]:
    calls = tuple((call.name, call.arguments) for call in message.tool_calls)
    return message.role, message.text, message.name, calls


def _setting(messages: Sequence[Message]) -> int:
    length = sum(1 for _ in takewhile(lambda m: m.role in _INSTRUCTIONS, messages))
    return length + (length < len(messages) and messages[length].role == "user")
