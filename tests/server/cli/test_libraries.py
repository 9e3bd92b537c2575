"""Inspecting, editing, rolling back and deleting libraries."""

from __future__ import annotations

import pytest

from tests.server.cli.program import Json, Program, lines

FIRST = "When a customer wants a refund, check the fare rules."
SECOND = "When a flight is full, offer the next one."


@pytest.fixture
def airline(program: Program) -> Program:
    """Version 3: G1 revised, G2 as it was added."""
    program.run("edit", "add", FIRST, "--name", "Check", "-l", "airline")
    program.run("edit", "add", SECOND, "-l", "airline")
    program.run(
        "edit", "revise", "[g1]", "When refunds are asked for, check fares.", "-l", "airline"
    )
    return program


def test_show_lists_the_experiences_with_their_ids(airline: Program) -> None:
    output = airline.run("show", "airline").stdout
    assert output.splitlines()[0] == "airline  version 3, 2 experiences"
    assert "G1  Check: When refunds are asked for, check fares." in output
    assert f"G2  {SECOND}" in output


def test_show_prints_an_older_version(airline: Program) -> None:
    output = airline.run("show", "--library", "airline", "--version", "1").stdout
    assert FIRST in " ".join(output.split())
    assert SECOND not in output
    assert "has 0 to 3" in airline.run("show", "airline", "--version", "9", fails=1).stderr


def test_show_for_a_task_prints_what_an_agent_would_get(airline: Program) -> None:
    found = airline.json("show", "airline", "--task", "The flight is full", "--max-tokens", "20")
    assert found.all("experiences", of="id") == ["G2"]
    assert found.at("omitted") == 1
    assert (
        "1 omitted"
        in airline.run(
            "show", "airline", "--task", "The flight is full", "--max-tokens", "20"
        ).stdout
    )


def test_libraries_lists_size_and_waiting_groups(airline: Program) -> None:
    won, lost = {"output": "w", "reward": 1}, {"output": "l", "reward": 0}
    airline.run("submit", "-l", "zoo", stdin=lines({"task": "t", "trajectories": [won, lost]}))
    table = [line.split() for line in airline.run("libraries").stdout.splitlines()]
    assert table[0][:2] == ["library", "experiences"]
    assert table[1:] == [["airline", "2", "3", "0", "0", "0"], ["zoo", "0", "0", "1", "1", "1"]]
    assert airline.json("libraries").all("libraries", of="name") == ["airline", "zoo"]


def test_history_shows_author_note_and_changes(airline: Program) -> None:
    airline.run("edit", "retire", "G2", "-l", "airline", "--note", "not ours to offer")
    output = airline.run("history", "airline", "--limit", "2").stdout
    assert output.startswith("version 4  ")
    assert "cli  1 experience\n  not ours to offer\n  - G2" in output
    assert "~ G1 Check: When refunds" in output
    assert "experience-mcp history airline --before 3" in output
    assert airline.json("history", "airline").all("versions", of="version") == [4, 3, 2, 1, 0]


def test_diff_shows_added_removed_and_reworded_experiences(airline: Program) -> None:
    airline.run("edit", "retire", "G2", "-l", "airline")
    found = airline.json("diff", "1", "3", "-l", "airline")
    assert found.all("added", of="id") == ["G2"]
    assert found.at("reworded", 0, "old", "text") == FIRST
    last = airline.run("diff", "-l", "airline").stdout
    assert last == f"airline  version 3 → 4: 1 removed\n  - G2 {SECOND}\n"


def test_rollback_makes_a_new_version_and_can_be_rolled_back(airline: Program) -> None:
    output = airline.run("rollback", "1", "-l", "airline").stdout
    assert output == ("airline is now at version 4, equal to version 1 (1 removed, 1 reworded).\n")
    airline.run("rollback", "3", "-l", "airline", "--note", "it was right")
    assert "no difference" in airline.run("diff", "3", "5", "-l", "airline").stdout


