"""A run folder is its owner's alone, and no secret gets into it, into the database or out again."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from experience_store.testing import Asked, Said
from server.practice.records import Rollout, Score
from server.practice.run.journal import open_journal
from server.practice.run.redaction import Redactor
from server.practice.verifiers import VerifierError
from server.practice.verifiers.answer_match import MatchVerifier
from tests.server.practice.extras import needs_pages
from tests.server.practice.scripted_world import (
    Ended,
    Ground,
    answer,
    but,
    ground,
    is_attempt,
    tasks,
    teach,
    world,
)


def planted(place: str) -> str:
    """A key that looks like one of OpenAI's, another for each place."""
    return f"sk-proj-{place.ljust(12, '0')}4f9ZbQ71LmXw82TrNc5Vd3"


OWN_KEY = "local-endpoint-9182"  # is of no known form
HEADER, VARIABLE = "team-header-4471", "swordfish-0x"
PLACES = ("task", "truth", "id", "answer", "error", "teacher", "judge", "instructions")


def secretive(asked: Asked) -> Said:
    """The world, where everybody lets secrets slip."""
    if is_attempt(asked):
        if "number 3 " in asked.prompt:
            basic = base64.b64encode(f"me:{OWN_KEY}".encode()).decode()
            known = f"{OWN_KEY}, {basic}, {HEADER}, {VARIABLE}"
            return Said(f"bad key {planted('error')} or {known}", status=400)
        said = answer(asked)
        return replace(said, text=f"I used {planted('answer')}.\n{said.text}")
    said = teach(asked)
    if asked.prompt.startswith("You judge"):
        return replace(said, text=said.text.replace("as I see it", planted("judge")))
    return replace(said, text=said.text.replace("Details", f"Details {planted('teacher')}"))


def leaks(here: Ground, ended: Ended) -> list[str]:
    """Where a planted secret is in clear."""
    files = [path for path in here.run.rglob("*") if path.is_file()]
    files += here.folder.glob("experience.db*")
    texts = {path.name: path.read_bytes().decode("latin-1") for path in files}
    texts |= {"stdout": ended.output, "stderr": ended.errors}
    in_base64 = base64.b64encode(f"me:{OWN_KEY}".encode()).decode()[8:-4]
    secrets = [OWN_KEY, HEADER, VARIABLE, in_base64, *map(planted, PLACES)]
    return [f"{where}: {s}" for where, text in texts.items() for s in secrets if s in text]


def modes(folder: Path) -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in [folder, *folder.iterdir()]}


@needs_pages
async def test_no_secret_is_kept_or_printed_wherever_it_comes_from(tmp_path: Path) -> None:
    async with ground(tmp_path, secretive) as here:
        data = tasks(5)
        data[0]["task"] += f" Use {planted('task')}."
        data[1]["ground_truth"] += f" {planted('truth')}"
        data[2]["id"] = planted("id")
        here.data("practice.jsonl", data)
        options = ("--verifier", "judge", "--instructions", f"Key: {planted('instructions')}")
        options += ("--model-headers", json.dumps({"X-Api-Key": HEADER}))
        keys = {"OPENAI_API_KEY": OWN_KEY, "DB_PASSWORD": VARIABLE}
        ended = await here.invoke(here.arguments("practice", *here.evaluated, *options), **keys)
        assert ended.code == 0, ended
        prompts = " ".join(asked.conversation[0].text + asked.prompt for asked in here.attempts)
        assert planted("task") in prompts  # the agent got what it needs
        assert planted("instructions") in prompts
        judged = " ".join(asked.prompt for asked in here.questions)
        assert planted("answer") in judged  # and the verifier what the agent said

        assert leaks(here, ended) == []
        report = (here.run / "report.json").read_text()
        assert "[redacted:api-key]" in report
        assert modes(here.run) == {
            "run": 0o700,
            "run.db": 0o600,
            "report.html": 0o600,
            "report.json": 0o600,
        }
        calls = len(here.endpoint.calls)
        again = await here.invoke(here.arguments("practice", *here.evaluated, *options), **keys)
        assert (again.code, len(here.endpoint.calls)) == (0, calls)
        assert (here.run / "report.json").read_text() == report


