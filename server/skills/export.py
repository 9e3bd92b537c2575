"""A skill as a folder on disk, for hosts that look for skills there.

A folder is written beside its place and then moved there, so that hosts find the whole old skill
or the whole new one. Only a folder that was written like this, and not changed since, is replaced
without being told to: what somebody wrote by hand is not lost.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from experience_store.errors import ConflictError
from server.skills.folder import File, Skill, is_unchanged

_MOST_FILES = 600  # more than any skill has
_READABLE = 0o755


def write_folder(skill: Skill, where: Path, *, force: bool = False) -> Path:
    """Write a skill's folder.

    Args:
        skill: What to write.
        where: A folder of skills, or the skill's own folder if it is called like the skill.
        force: Whether a folder that is something else is replaced.

    Returns:
        The skill's own folder.

    Raises:
        ConflictError: If something else is there.
    """
    where = where.expanduser().absolute()
    target = where if where.name == skill.name else where / skill.name
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ConflictError(f"{target} is no folder: move it away, or name another place")
    if target.exists() and not force and not _is_own(target):
        raise ConflictError(
            f"{target} is there already and is not as an export left it: move it away, name "
            "another place, or replace it with --force"
        )
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
    """Move the new folder into its place; if that fails, the old one is where it was."""
    if not target.exists():
        made.rename(target)
        return
    target.rename(old)
    try:
        made.rename(target)
    except OSError:
        old.rename(target)
        raise


def _is_own(folder: Path) -> bool:
    """Whether the folder is as an export left it; an empty one is nobody's."""
    found: list[File] = []
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.is_symlink() or number > _MOST_FILES:
            return False
        if not path.is_dir():
            name = path.relative_to(folder).as_posix()
            found.append(File(name, path.read_bytes()))
    return not found or is_unchanged(found)
