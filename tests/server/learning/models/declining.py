"""Endpoints that decline parts of a request, each in words that a real one uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from experience_store.testing import Asked, Said, Script

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Declining:
    """An endpoint that declines requests of a kind.

    Attributes:
        name: For people.
        declines: Whether it declines a request.
        status: HTTP status that it answers with.
        says: The body of its error: JSON, or text.
    """

    name: str
    declines: Callable[[Body], bool]
    status: int
    says: object

    def script(self, answer: Script) -> Script:
        """Declines, or else answers."""

        def said(asked: Asked) -> Said:
            if not self.declines(asked.body):
                return streamed(answer(asked)) if asked.body.get("stream") else answer(asked)
            if isinstance(self.says, str):
                return Said(raw=self.says, content_type="text/plain", status=self.status)
            return Said(body=self.says, status=self.status)

        return said


def streamed(said: Said) -> Said:
    """The same as a stream of events."""
    deltas: list[JsonValue] = [
        {"role": "assistant", "content": ""},
        *({"content": c} for c in said.text),
    ]
    events: list[JsonValue] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return Said(raw="".join([*lines, "data: [DONE]\n\n"]), content_type="text/event-stream")


def _has(*names: str) -> Callable[[Body], bool]:
    return lambda body: any(name in body for name in names)


def _format(*kinds: str) -> Callable[[Body], bool]:
    def declined(body: Body) -> bool:
        match body.get("response_format"):
            case {"type": str(kind)}:
                return kind in kinds
            case _:
                return False

    return declined


def _not_streaming(body: Body) -> bool:
    return not body.get("stream")


def _error(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, **more}}


_SCHEMA, _BOTH = _format("json_schema"), _format("json_schema", "json_object")
FORMATS = (
    Declining(
        "JSON mode is not supported",
        _BOTH,
        400,
        _error("Json mode is not supported for this model."),
    ),
    Declining("grammar", _SCHEMA, 400, _error("Failed to parse grammar")),
    Declining("grammar, as 500", _SCHEMA, 500, _error("failed to parse grammar", code=500)),
    Declining("error as text", _BOTH, 400, {"error": "response_format is not available"}),
    Declining(
        "a validator's list",
        _BOTH,
        422,
        {"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]},
    ),
    Declining("not implemented", _BOTH, 501, "Not Implemented: structured outputs"),
    Declining("not allowed, no word", _BOTH, 405, ""),
    Declining("no word at all", _BOTH, 400, ""),
    Declining("empty object", _SCHEMA, 422, {}),
    Declining(
        "no provider",
        _BOTH,
        404,
        _error("No endpoints found that can handle the requested parameters.", code=404),
    ),
    Declining("in a list", _SCHEMA, 400, [{"error": {"message": "Invalid JSON payload: schema"}}]),
    Declining(
        "wrapped twice",
        _SCHEMA,
        400,
        _error(
            "Provider returned error",
            code=400,
            metadata={"raw": '{"detail": "guided decoding is disabled"}'},
        ),
    ),
    Declining(
        "an error in a 200",
        _BOTH,
        200,
        _error("This response_format type is unavailable now", code=400),
    ),
    Declining("an excuse", _BOTH, 200, {"message": "Sorry! JSON mode is not for this model."}),
    Declining("bad gateway", _SCHEMA, 502, _error("response_format: no such type upstream")),
)
PARAMETERS = (
    Declining(
        "temperature",
        _has("temperature"),
        400,
        _error(
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the "
            "default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        ),
    ),
    Declining(
        "max_tokens by its old name",
        _has("max_tokens"),
        400,
        _error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
            "'max_completion_tokens' instead.",
            param="max_tokens",
        ),
    ),
    Declining(
        "max_tokens by either name",
        _has("max_tokens", "max_completion_tokens"),
        422,
        {"detail": "max_tokens and max_completion_tokens are not accepted"},
    ),
    Declining(
        "max_tokens too large",
        _has("max_tokens"),
        400,
        _error("max_tokens is too large: 9000. This model supports at most 4096 tokens."),
    ),
    Declining(
        "max_tokens out of range",
        _has("max_tokens", "max_completion_tokens"),
        400,
        _error("max_tokens must be in range [1, 512]"),
    ),
    Declining("an excuse", _has("seed"), 200, {"success": False, "msg": "seed is unsupported"}),
    Declining("in Chinese", _has("seed"), 400, _error("\u53c2\u6570\u9519\u8bef")),
    Declining("seed", _has("seed"), 422, {"message": "property 'seed' is unsupported"}),
    Declining(
        "several", _has("seed", "temperature"), 400, _error("unknown field: temperature, seed")
    ),
    Declining("several, no word", _has("seed", "temperature"), 400, "Bad Request"),
)
STREAMS = (
    Declining(
        "stream only",
        _not_streaming,
        400,
        _error("This model only support stream mode, please enable the stream parameter."),
    ),
    Declining("stream must be true", _not_streaming, 422, {"detail": "Stream must be set to true"}),
    Declining(
        "thinking without streaming",
        _not_streaming,
        400,
        _error("parameter.enable_thinking must be set to false for non-streaming calls"),
    ),
    Declining("not streaming, as 405", _not_streaming, 405, "only supports stream"),
    Declining("not streaming, no word", _not_streaming, 405, ""),
    Declining("not streaming, as 501", _not_streaming, 501, "Not implemented"),
    Declining("not streaming, bad request", _not_streaming, 400, "Bad Request"),
    Declining("blocking", _not_streaming, 400, {"error": "Blocking mode is not supported"}),
)
