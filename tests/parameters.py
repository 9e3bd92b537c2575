"""Parameters of tests."""

from __future__ import annotations

from typing import Any

import pytest


def first_of(first: Any, *others: Any) -> list[Any]:
    """Values of which README's command tries the first; the others come with what is exhaustive."""
    return [first, *(pytest.param(other, marks=pytest.mark.exhaustive) for other in others)]
