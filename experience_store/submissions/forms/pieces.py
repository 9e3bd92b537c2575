"""What a message consists of, whatever its form: things said, tools called, results returned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from experience_store.submissions.clean_text import clean, cleaned
from experience_store.submissions.forms.values import from_json_text
from experience_store.trajectory import Message, ToolCall

RESULT_ROLES = frozenset({"tool", "function"})


@dataclass(frozen=True, slots=True)
class Said:
    """Text, or a thought."""

    text: str


@dataclass(frozen=True, slots=True)
class Called:
    """A tool call; the arguments are JSON text, or as they were written."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """The result of a tool call."""

    text: str
    name: str | None = None
    call_id: str | None = None


Piece: TypeAlias = Said | Called | Returned


def messages_of(
    role: str, pieces: Iterable[Piece], name: str | None = None, call_id: str | None = None
) -> tuple[Message, ...]:
    """The messages that a message becomes: each result that it holds is one of its own.

    Args:
        role: Who says and calls it.
        pieces: In order; a call that stands in two fields counts once.
        name: Name of the speaker, or of the tool.
        call_id: The call that a result belongs to.
    """
    made: list[Message] = []
    texts: list[str] = []
    calls = _Calls()

    def end() -> None:
        if texts or calls.all:
            made.append(_message(role, texts, calls.all, name, call_id))
        texts.clear()
        calls.clear()

    for piece in pieces:
        match piece:
            case Said(text):
                texts.append(text)
            case Called():
                calls.add(piece)
            case Returned(text, tool, id_):
                end()
                tool = tool or (name if role in RESULT_ROLES else None)
                made.append(_message("tool", [text], [], tool, id_ or call_id))
            case _:
                assert_never(piece)
    end()
    return tuple(made) or (_message(role, [], [], name, call_id),)


def with_text(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The messages, with more text at the end of the last."""
    if not text:
        return tuple(messages)
    *others, last = messages
    return (*others, replace(last, text=clean("\n".join(t for t in (last.text, text) if t))))


class _Calls:
    """The calls of a message, each once: some forms write each in two fields."""

    def __init__(self) -> None:
        self.all: list[Called] = []
        self._places: dict[tuple[str, str], list[int]] = {}  # by id and name

    def clear(self) -> None:
        self.all.clear()
        self._places.clear()

    def add(self, new: Called) -> None:
        """Add a call, unless it is there already."""
        places = [] if new.id is None else self._places.setdefault((new.id, new.name), [])
        for place in places:
            known = self.all[place]
            if _arguments(new) in ({}, _arguments(known)):
                return
            if _arguments(known) == {}:
                self.all[place] = new
                return
        places.append(len(self.all))
        self.all.append(new)


def _message(
    role: str,
    texts: Iterable[str],
    calls: Iterable[Called],
    name: str | None,
    call_id: str | None,
) -> Message:
    return Message(
        role=role,
        text=clean("\n".join(t for t in texts if t)),
        tool_calls=tuple(ToolCall(clean(c.name), clean(c.arguments), cleaned(c.id)) for c in calls),
        name=cleaned(name),
        tool_call_id=cleaned(call_id),
    )


def _arguments(call: Called) -> object:
    return from_json_text(call.arguments)
