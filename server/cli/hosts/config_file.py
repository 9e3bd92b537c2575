"""Reading and writing a host's file: whole or not at all, and never over somebody's change."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import BadInputError, ConflictError

_BOM = b"\xef\xbb\xbf"
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as it was read.

    Attributes:
        path: The file itself, also where a link led to it.
        raw: Its bytes, None if there is no file.
    """

    path: Path
    raw: bytes | None

    @property
    def text(self) -> str:
        """Its text, empty if there is no file.

        Raises:
            BadInputError: It is not UTF-8.
        """
        try:
            return (self.raw or b"").removeprefix(_BOM).decode()
        except UnicodeDecodeError as error:
            raise BadInputError(f"{self.path} is not UTF-8; nothing was changed") from error

    def encoded(self, text: str) -> bytes:
        """A new text as the bytes of this file: with the mark at its head, if it had one."""
        return (_BOM if (self.raw or b"").startswith(_BOM) else b"") + text.encode()


def read_file(path: Path) -> ConfigFile:
    """A file as it is; a link is followed, so that it stays one.

    Raises:
        BadInputError: It is a folder, or a link that leads nowhere but to itself.
    """
    try:
        real = path.resolve()
    except RuntimeError:  # Python before 3.13 says so
        real = path
    if real.is_symlink():
        raise BadInputError(f"{path} is a link that leads to itself: remove it, or mend it")
    if real.is_dir():
        raise BadInputError(f"{path} is a folder, where a file should be")
    return ConfigFile(real, real.read_bytes() if real.exists() else None)


def write_file(file: ConfigFile, content: bytes | None) -> None:
    """Put new bytes in place of those that were read; None takes the file away.

    Raises:
        BadInputError: It may not be written.
        ConflictError: Somebody has changed it since it was read.
    """
    check_writable(file)
    if content is None:
        _check_unchanged(file)
        file.path.unlink(missing_ok=True)
        return
    file.path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.path.parent, prefix=f".{file.path.name}.")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        _check_unchanged(file)
        mode = _OWNER_ONLY if file.raw is None else stat.S_IMODE(file.path.stat().st_mode)
        Path(name).chmod(mode)
        Path(name).replace(file.path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_writable(file: ConfigFile) -> None:
    """Nothing, if the file may be written.

    Raises:
        BadInputError: It is read-only, or there is no file any more.
    """
    if file.raw is None or not file.path.exists():
        return
    if not file.path.stat().st_mode & stat.S_IWUSR or not os.access(file.path, os.W_OK):
        raise BadInputError(f"{file.path} is read-only; nothing was changed")


def _check_unchanged(file: ConfigFile) -> None:
    """Directly before the file is replaced, so that hardly any time is left for others."""
    if read_file(file.path).raw != file.raw:
        raise ConflictError(f"{file.path} was changed meanwhile; nothing was written. Try again")
