"""Marks for tests of what only `uv sync --all-groups` installs (`.ci/run` does)."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

needs_pages = pytest.mark.skipif(
    find_spec("matplotlib") is None,
    reason="matplotlib is not installed: uv sync --group checks",
)
needs_gym = pytest.mark.skipif(
    find_spec("reasoning_gym") is None,
    reason="reasoning-gym is not installed: uv sync --group gym (needs a C compiler)",
)
