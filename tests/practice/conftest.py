from __future__ import annotations

import pytest


def _no_page(run: object, report: object) -> str:
    del run, report
    return ""


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without the page for people: drawing takes longer than the runs."""
    monkeypatch.setattr("server.practice.report.html_report.render_page", _no_page)
