"""A line of a JSON lines file: an object, or what is wrong with the line and how to mend it."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias, cast

from pydantic import JsonValue

from experience_store.errors import BadInputError

JsonObject: TypeAlias = dict[str, JsonValue]


def read_object(line: bytes, *, strict: bool = False) -> JsonObject:
    """The object that a line holds.

    Args:
        line: As it stands in the file.
        strict: Whether what Python reads and JSON does not have (NaN, half an emoji) is refused.
            Otherwise it is for whoever takes the object.

    Raises:
        BadInputError: If it holds none.
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
        raise BadInputError("holds half an emoji (a lone surrogate); write it whole") from error
    except json.JSONDecodeError as error:
        said = f"{error.msg} at character {error.pos + 1}"
        raise BadInputError(f"is not JSON ({said}); give one object a line") from error
    except ValueError as error:
        raise BadInputError(f"is not JSON ({error})") from error
    except RecursionError as error:
        raise BadInputError("is nested too deeply") from error
    if isinstance(value, list):
        raise BadInputError("is a JSON array; give one object a line (`jq -c '.[]' FILE`)")
    if not isinstance(value, dict):
        raise BadInputError("is no JSON object; give one object a line")
    return cast("JsonObject", value)


def read_name(field: str, value: object) -> str:
    """A name that a field holds: text, or a whole number.

    Raises:
        BadInputError: If it is neither, or empty.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise BadInputError(f"{field}: must be text or a whole number")
    return str(value).strip()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
