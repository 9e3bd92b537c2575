from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest


def _no_page(run: object, report: object) -> str:
    del run, report
    return ""


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without the page for people: drawing takes longer than the runs, and matplotlib."""
    page = SimpleNamespace(render_page=_no_page)
    monkeypatch.setitem(sys.modules, "server.practice.report.html_report", page)
    monkeypatch.setattr("server.practice.report._NEEDED", ())
