from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from server import installation


def installed(monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None) -> None:
    text = None if origin is None else json.dumps(origin)
    found = SimpleNamespace(read_text=lambda _name: text)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(installation, "distribution", lambda _name: found)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        ({"url": "file:///clone", "dir_info": {"editable": True}}, "run `uv sync --extra gym`"),
        ({"url": "file:///clone", "dir_info": {}}, "install '/clone[gym]' with pip or `uv tool"),
        (None, "`uvx --from 'experience-mcp[gym]' experience-mcp`"),
    ],
)
def test_an_extra_is_added_in_the_way_the_package_was_installed(
    monkeypatch: pytest.MonkeyPatch, origin: dict[str, object] | None, said: str
) -> None:
    installed(monkeypatch, origin)

    assert said in installation.how_to_install("gym")
