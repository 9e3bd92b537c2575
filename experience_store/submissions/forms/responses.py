"""Items that are no messages: reasoning, calls and their results.

They are of OpenAI's Responses API, Gemini's Interactions and Mistral's Conversations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from experience_store.submissions.forms.blocks import call_of, pieces_of, result_of
from experience_store.submissions.forms.media import media_mark
from experience_store.submissions.forms.pieces import messages_of
from experience_store.submissions.forms.values import words
from experience_store.trajectory import Message

_OTHERS = words(
    "reasoning thought compaction mcp_list_tools mcp_approval_request mcp_approval_response "
    "agent.handoff"
)
_OUTPUTS = ("_call_output", "_result", ".result")
_CALLS = ("_call", ".call", ".execution")
_LAST_WORD = re.compile(r"[._][a-z]+$")


def is_item(value: Mapping[str, object]) -> bool:
    """Whether it is such an item."""
    kind = value.get("type")
    if not isinstance(kind, str) or "role" in value:
        return False
    return kind.endswith((*_CALLS, *_OUTPUTS)) or kind in _OTHERS


def read_item(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read an item."""
    kind = str(value["type"])
    item = {name: inner for name, inner in value.items() if name != "type"}
    if kind.endswith(_OUTPUTS):
        pieces = result_of(kind, item)
    elif kind == "image_generation_call":
        item["result"] = media_mark("image", item.get("result"))
        pieces = call_of("image_generation", item)
    elif kind.endswith(_CALLS):
        pieces = call_of(_LAST_WORD.sub("", kind), item)
    else:
        pieces = pieces_of([value])
    return messages_of("assistant", pieces)
