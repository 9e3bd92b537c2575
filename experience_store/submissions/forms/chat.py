"""Chat messages: a role with content or parts, of OpenAI, Anthropic, Google and others.

They differ in the names of fields and in their content blocks, and mix both, so one reader takes
them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experience_store.submissions.forms.blocks import call_of, pieces_of, text_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.media import media_mark
from experience_store.submissions.forms.pieces import (
    RESULT_ROLES,
    Piece,
    Returned,
    Said,
    messages_of,
)
from experience_store.submissions.forms.roles import CALL_ROLES, plain_role, role_of
from experience_store.submissions.forms.values import (
    UnreadableError,
    as_list,
    as_name,
    as_text,
    data_text,
    from_json_text,
    is_object,
)
from experience_store.trajectory import Message

_CONTENT = ("content", "parts", "text", "message")
_THOUGHTS = (
    *("reasoning_content", "reasoning", "reasoning_text", "thinking", "thought", "thoughts"),
    *("thinking_blocks", "reasoning_details", "tool_plan"),
)
_CALLS = (
    *("tool_calls", "function_call", "tool_invocations", "tool_call_chunks"),
    "invalid_tool_calls",
)
_MORE = ("refusal", "artifact")
_RESULTS = ("tool_results",)
_MEDIA = (
    *("audio", "image", "images", "video", "videos", "files", "documents"),
    *("attachments", "experimental_attachments"),
)
_EXTRA = ("additional_kwargs", "provider_specific_fields")  # fields of an API, passed on
KNOWN = ("role", "content", "name", "tool_call_id", "refusal", *_THOUGHTS[:2], *_CALLS[:2], "parts")


def read_chat(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a chat message.

    Raises:
        UnreadableError: If its role is unknown, or a field that may hold content.
    """
    fields = Fields(value)
    written_role = fields.pop("role")
    role = role_of(written_role)
    is_result = role in RESULT_ROLES
    name = as_name(fields.take("name", "tool_name", *(["function"] if is_result else [])))
    call_id = as_name(fields.take("tool_call_id", "tool_use_id", "call_id"))
    pieces = [
        *_thoughts(fields),
        *_contents(fields, is_call=plain_role(written_role) in CALL_ROLES),
        *_calls(fields),
        *_more(fields),
    ]
    fields.refuse_rest(KNOWN, otherwise_empty=not pieces)
    return messages_of(role, pieces, name, call_id)


def _thoughts(fields: Fields) -> list[Piece]:
    """Thoughts, which some APIs give in several fields."""
    texts = [text_of(fields.pop(field)) for field in fields.among(_THOUGHTS)]
    return [Said(text) for text in dict.fromkeys(texts) if text]


def _contents(fields: Fields, *, is_call: bool) -> list[Piece]:
    pieces: list[Piece] = []
    for field in fields.among(_CONTENT):
        content = fields.pop(field)
        inner = from_json_text(content)
        new = call_of("?", inner) if is_call and is_object(inner) else pieces_of(content)
        if new != [Said(_joined(pieces))]:  # the text of the parts once more
            pieces = new if pieces == [Said(_joined(new))] else [*pieces, *new]
    return pieces


def _joined(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Said))


def _calls(fields: Fields) -> list[Piece]:
    return [
        piece
        for field in fields.among(_CALLS)
        for place, call in enumerate(as_list(fields.pop(field)))
        for piece in _call(call, field, place)
    ]


def _call(call: object, field: str, place: int) -> list[Piece]:
    inner = from_json_text(call)
    if not is_object(inner):
        raise UnreadableError("must be an object with name and arguments", field, place)
    return call_of("?", inner)


def _more(fields: Fields) -> list[Piece]:
    """What else a message may hold, beside content and calls."""
    pieces = [piece for field in fields.among(_MORE) for piece in pieces_of(fields.pop(field))]
    for field in fields.among(("error",)):
        error = fields.pop(field)
        pieces += (
            [] if error is None or isinstance(error, bool) else [Said(f"error: {as_text(error)}")]
        )
    for field in fields.among(_MEDIA):
        pieces += [Said(media_mark(field, item)) for item in as_list(fields.pop(field))]
    for field in fields.among(_RESULTS):
        pieces += [Returned(data_text(result)) for result in as_list(fields.pop(field))]
    for field in fields.among(_EXTRA):
        extra = fields.pop(field)
        rest = Fields(extra).rest() if is_object(extra) else extra
        pieces += [Said(data_text(rest))] if rest else []
    return pieces
