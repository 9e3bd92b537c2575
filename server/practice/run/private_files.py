"""The files of a run folder, which only their owner can read: they hold tasks and attempts."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from experience_store.private_folder import make_private_folder

JOURNAL = "run.db"
REPORTS = ("report.html", "report.json")
VERIFIER_ERRORS = "verifier-errors.log"
_JOURNAL_FILES = tuple(f"{JOURNAL}{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))
_OWN = frozenset(
    {
        *_JOURNAL_FILES,
        *REPORTS,
        *(f".{name}.new" for name in REPORTS),
        VERIFIER_ERRORS,
    }
)
_FOLDER, _FILE = 0o700, 0o600


def make_folder(folder: Path) -> bool:
    """Make the folder if there is none, for its owner only; returns whether it was made."""
    if folder.is_dir():
        return False
    make_private_folder(folder)
    return True


def make_private(folder: Path) -> None:
    """Make the run's files their owner's alone; and the folder, if it holds nothing else.

    Earlier releases left them readable by others.
    """
    there = os.listdir(folder)  # noqa: PTH208  # names are wanted
    with suppress(OSError):  # perhaps somebody else's, or a file system without modes
        for name in _OWN.intersection(there):
            (folder / name).chmod(_FILE)
        if _OWN.issuperset(there):
            folder.chmod(_FOLDER)


def create(path: Path) -> None:
    """Create a file that only its owner can read, if there is none."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _FILE))


def write(path: Path, content: bytes) -> None:
    """Write a file in one step, readable by its owner: the old one or the new one, never half."""
    beside = path.with_name(f".{path.name}.new")
    try:
        create(beside)
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def append(path: Path, text: str) -> None:
    """Append to a file that only its owner can read."""
    create(path)
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write(text)


def remove(folder: Path, *, journal_only: bool) -> None:
    """Remove what a run left that did nothing; and its folder, if nothing else is in it.

    Args:
        folder: The run's folder.
        journal_only: Whether the folder stays, because it was there before.
    """
    with suppress(OSError):
        for name in _JOURNAL_FILES:
            (folder / name).unlink(missing_ok=True)
        if not journal_only:
            folder.rmdir()
