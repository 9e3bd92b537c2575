"""Content blocks: the parts of a message, in the forms of all APIs.

A block says by its type what it is, or by its only field (Gemini, Bedrock). Fields that its reader
does not take are kept as lines, and a block that no reader knows as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from experience_store.submissions.forms.fields import Fields, lines, merged, snake_case
from experience_store.submissions.forms.media import media_mark
from experience_store.submissions.forms.pieces import Called, Piece, Returned, Said
from experience_store.submissions.forms.values import (
    Json,
    as_text,
    at,
    data_text,
    from_json_text,
    is_empty,
    is_list,
    is_object,
    is_opaque,
    words,
)

Reader: TypeAlias = Callable[[str, Json], list[Piece]]

_TYPE_FIELDS = ("type", "part_kind", "kind", "$type", "block_type", "content_type")
_CALL_IDS = ("tool_call_id", "call_id", "tool_use_id", "id")
_ARGUMENTS = ("arguments", "args", "input", "parameters", "partial_json")
_WORDS = (
    *("text", "thinking", "reasoning", "reasoning_text", "reasoning_content", "thought"),
    *("refusal", "summary", "content", "value", "transcript", "parts"),
)
_RESULTS = (
    *("content", "output", "outputs", "result", "results", "response", "return_value"),
    *("error_text", "error", "value"),
)
_ENCRYPTED = ("data", "encrypted_content")
_BEGINNING = 40  # characters in which a result says that it is an error


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
        pieces: list[Piece] = []
        for place, item in enumerate(content):
            with at(place):
                pieces += _pieces_of_item(item)
        return pieces
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
    id_ = fields.name(*_CALL_IDS)
    name = fields.name("name", "tool_name", "tool", "function_name") or kind
    is_inline = not fields.among(_ARGUMENTS)
    arguments = fields.take(*_ARGUMENTS)
    returned = _result_text(fields)
    rest = "" if is_inline else fields.rest_text()
    if is_inline:
        arguments = fields.rest(inline=True)
    call = Called(name, "{}" if arguments is None else as_text(arguments), id_)
    result = [] if returned is None else [Returned(returned, name, id_)]
    return [*_said(rest), call, *result]


def result_of(_kind: str, block: Mapping[str, object]) -> list[Piece]:
    """The result of a tool call."""
    fields = Fields(_with_origin(block))
    id_ = fields.name(*_CALL_IDS)
    name = fields.name("name", "tool_name", "function_name")
    text = _result_text(fields)
    rest = lines(fields.rest(inline=text is None))
    return [Returned("\n".join(t for t in (text, rest) if t), name, id_)]


def _with_origin(block: Mapping[str, object]) -> Mapping[str, object]:
    """A result with the call that led to it: Haystack's `origin`, beside the result."""
    origin = block.get("origin")
    if not is_object(origin) or "result" not in block:
        return block
    return merged({n: v for n, v in block.items() if n != "origin"}, origin)


def spoken(kind: str, block: Mapping[str, object]) -> list[Piece]:
    """Text, thoughts, or a mark where they are hidden."""
    fields = Fields(block)
    if isinstance(block.get("thought"), bool):
        fields.pop("thought")
    texts = [_worded(fields.pop(name)) for name in fields.among(_WORDS)]
    pieces: list[Piece] = [Said(t) for t in dict.fromkeys([*texts, fields.rest_text()]) if t]
    return pieces or ([] if kind in _MAY_BE_EMPTY else [Said(f"[{kind}]")])


def _worded(held: object) -> str:
    """A text, also in an object of its own, beside its annotations."""
    if is_object(held) and isinstance(held.get("value"), str) and _reader_of(held) is None:
        held = spoken("text", held)
        return "\n".join(piece.text for piece in held if isinstance(piece, Said))
    return text_of(held)


def _said(text: str) -> list[Piece]:
    return [Said(text)] if text else []


def _result_text(fields: Fields) -> str | None:
    """The result in one of its fields, marked if the call failed; None if there is none."""
    is_ended, found = fields.is_ended(), fields.take(*_RESULTS)
    if found is None and not is_ended:
        return None
    text = text_of(found)
    return failed_text(text) if fields.is_failure() else text


def failed_text(text: str) -> str:
    """The result of a call that failed."""
    return text if "error" in text[:_BEGINNING].lower() else f"error: {text}"


_INSIDE = ("function", "custom", "tool_invocation", "tool_call", "function_call")


