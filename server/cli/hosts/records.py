"""What was put into a host's file, and what was there before: enough to undo precisely that.

A record and a copy of the file stand in the user's data directory, for their owner only: hosts'
files can hold keys, and a copy beside a project's file would end in somebody's repository.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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
        inputs: The ids of what the host was told to ask for.
        existed: Whether there was a file before.
        written: SHA-256 of the file after the last writing; empty if others had a hand in it.
    """

    file: Path
    name: str
    entry: dict[str, object]
    inputs: list[str]
    existed: bool
    written: str


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """Where the record about an entry in a file is."""

    record: Path
    before: Path

    @classmethod
    def of(cls, file: Path, name: str) -> RecordPlace:
        """The place for an entry of a file."""
        folder = default_database().parent / "hosts"
        stem = f"{digest(f'{file}:{name}'.encode())[:16]}-{file.stem}"
        return cls(folder / f"{stem}.record.json", folder / f"{stem}.before{file.suffix}")

    def read(self) -> Record | None:
        """The record, None if there is none that can be read."""
        try:
            return Record.model_validate_json(self.record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, before: ConfigFile, record: Record) -> None:
        """Keep a record with the file as it was before."""
        write_file(read_file(self.before), before.raw)
        self.update(record)

    def update(self, record: Record) -> None:
        """Keep a newer record with the same file."""
        write_file(read_file(self.record), record.model_dump_json(indent=2).encode())

    def forget(self) -> None:
        """There is nothing to undo any more. The copy stays: it is the user's only one."""
        self.record.unlink(missing_ok=True)


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(content).hexdigest()
