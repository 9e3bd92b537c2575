"""The demo is real: its answers are answers to the very prompts that the learner makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from server.child_process import cli_command
from server.cli import demo_recording as demo
from server.cli.hosts import launch
from tests.processes import starting
from tests.server.cli.program import Program


def experience_mcp(
    *arguments: str, cwd: Path, program: list[str] | None = None, fails: bool = False
) -> str:
    """What a process of its own says, on a machine that has only what is below `cwd`."""
    ended = subprocess.run(
        [*(program or starting.cli_command()), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), "COLUMNS": "200"},
    )
    assert (ended.returncode != 0) == fails, ended.stderr
    return ended.stderr if fails else ended.stdout


@pytest.fixture
def folder_with_server(tmp_path: Path) -> Path:
    """A folder with packages of its own that are named like ours and must not be imported."""
    folder = tmp_path / "a project"
    for package in ("server", "experience_store", "mcp"):
        (folder / package).mkdir(parents=True)
        text = f'raise RuntimeError("the {package} of the working directory was imported")\n'
        (folder / package / "__init__.py").write_text(text)
    return folder


def test_the_demo_learns_from_recorded_attempts_over_stdio_and_shows_what_and_from_where(
    folder_with_server: Path,
) -> None:
    said = experience_mcp("demo", cwd=folder_with_server, program=cli_command())

    assert "Version 1 of the library" in said
    assert "Add G1" in said
    assert "[G1]" in said
    assert "rewards" in said
    assert "install claude-code" in said
    assert not list(folder_with_server.rglob("*.db"))


def test_the_command_of_a_host_without_the_script_works_in_any_folder(
    folder_with_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "APP", "not-installed-as-a-script")
    program = launch.program()

    assert program == cli_command()
    assert "experience-mcp" in experience_mcp("--version", cwd=folder_with_server, program=program)


def test_what_the_demo_keeps_can_be_shown_traced_and_deleted(tmp_path: Path) -> None:
    experience_mcp("demo", "--keep", cwd=tmp_path)
    (database,) = tmp_path.rglob("*.db")
    kept = Program(database)

    assert kept.json("show", "payables").at("version") == 1
    assert "bolts" in kept.run("why", "G1", "--library", "payables").stdout
    assert "+ G1" in kept.run("history", "payables").stdout
    kept.run("delete", "payables", "--yes")
    assert kept.json("libraries").at("libraries") == []


def test_the_demo_says_the_commands_that_show_what_it_kept(tmp_path: Path) -> None:
    database = tmp_path / "kept here.db"
    said = experience_mcp("demo", "--keep", "--database", str(database), cwd=tmp_path)

    for command in ("show payables", "why G1 --library payables", "history payables"):
        assert f"{command} --database '{database}'" in said
    assert [path.name for path in tmp_path.rglob("*.db")] == [database.name]


def test_the_demo_keeps_nothing_where_a_library_of_its_name_is(tmp_path: Path) -> None:
    mine = Program(tmp_path / "mine.db")
    mine.run("describe", "payables", "--agent-objective", "pays")
    said = mine.run("demo", "--keep", fails=1).stderr

    assert "already has a library 'payables'" in said
    assert "delete payables" in said
    assert mine.json("show", "payables").at("version") == 0


def test_a_database_that_cannot_be_opened_is_told_before_the_demo(tmp_path: Path) -> None:
    (tmp_path / "mine.db").write_text("no database" * 100)
    ended = Program(tmp_path / "mine.db").run("demo", "--keep", fails=1)

    assert "mine.db" in ended.stderr
    assert ended.stdout == ""


def test_a_database_for_the_demo_without_keep_is_an_error(tmp_path: Path) -> None:
    database = tmp_path / "mine.db"

    assert "--keep" in Program(database).run("demo", "--database", str(database), fails=2).stderr
    assert not database.exists()


def test_three_of_the_four_recorded_groups_have_signal() -> None:
    rewards = [{t["reward"] for t in g.trajectories} for g in demo.groups()]

    assert [len(g.trajectories) for g in demo.groups()] == [4, 4, 4, 4]
    assert sum(len(r) > 1 for r in rewards) == 3
