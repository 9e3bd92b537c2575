"""Thoughts that a model wrote into its answer (a placeholder)."""

from __future__ import annotations

import re

_BLOCKS = re.compile(
    r"<(think|thinking|seed:think)>.*?(?:</\1>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)"
    r"|◁think▷.*?(?:◁/think▷|\Z)|<\|channel\|>analysis.*?(?:<\|channel\|>final(?:<\|message\|>)?|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_END = re.compile(
    r".*(?:</(?:think|thinking|seed:think)>|\[/THINK\]|◁/think▷)", re.DOTALL | re.IGNORECASE
)


def without_thoughts(text: str) -> str:
    """The text without blocks of thoughts."""
    return _END.sub("", _BLOCKS.sub("", text)).strip()
