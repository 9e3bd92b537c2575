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
    decoder = json.JSONDecoder(
        parse_constant=_refuse_constant if strict else None, object_pairs_hook=_object
    )
    try:
        text = data.decode()
        values = _all_values(text, decoder) if whole else [_value(text, decoder)]
        if strict:
            json.dumps(values, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadInputError(
            "is not UTF-8; save the file as UTF-8, or convert it with "
            "`iconv -f WINDOWS-1252 -t UTF-8 FILE`"
        ) from error
    except UnicodeEncodeError as error:
        raise BadInputError(
            "has half an emoji (a lone surrogate); write the whole character"
        ) from error
    except json.JSONDecodeError as error:
        raise BadInputError(_syntax_error(error, whole=whole)) from error
    except BadInputError:
        raise
    except ValueError as error:
        said = str(error).partition("; use sys.")[0]  # of numbers with too many digits
        raise BadInputError(f"is not JSON ({said})") from error
    except RecursionError as error:
        raise BadInputError("is nested too deeply") from error
    return values


def _value(line: str, decoder: json.JSONDecoder) -> JsonValue:
    """The value in a line; a comma after it, as in an array, does no harm."""
    try:
        return cast("JsonValue", decoder.decode(line))
    except json.JSONDecodeError as error:
        if line[error.pos :].strip() != ",":
            raise
        return cast("JsonValue", decoder.decode(line[: error.pos]))


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    """An object of these fields, each of which may be there once."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next((name for name, value in pairs if made[name] != value), None)
        if twice is not None:
            raise BadInputError(f"has two fields {twice!r} in one object; rename one")
    return made


def _all_values(text: str, decoder: json.JSONDecoder) -> list[JsonValue]:
    values: list[JsonValue] = []
    position = _next(text, 0)
    while position < len(text):
        value, end = decoder.raw_decode(text, position)
        values.append(cast("JsonValue", value))
        position = _next(text, end)
    return values


def _next(text: str, position: int) -> int:
    """Where the next value begins: after space, and a comma if a value is before it."""
    while position < len(text) and (
        text[position].isspace() or (position and text[position] == ",")
    ):
        position += 1
    return position


def _syntax_error(error: json.JSONDecodeError, *, whole: bool) -> str:
    if whole:
        comma = "; remove the comma before it" if _follows_comma(error) else ""
        return f"is not JSON ({error.msg} at line {error.lineno}, column {error.colno}){comma}"
    return f"is not JSON ({error.msg} at character {error.pos + 1}); write one object per line"


def _follows_comma(error: json.JSONDecodeError) -> bool:
    """Whether a list or an object ends with a comma."""
    at_end = error.doc[error.pos : error.pos + 1] in {"]", "}"}
    return at_end and error.doc[: error.pos].rstrip().endswith(",")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number: write null")
