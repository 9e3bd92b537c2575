"""Reads a line of a JSON lines file: an object, or what is wrong with it and how to fix it."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias, cast

from pydantic import JsonValue

from experience_store.errors import BadInputError

JsonObject: TypeAlias = dict[str, JsonValue]


def read_object(line: bytes, *, strict: bool = False) -> JsonObject:
    """The object in a line.

    Args:
        line: The raw line.
        strict: Whether to refuse what Python accepts and JSON does not have: NaN, lone surrogates.

    Raises:
        BadInputError: If the line is not a JSON object.
    """
    try:
        value: object = json.loads(
            line.decode(), parse_constant=_refuse_constant if strict else None
        )
        if strict:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadInputError("is not UTF-8; save the file as UTF-8") from error
    except UnicodeEncodeError as error:
        raise BadInputError(
            "has half an emoji (a lone surrogate); write the whole character"
        ) from error
    except json.JSONDecodeError as error:
        said = f"{error.msg} at character {error.pos + 1}"
        raise BadInputError(f"is not JSON ({said}); write one object per line") from error
    except ValueError as error:
        raise BadInputError(f"is not JSON ({error})") from error
    except RecursionError as error:
        raise BadInputError("is nested too deeply") from error
    if isinstance(value, list):
        raise BadInputError("is a JSON array; write one object per line (`jq -c '.[]' FILE`)")
    if not isinstance(value, dict):
        raise BadInputError("is not a JSON object; write one object per line")
    return cast("JsonObject", value)


def read_name(field: str, value: object) -> str:
    """The name in a field: text or an integer.

    Raises:
        BadInputError: If it is something else, or empty.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise BadInputError(f"{field}: must be text or an integer")
    return str(value).strip()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
