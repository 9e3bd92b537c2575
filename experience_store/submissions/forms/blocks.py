"""Content blocks: the parts of a message, in the forms of all APIs.

A block says by its type what it is, or by its only field (Gemini, Bedrock). Fields that its reader
does not take are kept as JSON, and so is a block that no reader knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from experience_store.submissions.forms.fields import Fields, snake_case
from experience_store.submissions.forms.media import media_mark
from experience_store.submissions.forms.pieces import Called, Piece, Returned, Said
from experience_store.submissions.forms.values import (
    Json,
    as_name,
    as_text,
    data_text,
    from_json_text,
    is_empty,
    is_list,
    is_object,
    words,
)

Reader: TypeAlias = Callable[[str, Json], list[Piece]]

_TYPE_FIELDS = ("type", "part_kind", "kind")
_CALL_IDS = ("tool_call_id", "call_id", "tool_use_id", "id")
_WORDS = (
    *("text", "thinking", "reasoning", "reasoning_text", "reasoning_content", "thought"),
    *("refusal", "summary", "content", "value", "transcript"),
)
_RESULTS = (
    *("content", "output", "outputs", "result", "results", "response", "return_value"),
    *("error_text", "error", "value"),
)


def pieces_of(content: object) -> list[Piece]:
    """What a content holds: text, a block, a list of both, or data."""
    if isinstance(content, str):
        return [Said(content)] if content else []
    if content is None:
        return []
    if is_object(content):
        reader = _reader_of(content)
        return reader(content) if reader else [Said(data_text(content))]
    if is_list(content) and _has_blocks(content):
        return [piece for item in content for piece in _pieces_of_item(item)]
    return [Said(data_text(content))]


def text_of(content: object) -> str:
    """The text of a content; what is not text in it, as JSON."""
    pieces = pieces_of(content)
    texts = [piece.text for piece in pieces if isinstance(piece, Said)]
    return "\n".join(texts) if len(texts) == len(pieces) else data_text(content)


def call_of(kind: str, block: Mapping[str, object]) -> list[Piece]:
    """A tool call, with its result if that is beside it.

    Args:
        kind: Name of the tool if there is none; such calls have fields of their own.
        block: The call; its name and arguments may stand in an object inside it.
    """
    fields = Fields(_unwrapped(block))
    id_ = as_name(fields.take(*_CALL_IDS))
    name = as_name(fields.take("name", "tool_name", "tool"))
    arguments = fields.take("arguments", "args", "input", "parameters", "partial_json")
    returned = _result_field(fields)
    rest = fields.rest()
    if arguments is None and rest:
        arguments, rest = rest, {}
    call = Called(name or kind, "{}" if arguments is None else as_text(arguments), id_)
    more: list[Piece] = [Said(data_text(rest))] if rest else []
    result = [Returned(text_of(returned), name or kind, id_)] if returned is not None else []
    return [*more, call, *result]


def result_of(_kind: str, block: Mapping[str, object]) -> list[Piece]:
    """The result of a tool call."""
    fields = Fields(block)
    id_ = as_name(fields.take(*_CALL_IDS))
    name = as_name(fields.take("name", "tool_name"))
    texts = [text_of(_result_field(fields)), _rest_text(fields)]
    return [Returned("\n".join(t for t in texts if t), name, id_)]


def spoken(kind: str, block: Mapping[str, object]) -> list[Piece]:
    """Text, thoughts, or a mark where they are hidden."""
    fields = Fields(block)
    texts = [text_of(inner) for name in _WORDS if not isinstance(inner := fields.take(name), bool)]
    pieces: list[Piece] = [Said(t) for t in dict.fromkeys([*texts, _rest_text(fields)]) if t]
    return pieces or ([] if kind in _MAY_BE_EMPTY else [Said(f"[{kind}]")])


def _result_field(fields: Fields) -> object:
    """The result in one of its fields; an object or a list may be empty and still be the result."""
    found = fields.take(*_RESULTS)
    if found is not None:
        return found
    states = {as_text(fields.pop(name)) for name in ("state", "status")}
    return "" if states & {"output-available", "result"} else None


def _rest_text(fields: Fields) -> str:
    rest = fields.rest()
    return data_text(rest) if rest else ""


_INSIDE = ("function", "custom", "tool_invocation", "tool_call", "function_call")


def _unwrapped(call: Mapping[str, object]) -> Json:
    """A call whose name and arguments are beside its id."""
    wrapper = next((n for n in call if snake_case(n) in _INSIDE and not is_empty(call[n])), None)
    inner = from_json_text(call[wrapper]) if wrapper else None
    outer = {n: value for n, value in call.items() if n != wrapper}
    if not is_object(inner):
        named = "name" if not outer.get("name") else f"{wrapper}"
        return {**outer, named: inner} if wrapper else outer
    twice = {n for n in outer.keys() & inner.keys() if outer[n] and outer[n] != inner[n]}
    id_ = {"id": outer["id"]} if outer.get("id") else {}
    return {**outer, **inner, **id_, **{f"{n} (outer)": outer[n] for n in twice - {"id", "type"}}}


def _media(kind: str, block: Json) -> list[Piece]:
    return [Said(media_mark(kind, block))]


def _data(_kind: str, block: Json) -> list[Piece]:
    fields = Fields(block)
    held = fields.pop("value") if fields.has("value") else fields.pop("json")
    rest = _rest_text(fields)
    return [Said(data_text(held)), *([Said(rest)] if rest else [])]


def _hidden(kind: str, _block: Json) -> list[Piece]:
    return [Said(f"[{kind}]")]


def _nothing(kind: str, block: Json) -> list[Piece]:
    """A mark between parts."""
    rest = Fields(block).rest()
    return [Said(f"[{kind}] {data_text(rest)}")] if rest else []


def _unknown(kind: str, block: Json) -> list[Piece]:
    held = {k: v for k, v in block.items() if k not in _TYPE_FIELDS and not is_empty(v)}
    return [Said(f"[{kind}] {data_text(held)}" if held else f"[{kind}]")]


def _call(_kind: str, block: Json) -> list[Piece]:
    return call_of("?", block)


def _ui_tool(kind: str, block: Json) -> list[Piece]:
    """Vercel's `tool-name` with arguments and result."""
    return call_of(kind.removeprefix("tool-"), block)


