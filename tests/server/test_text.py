from __future__ import annotations

from pathlib import Path

import pytest

from server import text


def test_an_extra_is_installed_as_the_program_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert text.how_to_install("gym") == "install the extra `gym`: uv sync --extra gym"

    monkeypatch.setattr(text, "__file__", str(tmp_path / "server" / "text.py"))
    elsewhere = text.how_to_install("gym")
    for runner in ("pip install", "uv tool install", "uvx --from"):
        assert f"{runner} 'experience-mcp[gym]'" in elsewhere