def _unwrapped(call: Mapping[str, object]) -> Json:
    """A call whose name and arguments are beside its id."""
    wrapper = next((n for n in call if snake_case(n) in _INSIDE and not is_empty(call[n])), None)
    inner = from_json_text(call[wrapper]) if wrapper else None
    outer = {n: value for n, value in call.items() if n != wrapper}
    if not is_object(inner):
        named = "name" if not outer.get("name") else f"{wrapper}"
        return {**outer, named: inner} if wrapper else outer
    twice = {
        n for n in outer.keys() & inner.keys() if not is_empty(outer[n]) and outer[n] != inner[n]
    }
    id_ = {"id": outer["id"]} if outer.get("id") else {}
    return {**outer, **inner, **id_, **{f"{n} (outer)": outer[n] for n in twice - {"id", "type"}}}


def _media(kind: str, block: Json) -> list[Piece]:
    return [Said(media_mark(kind, block))]


def _data(_kind: str, block: Json) -> list[Piece]:
    fields = Fields(block)
    held = fields.pop("value") if fields.has("value") else fields.pop("json")
    return [Said(data_text(held)), *_said(fields.rest_text())]


def _hidden(kind: str, block: Json) -> list[Piece]:
    left = {n: v for n, v in block.items() if not (n in _ENCRYPTED and is_opaque(v))}
    return [Said(f"[{kind}]"), *_said(Fields(left).rest_text())]


def _nothing(kind: str, block: Json) -> list[Piece]:
    """A mark between parts."""
    rest = Fields(block).rest_text()
    return [Said(f"[{kind}]\n{rest}")] if rest else []


def _unknown(kind: str, block: Json) -> list[Piece]:
    held = {k: v for k, v in block.items() if not (v == kind or is_empty(v))}
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


_MAY_BE_EMPTY = words(
    "text input_text output_text text-content TextContent user-prompt system-prompt"
)
_READERS: Mapping[str, Reader] = {
    **_by_name(
        "text input_text output_text summary_text reasoning_text refusal thinking reasoning "
        "thought reasoning.text reasoning.summary error-text content user-prompt system-prompt "
        "retry-prompt retry-feedback instruction text-content text_reasoning TextContent",
        spoken,
    ),
    **_by_name("redacted_thinking reasoning.encrypted redacted-reasoning", _hidden),
    **_by_name(
        "tool_use tool-call tool_call toolCall function function_call functionCall mcp_call "
        "custom_tool_call builtin-tool-call native-tool-call dynamic-tool tool-invocation "
        "FunctionCallContent",
        _call,
    ),
    **_by_name(
        "tool_result tool-result toolResult tool-return builtin-tool-return tool-error "
        "tool_response tool_call_response function_response function_result functionResult "
        "function_call_output custom_tool_call_output FunctionResultContent",
        result_of,
    ),
    **_by_name("json error-json", _data),
    **_by_name("step-start cache-point", _nothing),
    **_by_name(
        "image image_url image-url input_image audio audio_url audio-url input_audio output_audio "
        "video video_url video-url input_video file input_file file-url document document_url "
        "document-url media binary image-data file-data uploaded-file",
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
_WHOLE: Mapping[str, Reader] = {
    "text": spoken,
    "json": _data,
    "cache_point": _nothing,
    **_by_name("image document video audio inline_data file_data", _media),
}
_INNER: Mapping[str, Reader] = {
    **_by_name("tool_use function_call tool_call", _call),
    **_by_name("tool_result function_response tool_call_result", result_of),
    **_by_name("reasoning reasoning_content guard_content", spoken),
    "executable_code": _code,
    "code_execution_result": _code_result,
}


def _untyped(name: str, block: Json) -> list[Piece]:
    """What a block without a type holds, by the name of its only field."""
    if name in _WHOLE:
        return _WHOLE[name](name, block)
    beside = {n: value for n, value in block.items() if snake_case(n) != name}
    inner = next(value for n, value in block.items() if n not in beside)
    assert is_object(inner), "checked by `_reader_of`"
    return [*_INNER[name](name, inner), *_said(Fields(beside).rest_text())]


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
        return partial(_typed, reader, kind) if reader else None
    held = {name: v for n, v in block.items() if (name := snake_case(n)) not in _BESIDE}
    name = next(iter(held)) if len(held) == 1 else ""
    known = name in {"text", "json"} or (
        name in _WHOLE.keys() | _INNER.keys() and is_object(held[name])
    )
    return partial(_untyped, name) if known else None


def _typed(reader: Reader, kind: str, block: Json) -> list[Piece]:
    """What a block of a known type holds."""
    held = {n: v for n, v in block.items() if not (n in _TYPE_FIELDS and v == kind)}
    return reader(kind, held)


def _has_blocks(items: Sequence[object]) -> bool:
    """Whether a list is one of texts or blocks, and not data."""
    if all(item is None or isinstance(item, str) for item in items):
        return True
    return any(is_object(item) and _reader_of(item) is not None for item in items)


def _pieces_of_item(item: object) -> Iterable[Piece]:
    if is_object(item) and _reader_of(item) is None and isinstance(item.get("type"), str):
        return _unknown(str(item["type"]), item)
    return pieces_of(item)