def test_rollback_asks_for_confirmation_in_a_terminal(
    airline: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.cli.commands.rollback.is_interactive", lambda: True)
    asked = airline.run("rollback", "1", "-l", "airline", stdin="n\n", fails=1)
    assert "Roll back? [y/N]" in asked.output
    assert airline.json("show", "airline").at("version") == 3
    airline.run("rollback", "1", "-l", "airline", stdin="y\n")
    airline.run("rollback", "1", "-l", "airline", "--yes")
    assert airline.json("show", "airline").at("version") == 5


def test_why_shows_every_change_of_an_experience(airline: Program) -> None:
    airline.run("edit", "retire", "G1", "-l", "airline", "--note", "wrong")
    output = airline.run("why", "1", "-l", "airline").stdout
    assert "(no longer in the library)" in output
    steps = airline.json("why", "G1", "-l", "airline").all("steps", of="operation")
    assert steps == ["Add", "Revise", "Retire"]
    assert "never had an experience" in airline.run("why", "G9", "-l", "airline", fails=1).stderr


def test_describe_sets_the_given_options_and_keeps_the_others(program: Program) -> None:
    program.run("describe", "new", "--agent-objective", "Books  flights", "--max-words", "20")
    found = program.json("describe", "new", "--allow-links", "--min-spread", "0.5")
    assert found.at("agent_objective") == "Books flights"
    assert found.at("policy", "max_words") == 20
    assert found.at("policy", "allow_links") is True
    assert found.at("policy", "min_spread") == 0.5
    cleared = program.json("describe", "new", "--agent-objective", "", "--no-allow-links")
    assert cleared.at("agent_objective") is None
    assert cleared.at("policy", "allow_links") is False
    shown = program.run("describe", "new").stdout
    assert "max words                   20\n" in shown
    assert "does not exist" in program.run("describe", "other", fails=1).stderr


def test_an_invalid_edit_is_refused_with_the_reason(airline: Program) -> None:
    for args, reason in [
        (["add", "word " * 40], "40 words; at most 32"),
        (["add", SECOND], "G2 already says exactly this"),
        (["revise", "G9", "When x, do y."], "has no experience G9 now"),
        (["revise", "nine", "When x, do y."], "is not a valid experience id"),
        (["retire", "G9"], "G9 does not exist"),
    ]:
        assert reason in airline.run("edit", *args, "-l", "airline", fails=1).stderr
    assert airline.json("show", "airline").at("version") == 3


def test_retire_removes_several_experiences_in_one_version(airline: Program) -> None:
    found: Json = airline.json("edit", "retire", "G1", "G2", "-l", "airline")
    assert found.at("version") == 4
    assert "(no experiences)" in airline.run("show", "airline").stdout


def test_delete_needs_confirmation(airline: Program) -> None:
    refused = airline.run("delete", "airline", fails=1).stderr
    assert "2 experiences in 4 versions" in refused
    assert "--yes" in refused
    assert airline.json("delete", "airline", "--yes").at("experiences") == 2
    assert airline.json("libraries").at("libraries") == []
    assert "does not exist" in airline.run("delete", "airline", "--yes", fails=1).stderr


def test_a_new_library_with_nearly_the_name_of_another_is_pointed_out(airline: Program) -> None:
    for args in (("edit", "add", FIRST, "-l", "airlin"), ("describe", "airlines", "--review")):
        warned = airline.run(*args).stderr
        assert "did you mean 'airlin" in warned
        assert "A new library is created" in warned
    assert airline.run("describe", "zoo", "--review").stderr == ""


def test_neither_notes_nor_objectives_keep_a_secret(airline: Program) -> None:
    key = "sk-proj-" + "a1B2" * 10
    for args in (
        ("edit", "add", "When late, call.", "-l", "airline", "--note", f"from {key}"),
        ("describe", "airline", "--agent-objective", f"use {key}"),
        ("rollback", "1", "-l", "airline", "--yes", "--note", key),
    ):
        assert "what looks like a secret" in airline.run(*args, fails=1).stderr
    assert key.encode() not in airline.database.read_bytes()
