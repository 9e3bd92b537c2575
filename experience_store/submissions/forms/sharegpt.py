"""ShareGPT's messages, as of many data sets for fine-tuning: `from` and `value`."""

from __future__ import annotations

from collections.abc import Mapping

from experience_store.submissions.forms.chat import read_chat
from experience_store.trajectory import Message


def is_sharegpt(value: Mapping[str, object]) -> bool:
    """Whether it is one of ShareGPT's messages."""
    return "from" in value and "value" in value and not {"role", "content"} & value.keys()


def read_sharegpt(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a ShareGPT message.

    Raises:
        UnreadableError: As for chat messages.
    """
    names = {"from": "role", "value": "content"}
    return read_chat({names.get(name, name): inner for name, inner in value.items()})
