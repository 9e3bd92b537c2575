"""From chat messages to steps: something said, or a tool call together with what it returned."""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from experience_store.learning.transcript.quoting import quote
from experience_store.trajectory import Message, ToolCall

_RESULT_ROLES = frozenset({"tool", "function"})
_JSON_STRING_OR_REST = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+', re.DOTALL)
_NOT_IN_A_LABEL = re.compile(r"[^\w./-]+")


@dataclass(frozen=True, slots=True)
class TranscriptStep:
    """One thing that happened.

    Attributes:
        number: Its place in the attempt, from 1.
        label: The role of the speaker, or the name of the tool.
        said: What was said, or the arguments of the call; None for a result without a call.
        returned: What the call returned; None for something said, or when nothing is recorded.
        is_call: Whether a tool was called.
    """

    number: int
    label: str
    said: str | None
    returned: str | None = None
    is_call: bool = False

    def show(self, said: str | None, returned: str | None) -> str:
        """The step as it stands in a transcript, with these words for what was said and returned.

        Each line but the first is indented, so that no text can pass itself off as another step.
        """
        shown = f"({said or ''})" if self.is_call else f": {said or '(empty)'}"
        shown = "" if said is None else shown
        result = f" → {returned}" if returned else ""
        return f"{self.number} {self.label}{shown}{result}".replace("\n", "\n  ")


def steps_of(messages: Sequence[Message]) -> list[TranscriptStep]:
    """The steps of an attempt in order; a result goes to its call, wherever it stands."""
    steps: list[TranscriptStep] = []
    waiting = _Waiting()
    for message in messages:
        if message.role in _RESULT_ROLES:
            _take_result(message, steps, waiting)
            continue
        if message.text.strip() or not message.tool_calls:
            steps.append(TranscriptStep(len(steps) + 1, _label(message.role), message.text))
        for call in message.tool_calls:
            waiting.add(call, len(steps))
            name = _label(call.name)
            steps.append(TranscriptStep(len(steps) + 1, name, call.arguments, is_call=True))
    return steps


def _take_result(message: Message, steps: list[TranscriptStep], waiting: _Waiting) -> None:
    """Give a result to its call; one that belongs to no call is a step of its own."""
    place = waiting.take(message)
    if place is None:
        name = _label(message.name or "tool")
        steps.append(TranscriptStep(len(steps) + 1, name, None, message.text))
    else:
        steps[place] = replace(steps[place], returned=message.text)


class _Waiting:
    """The calls that no result has answered yet, as the places of their steps."""

    def __init__(self) -> None:
        self._queues: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._answered: set[int] = set()

    def add(self, call: ToolCall, place: int) -> None:
        """A call was made."""
        for key in (("id", call.id or ""), ("name", call.name), ("any", "")):
            self._queues[key].append(place)

    def take(self, result: Message) -> int | None:
        """The place of the call that a result answers.

        By id it is the latest, for some agents use an id again; without one, the oldest of the
        tool, or the oldest of all where the result does not name its tool.
        """
        if result.tool_call_id is not None:
            queue = self._queues["id", result.tool_call_id]
            following = queue.pop
        else:
            queue = self._queues[("name", result.name) if result.name else ("any", "")]
            following = queue.popleft
        while queue:
            if (place := following()) not in self._answered:
                self._answered.add(place)
                return place
        return None


def tidy(text: str) -> str:
    """The text without what only takes room: blank lines, trailing spaces, spaces in JSON.

    Tags of ours that it holds are made harmless.
    """
    text = text.strip()
    if text[:1] in {"{", "["}:
        text = _minified(text)
    return quote("\n".join(line.rstrip() for line in text.splitlines() if line.strip()))


def _minified(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return "".join(_JSON_STRING_OR_REST.findall(text))


@lru_cache(maxsize=256)
def _label(name: str) -> str:
    return _NOT_IN_A_LABEL.sub("_", name.strip())[:64] or "unnamed"
