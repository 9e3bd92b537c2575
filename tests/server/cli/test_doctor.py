"""Whether `doctor` finds problems, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from experience_store.testing import ScriptedEndpoint
from tests.server.cli.program import Json, Program


def findings(program: Program, *args: str, fails: int = 0) -> dict[str, tuple[str, str]]:
    """The last finding about each subject: its status and text."""
    report = program.json("doctor", *args, fails=fails)
    subjects = report.all("findings", of="subject")
    statuses = report.all("findings", of="status")
    texts = report.all("findings", of="text")
    rows = zip(subjects, statuses, texts, strict=True)
    return {str(subject): (str(status), str(text)) for subject, status, text in rows}


def test_doctor_passes_before_first_use_and_creates_nothing(fresh_program: Program) -> None:
    assert findings(fresh_program)["database"] == (
        "ok",
        f"{fresh_program.database} will be created at first use",
    )
    assert list(fresh_program.database.parent.iterdir()) == []


def test_doctor_passes_with_an_intact_database(program: Program) -> None:
    program.run("edit", "add", "When x, do y.", "-l", "lib")
    report = findings(program)
    assert report["database"][0] == report["disk"][0] == "ok"
    assert report["database"][1].endswith("intact")
    assert report["library"] == ("ok", "lib: 1 experience, 0 groups, none waiting")
    output = program.run("doctor").stdout
    assert "ok      database" in output


def test_doctor_detects_a_damaged_database(program: Program) -> None:
    for number in range(40):
        program.run("edit", "add", f"When {number} comes, do {number * 7}.", "-l", "lib")
    with closing(sqlite3.connect(program.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'operation_by_version'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with program.database.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    status, text = findings(program, fails=1)["database"]
    assert status == "broken"
    assert str(program.database) in text


def test_doctor_reports_a_database_of_a_newer_release(program: Program) -> None:
    program.run("edit", "add", "When x, do y.")
    with closing(sqlite3.connect(program.database)) as connection:
        connection.execute("INSERT INTO migration VALUES (999, 'future.sql', '2030-01-01')")
        connection.commit()
    status, text = findings(program, fails=1)["database"]
    assert (status, "newer than this release" in text) == ("broken", True)


def test_doctor_reports_a_file_that_is_not_a_database(program: Program) -> None:
    program.database.write_text("this is a text, and a long one " * 100)
    assert findings(program, fails=1)["database"][0] == "broken"


def test_doctor_goes_on_where_the_system_refuses_a_look_at_the_file(program: Program) -> None:
    output = program.run("doctor", "--database", f"/tmp/{'x' * 300}/a.db", fails=1).stdout
    assert "File name too long" in " ".join(output.split())
    assert '"mcpServers"' in output


def test_doctor_notes_a_database_that_other_users_may_read(program: Program) -> None:
    program.run("edit", "add", "When x, do y.")
    program.database.chmod(0o644)
    output = program.run("doctor").stdout
    assert "other users of this machine may read it" in " ".join(output.split())
    assert "chmod 600" in output


def test_an_api_key_alone_does_not_configure_a_model(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "none is configured" in findings(program)["model"][1]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "no model is named" in findings(program)["model"][1]
    assert findings(program, "--model", "m")["model"] == ("ok", "m at OpenAI, with a key")
    assert "sk-secret" not in program.run("doctor", "--model", "m").output


def test_a_model_without_an_api_key_is_broken_unless_it_is_local(program: Program) -> None:
    assert findings(program, "--model", "m", fails=1)["model"][0] == "broken"
    local = findings(program, "--model", "m", "--base-url", "http://127.0.0.1:9/v1")
    assert local["model"] == ("ok", "m at http://127.0.0.1:9/v1, without a key")


async def test_check_model_sends_one_short_question(program: Program) -> None:
    async with ScriptedEndpoint() as endpoint:
        args = ("--model", "m", "--base-url", endpoint.base_url, "--check-model")
        report = await asyncio.to_thread(findings, program, *args)
        assert len(endpoint.calls) == 1
        assert endpoint.prompt_tokens < 1_000
    assert report["model call"][0] == "ok"
    report = await asyncio.to_thread(findings, program, *args, "--retries", "0", fails=1)
    assert report["model call"][0] == "broken"


def test_the_host_entry_has_the_given_settings(program: Program) -> None:
    args = ("--model", "m", "--base-url", "http://127.0.0.1:9/v1", "-l", "airline")
    entry = Json(program.json("doctor", *args).at("mcp_json", "mcpServers", "experience"))
    command, arguments = entry.at("command"), entry.at("args")
    assert Path(str(command)).is_absolute()
    assert isinstance(arguments, list)
    text = json.dumps(arguments)
    assert '"serve", "--database"' in text
    assert '"--library", "airline"' in text
    assert '"--model", "m", "--base-url", "http://127.0.0.1:9/v1"' in text


def test_doctor_notes_a_data_folder_that_hosts_would_not_use(
    program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("server.cli.hosts.launch.default_database", lambda: tmp_path / "theirs.db")
    monkeypatch.setattr("server.cli.diagnostics.default_database", lambda: program.database)
    status, text = findings(program)["environment"]
    assert status == "note"
    assert str(tmp_path / "theirs.db") in text
