"""The head of a skill in YAML, written so that strict and simple readers read it alike."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TypeAlias

Frontmatter: TypeAlias = Mapping[str, str | Mapping[str, str]]

_PLAIN_SCALAR = re.compile(r"[A-Za-z](?:[\w ,;.()/'-]*[\w.)])?", re.ASCII)
_NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def as_yaml(values: Frontmatter, indent: str = "") -> str:
    """Texts, and mappings of texts, as YAML; none may hold what is not printable."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, str):
            lines.append(f"{indent}{key}: {_scalar(value)}\n")
        else:
            lines.append(f"{indent}{key}:\n{as_yaml(value, indent + '  ')}")
    return "".join(lines)


def _scalar(text: str) -> str:
    if _PLAIN_SCALAR.fullmatch(text) and text.casefold() not in _NOT_TEXT:
        return text
    return json.dumps(text, ensure_ascii=False)