@pytest.mark.usefixtures("no_pages")
@pytest.mark.exhaustive
async def test_the_verifier_scores_the_answer_as_it_was(tmp_path: Path) -> None:
    secret = planted("answer")
    async with ground(tmp_path, but(world, lambda a: Said(secret) if is_attempt(a) else None)) as h:
        h.data("practice.jsonl", [{"id": "a", "task": "Which key?", "ground_truth": secret}])
        await h.do("practice", code=4)
        assert h.report()["steps"][0]["mean_reward"] == 1
        with open_journal(h.run) as journal:
            answers = {r.answer for _, r in journal.all("*/rollout", Rollout)}
            assert answers == {"[redacted:api-key]"}
            scores = journal.keys("*/score")
            journal.forget(*scores[:2], *journal.keys("*/learned"), *journal.keys("*/handed-in"))
        before = len(h.attempts)
        await h.do("practice", code=4)  # as if it was killed before it scored two
        assert len(h.attempts) == before + 2
        assert h.report()["steps"][0]["mean_reward"] == 1


@pytest.mark.usefixtures("no_pages")
async def test_a_folder_of_an_older_release_is_made_private_and_redacted(tmp_path: Path) -> None:
    secret = planted("answer")
    async with ground(tmp_path) as here:
        await here.do("practice")
        calls = len(here.endpoint.calls)
        with closing(sqlite3.connect(here.run / "run.db")) as old, old:
            for number, body in old.execute("SELECT number, body FROM record").fetchall():
                text = body.replace("Let me see.", f"Let me see. {secret}")
                old.execute("UPDATE record SET body = ? WHERE number = ?", (text, number))
            old.execute("PRAGMA user_version = 1")
        assert secret.encode() in (here.run / "run.db").read_bytes()
        here.run.chmod(0o755)
        for path in here.run.iterdir():
            path.chmod(0o644)
        ended = await here.do("practice")
        assert len(here.endpoint.calls) == calls
        assert secret.encode() not in (here.run / "run.db").read_bytes()
        assert leaks(here, ended) == []
        assert set(modes(here.run).values()) == {0o700, 0o600}


def test_folders_above_a_run_are_private_too(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_journal(tmp_path / "runs" / "lib") as journal:
            journal.put("x", Score(reward=1))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) == 0o700


def test_a_folder_with_files_of_others_stays_open_to_them(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "notes.txt").chmod(0o644)
    tmp_path.chmod(0o755)
    with open_journal(tmp_path) as journal:
        journal.put("x", Score(reward=1))
        assert modes(tmp_path) == {
            tmp_path.name: 0o755,
            "notes.txt": 0o644,
            "run.db": 0o600,
            "run.db-wal": 0o600,
        }


@pytest.mark.usefixtures("no_pages")
async def test_tracebacks_of_a_verifier_are_kept_without_secrets_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def verify(*_: object) -> Score:
        raise VerifierError("it raised KeyError", traceback=f"checks.py, 3: {planted('error')}")

    monkeypatch.setattr(MatchVerifier, "verify", verify)
    async with ground(tmp_path) as here:
        ended = await here.do("practice", code=3)
        log = here.run / "verifier-errors.log"
        assert f"Tracebacks of the verifier: {log}" in ended.errors
        assert log.read_text().count("checks.py, 3: [redacted:api-key]") >= 10
        assert "steps/0001/task-t%2F" in log.read_text()
        assert leaks(here, ended) == []
        assert modes(here.run)[log.name] == 0o600


def test_redacting_twice_changes_nothing_more() -> None:
    redactor = Redactor([OWN_KEY, None, "none"])
    texts = [
        f"key={planted('a')} and postgres://me:hunter22@host/db, password: 'x1y2z3!!'",
        f"Authorization: Bearer {planted('b')}\n{OWN_KEY}{OWN_KEY}",
        json.dumps({"api_key": planted("c"), "deep": json.dumps({"token": planted("d")})}),
        "none of this is secret",
    ]
    once = [redactor.text(text) for text in texts]
    assert [redactor.text(text) for text in once] == once
    assert once[-1] == texts[-1]
    assert OWN_KEY not in " ".join(once)
