"""Chat messages: a role with content or parts, of OpenAI, Anthropic, Google and others.

They differ in the names of fields and in their content blocks, and mix both, so one reader takes
them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from experience_store.submissions.clean_text import cleaned
from experience_store.submissions.forms.blocks import call_of, failed_text, pieces_of, text_of
from experience_store.submissions.forms.fields import Fields
from experience_store.submissions.forms.media import media_mark
from experience_store.submissions.forms.pieces import (
    RESULT_ROLES,
    Called,
    Piece,
    Returned,
    Said,
    messages_of,
    with_text,
)
from experience_store.submissions.forms.roles import CALL_ROLES, plain_role, role_of
from experience_store.submissions.forms.values import (
    Json,
    UnreadableError,
    as_list,
    as_text,
    at,
    data_text,
    from_json_text,
    is_empty,
    is_object,
)
from experience_store.trajectory import Message

_CONTENT = ("content", "parts", "text", "message", "blocks", "items", "contents")
_THOUGHTS = (
    *("reasoning_content", "reasoning", "reasoning_text", "thinking", "thought", "thoughts"),
    *("thinking_blocks", "reasoning_details", "tool_plan"),
)
_CALLS = (
    *("tool_calls", "function_call", "tool_invocations", "tool_call_chunks"),
    *("invalid_tool_calls", "tool_call"),
)
_EXTRA = ("additional_kwargs", "provider_specific_fields")  # fields of an API, passed on
_LISTS = frozenset({"tool_calls", "function_call"})
_PASSED_ON = frozenset({*_THOUGHTS, "refusal", "audio", "citations", "name", "tool_call_id"})
KNOWN = ("role", "content", "name", "tool_call_id", "refusal", *_THOUGHTS[:2], *_CALLS[:2], "parts")


def read_chat(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Read a chat message.

    Raises:
        UnreadableError: If its role is unknown, or a field that may hold content.
    """
    fields = Fields(_with_extra(value))
    written_role = fields.pop("role")
    role = role_of(written_role)
    is_result = role in RESULT_ROLES
    name = fields.name("name", "tool_name", *(["function"] if is_result else []))
    call_id = fields.name("tool_call_id", "tool_use_id", "call_id")
    failed = is_result and fields.is_failure()
    may_be_empty = is_result and bool(fields.among(_CONTENT))
    pieces = [
        *_thoughts(fields),
        *_contents(fields, role, plain_role(written_role)),
        *_calls(fields),
        *_more(fields),
    ]
    rest = fields.checked_rest_text(KNOWN, otherwise_empty=not (pieces or may_be_empty))
    made = messages_of(role, _failed(pieces) if failed else pieces, name, call_id)
    if name and all(message.name != cleaned(name) for message in made):  # all are results of tools
        rest = "\n".join(text for text in (f"name: {name}", rest) if text)
    return with_text(made, rest)


def _with_extra(value: Mapping[str, object]) -> Json:
    """The fields with those of the API, which may say more, or the same in another form."""
    body = dict(value)
    for field in _EXTRA:
        extra, left = body.get(field), Json()
        if not is_object(extra):
            continue
        for name, inner in extra.items():
            if name in _LISTS:
                body[name] = [*as_list(body.get(name)), *as_list(inner)]
            elif name in _PASSED_ON and is_empty(body.get(name)):
                body[name] = inner
            elif inner != body.get(name):
                left[name] = inner
        body[field] = left
    return body


def _failed(pieces: Sequence[Piece]) -> list[Piece]:
    """The result of a call that failed, which says so."""
    text = "\n".join(piece.text for piece in pieces if isinstance(piece, Said))
    return [Said(failed_text(text)), *(p for p in pieces if not isinstance(p, Said))]


def _thoughts(fields: Fields) -> list[Piece]:
    """Thoughts, which some APIs give in several fields."""
    texts = [text_of(fields.pop(field)) for field in fields.among(_THOUGHTS)]
    return [Said(text) for text in dict.fromkeys(texts) if text]


def _contents(fields: Fields, role: str, written_role: str) -> list[Piece]:
    pieces: list[Piece] = []
    for field in fields.among(_CONTENT):
        with at(field):
            new = _content_pieces(fields.pop(field), role, written_role)
        if new != [Said(_joined(pieces))]:  # the text of the parts once more
            pieces = new if pieces == [Said(_joined(new))] else [*pieces, *new]
    return pieces


def _content_pieces(content: object, role: str, written_role: str) -> list[Piece]:
    inner = from_json_text(content)
    if written_role in CALL_ROLES and is_object(inner):
        return call_of("?", inner)
    pieces = pieces_of(content)
    if role in RESULT_ROLES and any(isinstance(piece, Called) for piece in pieces):
        return [Said(data_text(content))]  # data that looks like a call
    return pieces


def _joined(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Said))


def _calls(fields: Fields) -> list[Piece]:
    pieces: list[Piece] = []
    for field in fields.among(_CALLS):
        for place, call in enumerate(as_list(fields.pop(field))):
            if not is_empty(call):
                with at(field, place):
                    pieces += _call(from_json_text(call))
    return pieces


def _call(call: object) -> list[Piece]:
    if not is_object(call):
        raise UnreadableError("must be an object with name and arguments")
    return call_of("?", call)


def _more(fields: Fields) -> list[Piece]:
    """What else a message may hold, beside content and calls."""
    return [p for field in fields.among(_MORE) for p in _MORE[field](field, fields.pop(field))]


def _content(_field: str, value: object) -> list[Piece]:
    return pieces_of(value)


def _error(_field: str, value: object) -> list[Piece]:
    return [] if is_empty(value) or value is False else [Said(f"error: {as_text(value)}")]


def _media(field: str, value: object) -> list[Piece]:
    return [Said(media_mark(field, item)) for item in as_list(value)]


def _sources(field: str, value: object) -> list[Piece]:
    return [] if is_empty(value) else [Said(f"{field}: {data_text(value)}")]


def _results(_field: str, value: object) -> list[Piece]:
    return [Returned(data_text(result)) for result in as_list(value)]


_MORE: Mapping[str, Callable[[str, object], list[Piece]]] = {
    **dict.fromkeys(("refusal", "artifact"), _content),
    "error": _error,
    **dict.fromkeys(("audio", "image", "images", "video", "videos"), _media),
    **dict.fromkeys(("files", "documents", "attachments", "experimental_attachments"), _media),
    **dict.fromkeys(("citations", "search_results", "sources"), _sources),
    "tool_results": _results,
}
