"""Writes a skill to a folder on disk, where hosts look for skills.

The folder is written next to its target and then renamed, so that hosts see the complete old skill
or the complete new one. Only an export of the same library is ever replaced, and an edited one only
on request, so that nothing written by hand is lost.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from experience_store.errors import ConflictError
from server.mcp.skills.folder import MAIN, REFERENCES, File, Skill, is_unchanged

_MOST_FILES = 600  # no skill has as many
_READABLE = 0o755


def write_folder(skill: Skill, where: Path, *, force: bool = False) -> Path:
    """Write a skill's folder.

    Args:
        skill: The skill.
        where: The folder that contains skills; the skill gets a subfolder of its name.
        force: Whether to replace an earlier export that was edited.

    Returns:
        The skill's folder.

    Raises:
        ConflictError: If something else is in its place.
    """
    where = where.expanduser().absolute()
    if (where / MAIN).exists():
        raise ConflictError(
            f"{where} is a skill itself: give the folder of the skills, such as {where.parent}"
        )
    target = where / skill.name
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConflictError(f"{target} is not a folder: move it, or choose another location")
    if target.exists() and any(target.iterdir()):  # an empty folder may be used
        _check_replaceable(target, skill, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{skill.name}.") as beside:
        made = Path(beside) / "new"
        _fill(made, skill)
        _put(made, target, Path(beside) / "old")
    return target


def _fill(folder: Path, skill: Skill) -> None:
    folder.mkdir(mode=_READABLE)
    for file in skill.files:
        path = folder / file.path
        path.parent.mkdir(mode=_READABLE, exist_ok=True)
        path.write_bytes(file.data)


def _put(made: Path, target: Path, old: Path) -> None:
    """Move the new folder into place; if that fails, the old one is put back."""
    if not target.exists():
        made.rename(target)
        return
    target.rename(old)
    try:
        made.rename(target)
    except OSError:
        old.rename(target)
        raise


def _check_replaceable(folder: Path, skill: Skill, *, force: bool) -> None:
    """Raise ConflictError if the folder is not an unedited export of the library."""
    if not _is_export_of(folder, skill):
        raise ConflictError(
            f"{folder} already exists and is not an export of this library: move it, or choose "
            "another location"
        )
    if not (force or _is_as_made(folder)):
        raise ConflictError(
            f"{folder} already exists and was edited since it was exported: move it, choose "
            "another location, or replace it with --force"
        )


def _is_export_of(folder: Path, skill: Skill) -> bool:
    main = folder / MAIN
    if main.is_symlink() or not main.is_file():
        return False
    text = main.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    head, end, _ = text.partition("\n---\n")
    return bool(end) and f"\n{skill.origin}" in head


def _is_as_made(folder: Path) -> bool:
    """Whether the folder is exactly as it was exported."""
    found: list[File] = []
    for number, path in enumerate(sorted(folder.rglob("*"))):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or number > _MOST_FILES:
            return False
        if path.is_file():
            found.append(File(name, path.read_bytes()))
        elif not (path.is_dir() and name == REFERENCES and any(path.iterdir())):
            return False  # a folder or a pipe that is not ours
    return is_unchanged(found)