def _code(_kind: str, block: Json) -> list[Piece]:
    return [Called("code_execution", as_text(block))]


def _code_result(_kind: str, block: Json) -> list[Piece]:
    return [Returned(as_text(block), "code_execution")]


def _by_name(kinds: str, reader: Reader) -> dict[str, Reader]:
    return dict.fromkeys(kinds.split(), reader)


_MAY_BE_EMPTY = words("text input_text output_text user-prompt system-prompt")
_READERS: Mapping[str, Reader] = {
    **_by_name(
        "text input_text output_text summary_text reasoning_text refusal thinking reasoning "
        "thought reasoning.text reasoning.summary error-text content user-prompt system-prompt "
        "retry-prompt",
        spoken,
    ),
    **_by_name("redacted_thinking reasoning.encrypted redacted-reasoning", _hidden),
    **_by_name(
        "tool_use tool-call tool_call toolCall function function_call functionCall mcp_call "
        "custom_tool_call builtin-tool-call native-tool-call dynamic-tool tool-invocation",
        _call,
    ),
    **_by_name(
        "tool_result tool-result toolResult tool-return builtin-tool-return tool-error "
        "tool_response function_response function_call_output custom_tool_call_output",
        result_of,
    ),
    **_by_name("json error-json", _data),
    **_by_name("step-start cache-point", _nothing),
    **_by_name(
        "image image_url image-url input_image audio audio_url audio-url input_audio output_audio "
        "video video_url video-url input_video file input_file file-url document document_url "
        "document-url media binary image-data file-data",
        _media,
    ),
}
_RULES: Sequence[tuple[Callable[[str], bool], Reader]] = (
    (lambda kind: kind.startswith("tool-"), _ui_tool),
    (lambda kind: kind.endswith("_tool_use"), _call),
    (lambda kind: kind.endswith("_tool_result"), result_of),
)

# Blocks without a type, by their only field; the others say how it was made.
_BESIDE = words(
    "annotations cache_control part_metadata signature thought thought_signature video_metadata"
)
_UNTYPED: Mapping[str, Reader] = {
    "text": spoken,
    "json": _data,
    **_by_name("tool_use function_call tool_call", lambda _, block: call_of("?", _inner(block))),
    **_by_name("tool_result function_response", lambda kind, block: result_of(kind, _inner(block))),
    **_by_name("reasoning_content guard_content", lambda kind, block: spoken(kind, _inner(block))),
    **_by_name("image document video audio inline_data file_data", _media),
    "executable_code": lambda kind, block: _code(kind, _inner(block)),
    "code_execution_result": lambda kind, block: _code_result(kind, _inner(block)),
    "cache_point": _nothing,
}


def _inner(block: Json) -> Json:
    """The object in the only field of a block."""
    return next(v for k, v in block.items() if snake_case(k) not in _BESIDE and is_object(v))


def _reader_of_type(kind: str) -> Reader | None:
    """The reader of blocks of a type; None if it is unknown."""
    known = _READERS.get(kind)
    return known or next((reader for fits, reader in _RULES if fits(kind)), None)


def _reader_of(block: Json) -> Callable[[Json], list[Piece]] | None:
    """The reader of a block; None if it is data, or of an unknown type."""
    kinds = (block.get(name) for name in _TYPE_FIELDS)
    kind = next((kind for kind in kinds if isinstance(kind, str)), None)
    if kind is not None:
        reader = _reader_of_type(kind)
        return partial(reader, kind) if reader else None
    names = {snake_case(name) for name in block} - _BESIDE
    name = names.pop() if len(names) == 1 else ""
    untyped = _UNTYPED.get(name)
    if untyped is None or not (name in {"text", "json"} or _holds_object(block)):
        return None
    return partial(untyped, name)


def _holds_object(block: Json) -> bool:
    return any(is_object(v) for k, v in block.items() if snake_case(k) not in _BESIDE)


def _has_blocks(items: Sequence[object]) -> bool:
    """Whether a list is one of texts or blocks, and not data."""
    if all(item is None or isinstance(item, str) for item in items):
        return True
    return any(is_object(item) and _reader_of(item) is not None for item in items)


def _pieces_of_item(item: object) -> Iterable[Piece]:
    if is_object(item) and _reader_of(item) is None and isinstance(item.get("type"), str):
        return _unknown(str(item["type"]), item)
    return pieces_of(item)
