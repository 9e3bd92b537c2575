"""What was put into a host's file, and what was there before: enough to undo precisely that.

A record and a copy of the file stand in the user's data directory, for their owner only: hosts'
files can hold keys, and a copy beside a project's file would end in somebody's repository.

A record is kept as intended before the file is written, and confirmed afterwards. Whoever reads it
between the two, because the program was killed, sees by the file which one is true.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import BaseModel, ValidationError

from server.cli.hosts.config_file import ConfigFile, read_file, write_file
from server.settings import default_database


class Record(BaseModel):
    """One installation.

    Attributes:
        file: The host's file.
        name: Of the server's entry.
        entry: What was written there.
        older: What stood there before the first installation, None if nothing did.
        existed: Whether there was a file before.
        before: Name of the copy of the file before, None if there was no file.
        made: The tables that the file did not have before.
        inputs: The ids of what the host was told to ask for.
        secrets: The variables that were given a value in the entry's `env`, with the last one.
        written: SHA-256 of the file after the last writing; empty if others had a hand in it.
    """

    file: Path
    name: str
    entry: dict[str, object]
    older: object = None
    existed: bool
    before: str | None
    made: list[str]
    inputs: list[str]
    secrets: dict[str, list[str]]
    written: str


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where the record about an entry in a file is."""

    folder: Path
    stem: str
    suffix: str

    @classmethod
    def of(cls, file: Path, name: str) -> RecordPlace:
        """The place for an entry of a file."""
        stem = f"{digest(f'{file}:{name}'.encode())[:16]}-{file.stem}"
        return cls(default_database().parent / "hosts", stem, file.suffix)

    @property
    def record(self) -> Path:
        """The file of the record."""
        return self.folder / f"{self.stem}.record.json"

    @property
    def intended(self) -> Path:
        """The file of a record whose change is not known to be made."""
        return self.folder / f"{self.stem}.intended.json"

    def read(self, raw: bytes | None, entry: Callable[[], object]) -> Record | None:
        """The record that is true of a file, None if there is none that can be read.

        Args:
            raw: The host's file as it is.
            entry: What gives the entry in it.
        """
        intended = _loaded(self.intended)
        if intended and (digest(raw or b"") == intended.written or entry() == intended.entry):
            return intended
        return _loaded(self.record)

    def next_copy(self) -> str:
        """The name of a copy that is not there yet: no copy is ever overwritten."""
        names = (f"{self.stem}.before{f'-{n}' if n > 1 else ''}{self.suffix}" for n in count(1))
        return next(name for name in names if not (self.folder / name).exists())

    def intend(self, record: Record) -> None:
        """Keep a record of what is about to be written."""
        write_file(read_file(self.intended), record.model_dump_json(indent=2).encode())

    def confirm(self) -> None:
        """What was intended is written."""
        self.intended.replace(self.record)

    def withdraw(self) -> None:
        """What was intended is not written."""
        self.intended.unlink(missing_ok=True)

    def forget(self, record: Record, left: bytes | None) -> None:
        """There is nothing to undo any more.

        A copy stays, as it may be the user's only one, unless it is the file as it is now, or
        holds a token that was put there by us.
        """
        self.withdraw()
        self.record.unlink(missing_ok=True)
        tokens = [json.dumps(token).encode() for kept in record.secrets.values() for token in kept]
        for copy in self.folder.glob("*.before*"):
            content = copy.read_bytes()
            same = copy.name == record.before and content == left
            if same or any(token in content for token in tokens):
                copy.unlink()


def records_about(file: Path) -> list[Record]:
    """The records of all entries in a file."""
    folder = default_database().parent / "hosts"
    found = (_loaded(path) for path in sorted(folder.glob("*.record.json")))
    return [record for record in found if record and record.file == file]


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(content).hexdigest()


def copy_in(folder: Path, name: str, file: ConfigFile) -> None:
    """Keep a copy of a file."""
    write_file(read_file(folder / name), file.raw)


def _loaded(path: Path) -> Record | None:
    try:
        return Record.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
