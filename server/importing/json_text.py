"""Reads JSON text, and says what is wrong with it and how to fix it."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias, cast

from pydantic import JsonValue

from experience_store.errors import BadInputError

JsonObject: TypeAlias = dict[str, JsonValue]


def read_object(line: bytes, *, strict: bool = False) -> JsonObject:
    """The object in a line of a JSON lines file.

    Args:
        line: The raw line.
        strict: Whether to refuse what Python accepts and JSON does not have: NaN, lone surrogates.

    Raises:
        BadInputError: If the line is not a JSON object.
    """
    (value,) = _parsed(line, strict=strict, whole=False)
    return required_object(value)


def read_values(document: bytes, *, strict: bool = False) -> list[JsonValue]:
    """The values of a document: one, or several that follow one another.

    Raises:
        BadInputError: If it is not JSON.
    """
    return _parsed(document, strict=strict, whole=True)


def required_object(value: JsonValue) -> JsonObject:
    """The value, which must be an object; raises BadInputError otherwise."""
    if isinstance(value, list):
        raise BadInputError("is a JSON array; write one object per line (`jq -c '.[]' FILE`)")
    if not isinstance(value, dict):
        raise BadInputError("is not a JSON object; write one object per line")
    return value


def _parsed(data: bytes, *, strict: bool, whole: bool) -> list[JsonValue]:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant if strict else None)
    try:
        text = data.decode()
        values = _all_values(text, decoder) if whole else [cast("JsonValue", decoder.decode(text))]
        if strict:
            json.dumps(values, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadInputError("is not UTF-8; save the file as UTF-8") from error
    except UnicodeEncodeError as error:
        raise BadInputError(
            "has half an emoji (a lone surrogate); write the whole character"
        ) from error
    except json.JSONDecodeError as error:
        raise BadInputError(_syntax_error(error, whole=whole)) from error
    except ValueError as error:
        raise BadInputError(f"is not JSON ({error})") from error
    except RecursionError as error:
        raise BadInputError("is nested too deeply") from error
    return values


def _all_values(text: str, decoder: json.JSONDecoder) -> list[JsonValue]:
    values: list[JsonValue] = []
    position = _next(text, 0)
    while position < len(text):
        value, end = decoder.raw_decode(text, position)
        values.append(cast("JsonValue", value))
        position = _next(text, end)
    return values


def _next(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _syntax_error(error: json.JSONDecodeError, *, whole: bool) -> str:
    if whole:
        return f"is not JSON ({error.msg} at line {error.lineno}, column {error.colno})"
    return f"is not JSON ({error.msg} at character {error.pos + 1}); write one object per line"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
