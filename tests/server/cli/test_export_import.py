"""Exporting libraries from one database and importing them into another."""

from __future__ import annotations

import asyncio
import json
import shlex
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from experience_store import open_store
from experience_store.index_cache import IndexCache
from experience_store.store import Retrieval
from experience_store.testing import sensible_answer
from experience_store.update_runner import UpdateRunner
from server.child_process import cli_command
from tests.builders import attempt, submission
from tests.databases import contents
from tests.paths import ROOT
from tests.server.cli.program import Json, Program, lines

Corrupt = Callable[[dict[str, list[dict[str, object]]]], object]


@pytest.fixture(scope="module")
def used_contents(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    program = Program(tmp_path_factory.mktemp("used") / "experience.db")
    asyncio.run(_use(program.database))
    program.run("edit", "add", "When by hand, say so.", "-l", "lib")
    program.run("edit", "retire", "G1", "-l", "lib")
    program.run("rollback", "1", "-l", "lib")
    program.run("describe", "lib", "--agent-objective", "Books flights", "--max-words", "40")
    return contents(program.database)


@pytest.fixture
def used(program: Program, used_contents: bytes) -> Program:
    """A library with updates, an open one, refusals, a rollback and retrievals."""
    program.database.write_bytes(used_contents)
    return program


async def _use(database: Path) -> None:
    store = await open_store(database)
    runner = UpdateRunner(store, IndexCache(store))
    await store.libraries.ensure("other")
    for number, town in enumerate(["Paris", "Paris", "Rome", "Oslo"]):
        won = attempt(f"won {number}", 1.0, id="w", retrieval_id="r-1", feedback="good \\(x\\)")
        lost = attempt(f"lost {number}", -0.25, id="l")
        task = f"Book flight {number} to {town}"
        await store.groups.submit(
            "lib", submission(won, lost, task=task, group_id=f"g{number}", ground_truth="42")
        )
        if town != "Oslo":
            update = await runner.begin("lib", "host", 8)
            assert update is not None
            await _answer(runner, update)
    await store.retrievals.record([Retrieval("r-1", "lib", 1, "a task", ("G1",))])
    update = await runner.begin("lib", "host", 8)
    assert update is not None
    await runner.ask(await runner.resume(update))
    await store.close()


async def _answer(runner: UpdateRunner, update: str) -> None:
    work = await runner.resume(update)
    while work.is_open:
        for request in await runner.ask(work):
            work, _ = await runner.answer(work, [(request.id, "no JSON")])
            work, _ = await runner.answer(work, [(request.id, sensible_answer(request.prompt))])
        work = await runner.finish(work, author="host test")


def test_exporting_an_import_gives_the_original_file(used: Program, tmp_path: Path) -> None:
    file = tmp_path / "lib.json"
    used.run("export", "lib", "--output", str(file))
    other = Program(tmp_path / "other.db")
    result = other.run("import", str(file))
    assert result.stdout == "lib is now at version 5, with 1 experience.\n"
    assert other.run("export", "lib").stdout == file.read_text()
    archive = Json(json.loads(file.read_text()))
    assert archive.all("updates", of="status") == [
        "published",
        "nothing_to_learn",
        "published",
        "open",
    ]
    assert archive.at("retrievals", 0, "served") == ["G1"]
    assert archive.at("library", "next_id") == 4


def test_an_imported_library_can_be_used_like_the_original(used: Program, tmp_path: Path) -> None:
    other = Program(tmp_path / "other.db")
    other.run("import", "-", stdin=used.run("export", "lib").stdout)
    for command in ("show lib", "history lib", "why G1 -l lib", "why G3 -l lib", "describe lib"):
        assert other.run(*command.split()).stdout == used.run(*command.split()).stdout
    asyncio.run(_finish(other.database))
    assert other.json("show", "lib").at("version") == 6
    added = other.json("edit", "add", "When new, count on.", "-l", "lib")
    assert added.at("experiences", 0, "id") == "G5"


async def _finish(database: Path) -> None:
    store = await open_store(database)
    await _answer(UpdateRunner(store, IndexCache(store)), (await store.updates.open("lib"))[0])
    await store.close()


def test_a_copy_in_the_same_database_gets_new_ids(used: Program) -> None:
    text = used.run("export", "lib").stdout
    refused = used.run("import", "-", stdin=text, fails=1)
    assert "library 'lib' already exists" in refused.stderr
    assert "--library" in refused.stderr
    used.run("import", "-", "--library", "copy", stdin=text)
    original, copy = json.loads(text), json.loads(used.run("export", "copy").stdout)
    assert [u["id"] for u in original["updates"]] != [u["id"] for u in copy["updates"]]
    retrieval = copy["retrievals"][0]["id"]
    assert retrieval != "r-1"
    assert copy["groups"][0]["attempts"][0]["retrieval_id"] == retrieval
    assert copy["wordings"] == original["wordings"]
    assert used.run("export", "lib").stdout == text


def test_without_attempts_the_history_is_complete_and_no_group_waits(
    used: Program, tmp_path: Path
) -> None:
    text = used.run("export", "lib", "--without-attempts").stdout
    assert "won 1" not in text
    other = Program(tmp_path / "other.db")
    other.run("import", "-", stdin=text)
    assert other.run("export", "lib", "--without-attempts").stdout == text
    assert other.run("history", "lib").stdout == used.run("history", "lib").stdout
    assert other.run("why", "G1", "-l", "lib").stdout == used.run("why", "G1", "-l", "lib").stdout
    assert other.json("libraries").at("libraries", 0, "waiting") == 0
    assert other.json("libraries").at("libraries", 0, "set_aside") == 1
    again = Program(tmp_path / "again.db")
    again.run("import", "-", stdin=other.run("export", "lib").stdout)


def test_files_with_attempts_are_readable_by_their_owner_only(
    used: Program, tmp_path: Path
) -> None:
    private, public, sheet = (tmp_path / name for name in ("a.json", "b.json", "c.md"))
    private.write_text("an old one")
    private.chmod(0o644)
    used.run("export", "lib", "-o", str(private), "--yes")
    used.run("export", "lib", "-o", str(public), "--without-attempts")
    used.run("export", "lib", "-o", str(sheet), "--format", "markdown")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (private, public, sheet)]
    assert modes[0] == 0o600
    assert modes[1] == modes[2] != 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_existing_file_is_replaced_only_with_consent(
    used: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_text("mine")
    for given in ((), ("--format", "markdown")):
        refused = used.run("export", "lib", str(file), *given, fails=1)
        assert refused.stderr == (
            f"Error: {file} already exists: add --yes to replace it, or name another file\n"
        )
    monkeypatch.setattr("server.cli.files.is_interactive", lambda: True)
    declined = used.run("export", "lib", str(file), stdin="\n", fails=1)
    assert f"{file} already exists. Replace it? [y/N]" in declined.stderr
    assert file.read_text() == "mine"
    used.run("export", "lib", str(file), stdin="y\n")
    exported = file.read_text()
    assert json.loads(exported)["library"]["name"] == "lib"
    for option in ("--yes", "-y", "--force"):
        file.write_text("mine")
        used.run("export", "lib", str(file), option)
        assert file.read_text() == exported


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for files")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_export_that_does_not_fit_is_an_error(
    program: Program, tmp_path: Path, unbuffered: str
) -> None:
    long = {"task": "x", "trajectories": [{"output": "y" * 190_000, "reward": 1}]}
    program.run("submit", "lib", "-", stdin=lines(long))
    command = shlex.join(cli_command("export", "lib"))
    process = subprocess.run(
        ["sh", "-c", f"ulimit -f 128; exec {command} > cut.json"],
        check=False,
        cwd=tmp_path,
        env=program.environment(
            PYTHONUNBUFFERED=unbuffered,
            PYTHONDONTWRITEBYTECODE="1",  # which the limit would cut
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (process.returncode, process.stderr) == (1, "Error: File too large\n")


def test_a_place_that_cannot_be_written_is_named(used: Program, tmp_path: Path) -> None:
    folder = used.run("export", "lib", str(tmp_path), fails=1)
    assert folder.stderr == f"Error: {tmp_path} is a folder: name a file in it\n"
    missing = tmp_path / "missing" / "a.json"
    nowhere = used.run("export", "lib", str(missing), fails=1)
    assert f"the folder {missing.parent} does not exist" in nowhere.stderr
    itself = used.run("export", "lib", str(used.database), "--yes", fails=1)
    assert "is the database itself" in itself.stderr


def _change(key: str, index: int, **changes: object) -> Corrupt:
    return lambda archive: archive[key][index].update(changes)


def _library(**changes: object) -> Corrupt:
    return lambda archive: cast("dict[str, object]", archive["library"]).update(changes)


def _late_wording(archive: dict[str, list[dict[str, object]]]) -> None:
    late = {"since": 9, "until": None, "operation": None}
    archive["wordings"].append(archive["wordings"][0] | late)


@pytest.mark.parametrize(
    ("corrupt", "reason"),
    [
        (_change("versions", 2, number=7), "versions must run from 0"),
        (_library(head=10**15), "versions must run from 0"),
        (_library(head=2**63), "library.head"),
        (_library(next_id=2**63), "library.next_id"),
        (_change("groups", 0, revision=2**63), "groups.0.revision"),
        (_change("versions", 2, size=7), "version 2: size 7 does not match its wordings"),
        (_change("versions", 1, update_id="update-x"), "update update-x does not exist"),
        (_change("wordings", 0, since=9), "does not match its wordings (0)"),
        (_late_wording, "G1 since version 9: is outside versions"),
        (_change("wordings", 0, operation=3), "operation 3 did not make it"),
        (_change("wordings", 0, id="G99"), "G99 is not below next_id"),
        (_change("wordings", 0, id="3"), "wordings.0.id"),
        (_change("operations", 0, kind="Steal"), "operations.0.kind"),
        (_change("operations", 0, experience=None), "must name the experience it made"),
        (_change("groups", 1, id="g0"), "duplicate group: g0"),
        (_change("groups", 0, attempts=[]), "has no attempt l, w"),
        (_change("groups", 0, secret="x"), "groups.0.secret"),
        (_change("links", 0, group="gone"), "one of them does not exist"),
        (_change("updates", 0, version=None), "if and only if it is published"),
        (_change("retrievals", 0, version=99), "version 99 does not exist"),
    ],
)
def test_an_inconsistent_archive_is_refused_before_anything_is_written(
    used: Program, tmp_path: Path, corrupt: Corrupt, reason: str
) -> None:
    archive = json.loads(used.run("export", "lib").stdout)
    corrupt(archive)
    other = Program(tmp_path / "other.db")
    result = other.run("import", "-", stdin=json.dumps(archive), fails=1)
    assert reason in result.stderr
    assert not other.database.exists()


def test_invalid_archives_and_those_of_newer_releases_are_reported(used: Program) -> None:
    text = used.run("export", "lib").stdout
    for change, reason in [
        (('"format_version": 1', '"format_version": 2'), "upgrade experience-mcp"),
        (("experience-mcp library", "another format"), "this is not an exported library"),
        ((text, text[:90]), "this is not an exported library: Invalid JSON"),
        ((text, "{"), "- is not JSON (Expecting property name"),
    ]:
        result = used.run("import", "-", "-l", "copy", stdin=text.replace(*change), fails=1)
        assert reason in result.stderr


def test_an_import_detects_changed_messages(used: Program) -> None:
    text = used.run("export", "lib").stdout.replace('"won 0"', '"won by far"')
    result = used.run("import", "-", "-l", "copy", stdin=text, fails=1)
    assert "has messages that do not match its digest" in result.stderr


def test_a_failed_import_leaves_nothing_behind(used: Program) -> None:
    text = used.run("export", "lib").stdout
    with closing(sqlite3.connect(used.database)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON retrieval BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    result = used.run("import", "-", "-l", "copy", stdin=text, fails=1)
    assert "could not be stored: full" in result.stderr
    assert used.json("libraries").all("libraries", of="name") == ["lib", "other"]


def test_markdown_is_imported_as_one_version(program: Program) -> None:
    program.run("describe", "lib", "--agent-objective", "Books flights")
    for text in ("When a: do b.", "When c, do d."):
        program.run("edit", "add", text, "--name", "Rule", "-l", "lib")
    program.run("edit", "retire", "G1", "-l", "lib")
    program.run("edit", "add", "Never: guess.", "-l", "lib")
    sheet = program.run("export", "lib", "--format", "markdown").stdout
    program.run("import", "-", "--library", "fresh", stdin=sheet)
    found = program.json("show", "fresh")
    assert found.at("version") == 1
    assert found.at("agent_objective") == "Books flights"
    assert found.all("experiences", of="id") == ["G1", "G2"]
    again = program.run("export", "fresh", "--format", "markdown").stdout
    assert [line.partition("] ")[2] for line in again.splitlines() if "- [" in line] == [
        line.partition("] ")[2] for line in sheet.splitlines() if "- [" in line
    ]
    assert "Skipped 2 experiences" in program.run("import", "-", "-l", "fresh", stdin=sheet).stderr


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        ("# Experiences: lib (version 1)\n", "- has no experiences: write each as an item"),
        ("Some prose.\n\nAnd more.\n", "- has no experiences: write each as an item"),
        ("- [G1] When x, do y.\n", "names no library"),
        (f"# Experiences: lib\n- {'word ' * 40}\n", "40 words"),
    ],
)
def test_invalid_markdown_adds_nothing(program: Program, sheet: str, reason: str) -> None:
    result = program.run("import", "-", stdin=sheet, fails=1)
    assert reason in " ".join(result.stderr.split())
    assert not program.database.exists() or not program.json("libraries").at("libraries")


LESSONS = ROOT / "tests" / "server" / "importing" / "files" / "lessons"


def lessons(program: Program, library: str = "lib") -> list[object]:
    return program.json("show", library).all("experiences", of="text")


@pytest.mark.parametrize(
    ("file", "number"),
    [("youtu-experiences.json", 2), ("ace-playbook.txt", 2), ("bullets.md", 3)],
)
def test_lessons_of_other_programs_are_imported(program: Program, file: str, number: int) -> None:
    program.run("import", "lib", str(LESSONS / file))
    found = lessons(program)
    assert len(found) == number
    assert found[:2] == [
        "When a sum has carries, add from the right.",
        "When dates are counted, decide first whether both ends count.",
    ]


def test_refused_lessons_are_listed_while_the_others_are_imported(program: Program) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    texts = ["When a, do b.", "word " * 40, f"Use {secret}.", "See https://example.com/x first."]
    result = program.run("import", "lib", "-", stdin=json.dumps(texts), fails=1)
    said = " ".join(result.stderr.split())
    assert said.count("Refused: ") == 3
    assert "40 words; at most 32 are allowed" in said
    assert "describe lib --max-words N" in said
    assert lessons(program) == ["When a, do b."]
    again = program.json("import", "lib", "-", stdin=json.dumps(texts), fails=1)
    assert len(again.all("refused", of="reason")) == 3


def test_an_import_shows_what_it_skipped(program: Program) -> None:
    result = program.run("import", "lib", str(LESSONS / "bullets.md"))
    said = " ".join(result.stderr.split())
    assert "line 1: 'Lessons'; line 6: 'Some prose paragraph that is no lesson.'" in said
    found = program.json("import", "lib", str(LESSONS / "bullets.md"), "--dry-run")
    assert found.all("skipped", of="place") == ["line 1", "line 6"]
    result = program.run("import", "lib", str(LESSONS / "ace-playbook.txt"))
    said = " ".join(result.stderr.split())
    assert "has only a name and a text: helpful and harmful (2)." in said


def test_a_dry_run_of_an_import_changes_nothing(used: Program, tmp_path: Path) -> None:
    fresh = Program(tmp_path / "fresh.db")
    result = fresh.run("import", "lib", str(LESSONS / "bullets.md"), "--dry-run")
    assert "G3  When a table is joined, deduplicate first." in result.stdout
    assert "lib would be at version 1, with 3 experiences." in result.stdout
    text = used.run("export", "lib").stdout
    result = fresh.run("import", "-", "--dry-run", stdin=text)
    assert "lib would be at version 5, with 1 experience." in result.stdout
    assert not fresh.database.exists()
    used.run("import", "lib", "--dry-run", str(LESSONS / "bullets.md"))
    assert used.json("show", "lib").at("version") == 5


def test_an_import_reports_experiences_that_the_policy_would_refuse(program: Program) -> None:
    program.run("describe", "lib", "--max-words", "40")
    program.run("edit", "add", "word " * 36 + "end.", "-l", "lib")
    program.run("describe", "lib", "--max-words", "32")
    text = program.run("export", "lib").stdout
    result = program.run("import", "-", "-l", "copy", stdin=text)
    assert "G1 would be refused today: 37 words" in result.stderr
