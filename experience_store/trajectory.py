"""What an agent did: attempts at a task, and the groups they are compared in.

A reward is any real number, or None. None means *unscored*, which is not zero: if the verifier
failed, nothing is known about how well the attempt went. Rewards are compared within one group
only, so any scale works.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One tool call; `arguments` is JSON text as the model wrote it."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. Non-text parts (images, audio) are named, not kept."""

    role: str
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One attempt at a task: chat messages, or plain output as a single assistant message.

    Attributes:
        id: Unique in its group; given by the client, or derived from the content.
        messages: Chat messages, in order; never empty.
        reward: Real number on any scale, or None if unscored.
        feedback: The verifier's comment, if any.
        retrieval_id: The `get_experiences` call whose result the attempt was given.
        model: The model that made the attempt.
        metadata: The client's metadata, a JSON object as text.
    """

    id: str
    messages: tuple[Message, ...]
    reward: float | None = None
    feedback: str | None = None
    retrieval_id: str | None = None
    model: str | None = None
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Attempts at one task under the same circumstances: the paper's G rollouts of a query."""

    id: str
    task: str
    trajectories: tuple[Trajectory, ...]
    ground_truth: str | None = None
    created_at: datetime | None = None

    def scored(self) -> tuple[Trajectory, ...]:
        """The attempts that have a reward."""
        return tuple(t for t in self.trajectories if t.reward is not None)

    def spread(self) -> float:
        """Largest minus smallest reward of the scored attempts; 0 with fewer than two."""
        rewards = [t.reward for t in self.trajectories if t.reward is not None]
        return max(rewards) - min(rewards) if len(rewards) > 1 else 0.0

    def has_signal(self, min_spread: float) -> bool:
        """Whether winners differ from losers: the spread exceeds `min_spread`."""
        return self.spread() > min_spread


def messages_to_json(messages: tuple[Message, ...]) -> str:
    """Messages as compact JSON in the OpenAI chat format, as stored."""
    return json.dumps([_to_json(m) for m in messages], ensure_ascii=False, separators=(",", ":"))


def fingerprint(messages: str) -> str:
    """A digest of `messages_to_json`, equal for attempts with the same messages."""
    return hashlib.sha256(messages.encode()).hexdigest()[:16]


def _to_json(message: Message) -> dict[str, object]:
    plain: dict[str, object] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        plain["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.name is not None:
        plain["name"] = message.name
    if message.tool_call_id is not None:
        plain["tool_call_id"] = message.tool_call_id
    return plain


def messages_from_json(text: str) -> tuple[Message, ...]:
    """Parse what `messages_to_json` wrote."""
    return tuple(
        Message(
            role=plain["role"],
            text=plain["content"],
            tool_calls=tuple(
                ToolCall(call["function"]["name"], call["function"]["arguments"], call.get("id"))
                for call in plain.get("tool_calls", ())
            ),
            name=plain.get("name"),
            tool_call_id=plain.get("tool_call_id"),
        )
        for plain in _messages_adapter().validate_json(text)
    )


class _FunctionJson(TypedDict):
    name: str
    arguments: str


class _CallJson(TypedDict):
    id: str | None
    type: str
    function: _FunctionJson


class _MessageJson(TypedDict):
    role: str
    content: str
    tool_calls: NotRequired[list[_CallJson]]
    name: NotRequired[str]
    tool_call_id: NotRequired[str]


@cache
def _messages_adapter() -> TypeAdapter[list[_MessageJson]]:
    """Made when it is needed: it takes as long as the rest of the module."""
    return TypeAdapter(list[_MessageJson])
