"""Chat messages as steps: an utterance, or a tool call with its result.

Also here: text made safe for a prompt (`tidy`, `quote`), and the messages that all attempts of a
group start with (`common_beginning`), which a prompt shows once.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile

from experience_store.trajectory import Message, ToolCall, Trajectory

INSTRUCTION_ROLES = frozenset({"system", "developer"})
_RESULT_ROLES = frozenset({"tool", "function"})
_JSON_STRING_OR_REST = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"]+', re.DOTALL)
_NOT_IN_A_LABEL = re.compile(r"[^\w./-]+")

_UNSEEN = "\\xad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff"
_BETWEEN = rf"[\s/\\{_UNSEEN}]*"  # what a reader would overlook
_HARMLESS = "\u2039"  # looks like '<'
_TAGS = "attempt|task|experiences|ground_truth|feedback|circumstances|proposals|examples"
_NAMES = "|".join(f"[{_UNSEEN}]*".join(name) for name in _TAGS.split("|"))
_OPENS_A_TAG = re.compile(rf"<(?={_BETWEEN}(?:{_NAMES}))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TranscriptStep:
    """One step of an attempt.

    Attributes:
        number: Position in the attempt, from 1.
        label: Role of the speaker, or name of the tool.
        said: The utterance, or the arguments of the call; None for a result without a call.
        returned: Result of the call; None for an utterance, or if no result is recorded.
        is_call: Whether it is a tool call.
    """

    number: int
    label: str
    said: str | None
    returned: str | None = None
    is_call: bool = False

    def show(self, said: str | None, returned: str | None) -> str:
        """The step in a transcript, with these texts in place of its own.

        All lines but the first are indented, so that no text can imitate another step.
        """
        shown = f"({said or ''})" if self.is_call else f": {said or '(empty)'}"
        shown = "" if said is None else shown
        result = f" → {returned}" if returned else ""
        return f"{self.number} {self.label}{shown}{result}".replace("\n", "\n  ")


def steps_of(messages: Sequence[Message]) -> list[TranscriptStep]:
    """The steps of an attempt in order; each result is attached to its call."""
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
    """Attach a result to its call; a result without a call is a step of its own."""
    place = waiting.take(message)
    if place is None:
        name = _label(message.name or "tool")
        steps.append(TranscriptStep(len(steps) + 1, name, None, message.text))
    else:
        steps[place] = replace(steps[place], returned=message.text)


class _Waiting:
    """Calls without a result so far, by the indices of their steps."""

    def __init__(self) -> None:
        self._queues: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
        self._answered: set[int] = set()

    def add(self, call: ToolCall, place: int) -> None:
        """Add a call."""
        for key in (("id", call.id or ""), ("name", call.name), ("any", "")):
            self._queues[key].append(place)

    def take(self, result: Message) -> int | None:
        """The index of the call that a result belongs to.

        With an id, that is the latest call, as some agents reuse ids; without one, the oldest call
        of the tool, or the oldest of all if the result does not name its tool.
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
    """The text without blank lines, trailing spaces and spaces in JSON, and quoted."""
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


def quote(text: str) -> str:
    """Untrusted text that cannot open or close a tag of a prompt.

    Each `<` that starts such a tag is replaced; nothing else changes. Quoting is idempotent.
    """
    return _OPENS_A_TAG.sub(_HARMLESS, text)


def common_beginning(trajectories: Sequence[Trajectory]) -> tuple[Message, ...]:
    """The messages that all attempts start with, ignoring ids of tool calls.

    Every attempt keeps at least one message of its own, and no call is separated from its results.
    For a single attempt, these are at most the system messages and the first user message.
    """
    if not trajectories:
        return ()
    length = _alike(trajectories) if len(trajectories) > 1 else _setting(trajectories[0].messages)
    length = min(length, *(len(t.messages) - 1 for t in trajectories))
    while length > 0 and any(t.messages[length].role in _RESULT_ROLES for t in trajectories):
        length -= 1
    return trajectories[0].messages[: max(length, 0)]


def _alike(trajectories: Sequence[Trajectory]) -> int:
    rows = zip(*(t.messages for t in trajectories), strict=False)
    return sum(1 for _ in takewhile(lambda row: len({_content(m) for m in row}) == 1, rows))


def _content(message: Message) -> tuple[object, ...]:
    calls = tuple((call.name, call.arguments) for call in message.tool_calls)
    return message.role, message.text, message.name, calls


def _setting(messages: Sequence[Message]) -> int:
    length = sum(1 for _ in takewhile(lambda m: m.role in INSTRUCTION_ROLES, messages))
    return length + (length < len(messages) and messages[length].role == "user")
