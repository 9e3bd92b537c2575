"""`token`: tokens are shown once, listed without their secret, and revoked."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.server.cli.program import Program

TOKEN = re.compile(r"exm_[A-Za-z0-9_-]{43}\n")


def test_create_prints_the_token_on_stdout_and_an_explanation_on_stderr(database: Path) -> None:
    made = Program(database).run("token", "create", "laptop", "--expires", "90d")
    assert TOKEN.fullmatch(made.stdout)
    said = " ".join(made.stderr.split())
    assert "Scopes: read, submit, learn. Expires: 20" in said
    assert "Libraries: ALL" in said


def test_neither_the_database_nor_the_list_contains_the_token(database: Path) -> None:
    program = Program(database)
    secret = program.run("token", "create", "laptop", "--library", "b", "--library", "a").stdout
    listed = program.run("token", "list").stdout
    as_json = program.json("token", "list")
    with sqlite3.connect(database) as connection:
        dumped = "\n".join(connection.iterdump())
    connection.close()
    assert secret.strip() not in listed + dumped + repr(as_json.value)
    assert "laptop" in listed
    assert as_json.at("tokens", 0, "libraries") == ["a", "b"]
    assert as_json.at("tokens", 0, "scopes") == ["read", "submit", "learn"]
    assert as_json.at("tokens", 0, "expires_at") is None


def test_a_token_has_the_given_scopes(database: Path) -> None:
    program = Program(database)
    made = program.json("token", "create", "x", "--scope", "administer", "--scope", "read")
    assert made.at("scopes") == ["read", "administer"]
    assert str(made.at("token")).startswith("exm_")


def test_a_name_is_unique_until_its_token_is_revoked_by_name_or_id(database: Path) -> None:
    program = Program(database)
    program.run("token", "create", "laptop")
    again = program.run("token", "create", "laptop", fails=1)
    assert "revoke it first" in again.stderr
    program.run("token", "revoke", "laptop")
    id_ = program.json("token", "create", "laptop").at("id")
    assert "is revoked" in program.run("token", "revoke", str(id_)).stdout
    assert program.run("token", "revoke", "laptop", fails=1).stderr == (
        "Error: token 'laptop' does not exist; `experience-mcp token list` lists them\n"
    )
    assert "There are no tokens" in program.run("token", "list").stdout
    program.run("token", "create", "desktop")
    assert "did you mean 'desktop'?" in program.run("token", "revoke", "desktp", fails=1).stderr


def test_create_warns_of_a_library_that_does_not_exist(database: Path) -> None:
    program = Program(database)
    program.run("edit", "add", "airline", "Check first.")
    create = ("token", "create", "--library", "airlin")
    warning = "Warning: library 'airlin' does not exist; did you mean 'airline' (1 experience)?"
    for made in (program.run(*create, "a"), program.run(*create, "b", "--json")):
        assert warning in " ".join(made.stderr.split())
    known = program.run("token", "create", "c", "--library", "airline")
    assert "Warning" not in known.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("a b",), 1),
        (("x", "--library", "No Name"), 1),
        (("x", "--expires", "soon"), 2),
        (("x", "--scope", "write"), 2),
    ],
)
def test_invalid_options_are_refused(
    fresh_program: Program, options: tuple[str, ...], code: int
) -> None:
    fresh_program.run("token", "create", *options, fails=code)
    assert not fresh_program.database.exists()


def test_doctor_counts_the_tokens(database: Path) -> None:
    program = Program(database)
    program.run("token", "create", "wide")
    program.run("token", "create", "narrow", "--library", "a")
    found = program.json("doctor").all("findings", of="text")
    assert "2 tokens for HTTP, 1 for all libraries, 0 expired" in found


def test_list_creates_no_database(fresh_program: Program) -> None:
    fresh_program.run("token", "list", fails=1)
    assert not fresh_program.database.exists()
