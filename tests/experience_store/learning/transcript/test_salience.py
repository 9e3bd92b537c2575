"""What changes something and what failed, judged by names and words."""

from __future__ import annotations

import pytest

from experience_store.learning.transcript.salience import changes_something, looks_failed


@pytest.mark.parametrize(
    ("tool", "changes"),
    [
        ("book_reservation", True),
        ("mcp__github__create_issue", True),
        ("updateOrder", True),
        ("transfer_to_human_agents", True),
        ("get_order_details", False),
        ("searchFlights", False),
        ("list_all_airports", False),
        ("bash", None),
        ("think", None),
        ("", None),
    ],
)
def test_the_verb_in_a_tool_name_tells_whether_it_changes_something(
    tool: str, changes: bool | None
) -> None:
    assert changes_something(tool) is changes


@pytest.mark.parametrize(
    "text",
    [
        "Error: no seats",
        "Traceback (most recent",
        '{"ok": false}',
        "exit code 2",
        "403 Forbidden",
    ],
)
def test_failures_are_recognised(text: str) -> None:
    assert looks_failed(text)


@pytest.mark.parametrize(
    "text",
    ['{"error": null}', '{"errors": [], "ok": true}', "0 errors", "exit code 0", "terror", ""],
)
def test_ordinary_results_are_not_failures(text: str) -> None:
    assert not looks_failed(text)
