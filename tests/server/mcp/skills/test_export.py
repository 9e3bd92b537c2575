"""A library as a skill on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.server.cli.program import Program

LESSON = "When a customer wants a refund, check the fare rules."


@pytest.fixture
def program(database: Path) -> Program:
    made = Program(database)
    made.run("edit", "add", LESSON, "-l", "my_work")
    made.run("edit", "add", LESSON, "-l", "airline")
    return made


def export(program: Program, library: str, to: Path, *options: str, fails: int = 0) -> str:
    return program.run(
        "export", library, str(to), "--format", "skill", *options, fails=fails
    ).stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_skill_gets_a_folder_of_its_own_name(program: Program, tmp_path: Path) -> None:
    said = export(program, "my_work", tmp_path / "skills")
    (folder,) = (tmp_path / "skills").iterdir()
    text = (folder / "SKILL.md").read_text(encoding="utf-8")

    assert folder.name.startswith("my-work-x")
    assert f"\nname: {folder.name}\n" in text
    assert LESSON in text
    assert str(folder) in said


def test_the_name_is_always_appended(program: Program, tmp_path: Path) -> None:
    export(program, "airline", tmp_path / "airline")
    inside = export(program, "airline", tmp_path / "airline" / "airline", fails=1)

    assert names(tmp_path / "airline") == ["airline"]
    assert names(tmp_path / "airline" / "airline") == ["SKILL.md"]
    assert "is a skill itself" in inside


def test_a_library_named_like_the_skills_folder_leaves_the_others(
    program: Program, tmp_path: Path
) -> None:
    other = tmp_path / "airline" / "other" / "SKILL.md"
    other.parent.mkdir(parents=True)
    other.write_text("precious", encoding="utf-8")
    export(program, "airline", tmp_path / "airline", "--force")

    assert other.read_text(encoding="utf-8") == "precious"
    assert names(tmp_path / "airline") == ["airline", "other"]


@pytest.mark.parametrize(
    "text",
    [
        "My own words.",
        "---\nname: airline\nmetadata:\n  generator: experience-mcp\n  library: other\n---\n",
        "---\nname: airline\n---\n\n  generator: experience-mcp\n  library: airline\n",
    ],
    ids=["words", "another-library", "mark-in-the-text"],
)
def test_only_an_export_of_the_same_library_is_replaced(
    program: Program, tmp_path: Path, text: str
) -> None:
    mine = tmp_path / "airline" / "SKILL.md"
    mine.parent.mkdir()
    mine.write_text(text, encoding="utf-8")
    refused = export(program, "airline", tmp_path, "--force", fails=1)

    assert "is not an export of this library" in refused
    assert mine.read_text(encoding="utf-8") == text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["pipe", "SKILL.md"])
def test_a_named_pipe_in_the_folder_does_not_block(
    program: Program, tmp_path: Path, name: str
) -> None:
    export(program, "airline", tmp_path)
    pipe = tmp_path / "airline" / name
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)

    assert "already exists" in export(program, "airline", tmp_path, fails=1)


def test_an_empty_folder_added_inside_is_not_silently_lost(
    program: Program, tmp_path: Path
) -> None:
    export(program, "airline", tmp_path)
    (tmp_path / "airline" / "drafts").mkdir()

    assert "--force" in export(program, "airline", tmp_path, fails=1)
    assert names(tmp_path / "airline") == ["SKILL.md", "drafts"]


def test_an_export_is_replaced_by_a_later_one(program: Program, tmp_path: Path) -> None:
    export(program, "airline", tmp_path)
    program.run("edit", "add", "When a flight is full, offer the next.", "-l", "airline")
    export(program, "airline", tmp_path)

    assert "the next" in (tmp_path / "airline" / "SKILL.md").read_text(encoding="utf-8")
    assert "airline" in names(tmp_path)
    assert not [name for name in names(tmp_path) if name.startswith(".airline")]


@pytest.mark.parametrize("file", ["SKILL.md", "notes.md", "references/mine.md"])
def test_edited_files_are_kept_unless_forced(program: Program, tmp_path: Path, file: str) -> None:
    export(program, "airline", tmp_path)
    mine = tmp_path / "airline" / file
    mine.parent.mkdir(exist_ok=True)
    with mine.open("a", encoding="utf-8") as added:
        added.write("My own words.")
    refused = export(program, "airline", tmp_path, fails=1)
    kept = mine.read_text(encoding="utf-8")
    export(program, "airline", tmp_path, "--force")

    assert "--force" in refused
    assert kept.endswith("My own words.")
    assert names(tmp_path / "airline") == ["SKILL.md"]


def test_a_symlink_is_never_followed(program: Program, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "airline").symlink_to(tmp_path / "elsewhere")
    refused = export(program, "airline", tmp_path, "--force", fails=1)

    assert "is not a folder" in refused
    assert names(tmp_path / "elsewhere") == []


def test_if_the_new_folder_cannot_be_moved_in_the_old_one_stays(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(program, "airline", tmp_path)
    before = (tmp_path / "airline" / "SKILL.md").read_bytes()
    program.run("edit", "add", "When a flight is full, offer the next.", "-l", "airline")
    rename = os.rename

    def fail_for_the_new(source: Path, target: Path) -> None:
        if Path(source).name == "new":
            raise OSError(5, "broken", str(target))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_for_the_new)
    export(program, "airline", tmp_path, fails=1)

    assert (tmp_path / "airline" / "SKILL.md").read_bytes() == before


def test_a_library_that_cannot_be_a_skill_is_an_error(program: Program, tmp_path: Path) -> None:
    program.run("describe", "empty", "--agent-objective", "Waits")
    nowhere = program.run("export", "airline", "--format", "skill", fails=1).stderr

    assert "has no experiences" in export(program, "empty", tmp_path, fails=1)
    assert "name its parent folder" in nowhere
    assert not [name for name in names(tmp_path) if name.startswith("empty")]
