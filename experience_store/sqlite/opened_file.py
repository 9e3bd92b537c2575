"""Whether a path still leads to the file that was opened there.

SQLite goes on writing to a file that was deleted or replaced, where nobody will look for it. The
same holds for its log beside it (`-wal`), which holds the newest commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from experience_store.errors import StorageError

_Identity: TypeAlias = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A database file and its log, as they were when it was opened."""

    path: Path
    file: _Identity | None
    log: _Identity | None

    @classmethod
    def at(cls, path: Path) -> OpenedFile:
        """What is at the path now, once it has been written to."""
        return cls(path, _identity(path), _identity(_log(path)))

    def check(self) -> None:
        """Raise StorageError if one of them was deleted or replaced."""
        for path, before in ((self.path, self.file), (_log(self.path), self.log)):
            if before is not None and (now := _identity(path)) != before:
                what = "replaced" if now else "deleted"
                raise StorageError(
                    f"{path} was {what} while this process has it open: nothing is stored any more "
                    "until it is started again (`experience-mcp doctor` looks at the file)"
                )


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
