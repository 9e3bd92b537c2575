"""Reads and writes a host's file: atomically, one process at a time, never over others' changes."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import BadInputError, ConflictError
from server.cli.hosts.document import ConfigDocument, MalformedError
from server.settings import default_database

_BOM = b"\xef\xbb\xbf"
_OWNER_ONLY = 0o600
_LOCK_TIMEOUT = 30.0  # seconds; a change takes a few milliseconds
_LOCK_POLL = 0.02


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file as it was read.

    Attributes:
        path: The file itself, with links followed.
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
        """A new text as bytes of this file: with a byte order mark, if it had one."""
        return (_BOM if (self.raw or b"").startswith(_BOM) else b"") + text.encode()


def read_file(path: Path) -> ConfigFile:
    """A file as it is; links are followed, so that they stay links.

    Raises:
        BadInputError: It is a folder, or a link to itself.
    """
    try:
        real = path.resolve()
    except RuntimeError:  # Python before 3.13 says so
        real = path
    if real.is_symlink():
        raise BadInputError(f"{path} is a link to itself: remove or fix it")
    if real.is_dir():
        raise BadInputError(f"{path} is a folder, not a file")
    return ConfigFile(real, real.read_bytes() if real.exists() else None)


def write_file(file: ConfigFile, content: bytes | None) -> None:
    """Replace the bytes that were read; None deletes the file.

    Raises:
        BadInputError: It is read-only.
        ConflictError: It was changed since it was read.
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
    """Check that the file may be written.

    Raises:
        BadInputError: It is read-only.
    """
    if file.raw is None or not file.path.exists():
        return
    if not file.path.stat().st_mode & stat.S_IWUSR or not os.access(file.path, os.W_OK):
        raise BadInputError(f"{file.path} is read-only; nothing was changed")


def _check_unchanged(file: ConfigFile) -> None:
    """Called directly before the file is replaced, to leave others hardly any time."""
    if read_file(file.path).raw != file.raw:
        raise ConflictError(f"{file.path} was changed meanwhile; nothing was written. Try again")


def open_document(text: str, path: Path) -> ConfigDocument:
    """The document of a file's text; the suffix of the file tells the format.

    Raises:
        BadInputError: The text is malformed.
    """
    try:
        if path.suffix == ".toml":
            from server.cli.hosts.toml_document import TomlDocument  # noqa: PLC0415  # and tomlkit

            return TomlDocument(text)
        from server.cli.hosts.json_document import JsonDocument  # noqa: PLC0415  # one or the other

        return JsonDocument(text)
    except MalformedError as error:
        raise error.in_file(path) from error


@contextmanager
def exclusive_lock() -> Generator[None]:
    """Keep other processes of this program out. The system ends the lock when one is killed.

    Raises:
        ConflictError: Another process held the lock for half a minute.
    """
    path = default_database().parent / "hosts.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
    try:
        until = time.monotonic() + _LOCK_TIMEOUT
        while not _locked(handle):
            if time.monotonic() > until:
                raise ConflictError(f"another process holds {path}; nothing was written. Try again")
            time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _locked(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
