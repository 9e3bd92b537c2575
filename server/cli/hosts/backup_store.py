"""Backups in the user's data directory, for their owner only.

Hosts' files can hold keys, and a backup in a project would end up in a repository. Beside each
backup are copies of the file for its owner, which undo never reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import BaseModel, ValidationError

from server.cli.hosts.backup import INPUTS, Backup, input_ids, without
from server.cli.hosts.config_file import ConfigFile, open_document, read_file, write_file
from server.settings import default_database

_TABLES = ("mcpServers", "servers", "mcp_servers")


@dataclass(frozen=True, slots=True)
class BackupStore:
    """The backup of one entry, and the copies of its file."""

    file: Path
    name: str

    @property
    def folder(self) -> Path:
        """The folder of all backups."""
        return default_database().parent / "hosts"

    @property
    def _stem(self) -> str:
        digest = hashlib.sha256(f"{self.file}:{self.name}".encode()).hexdigest()
        return f"{digest[:16]}-{self.file.stem}"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self._stem}.record.json"

    def load(self, file: ConfigFile) -> Backup | None:
        """The backup of what is installed in a file, None if there is none that can be read."""
        backup = _loaded(self._record, file)
        was_killed = backup and file.raw is not None and file.text == backup.before
        return None if was_killed else backup  # it was stored, and the file never written

    def save(self, backup: Backup | None) -> None:
        """Store the backup; None drops it."""
        if backup is None:
            self._record.unlink(missing_ok=True)
        else:
            _save(self._record, backup)

    def next_copy(self) -> Path:
        """A place for a copy: no copy is ever overwritten."""
        stem = self.folder / f"{self._stem}.before"
        places = (f"{stem}{f'-{n}' if n > 1 else ''}{self.file.suffix}" for n in count(1))
        return next(path for place in places if not (path := Path(place)).exists())

    def others_without(self, backup: Backup, file: ConfigFile) -> dict[Path, Backup]:
        """The backups of the file's other entries, as if this one had never been installed."""
        return {path: without(backup, other) for path, other in self._others(file)}

    def forget(self, backup: Backup, others: dict[Path, Backup], left: bytes | None) -> None:
        """Drop a backup that was undone, and replace those of the other entries.

        A copy stays, as it may be the user's only one, unless it is the file as it is now, or holds
        a token that was installed.
        """
        for path, other in others.items():
            _save(path, other)
        self.save(None)
        tokens = [json.dumps(token).encode() for kept in backup.secrets.values() for token in kept]
        for copy in self.folder.glob("*.before*"):
            content = copy.read_bytes()
            same = copy.name.startswith(f"{self._stem}.before") and content == left
            if same or any(token in content for token in tokens):
                copy.unlink()

    def _others(self, file: ConfigFile) -> Iterator[tuple[Path, Backup]]:
        for path in self.folder.glob("*.record.json"):
            backup = _loaded(path, file)
            if backup and backup.file == self.file and backup.name != self.name:
                yield path, backup


def _save(path: Path, backup: Backup) -> None:
    write_file(read_file(path), backup.model_dump_json(indent=2).encode())


def _loaded(path: Path, file: ConfigFile) -> Backup | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return Backup.model_validate_json(content)
    except ValidationError:
        return _read_older(content, path.parent, file)


class _OlderRecord(BaseModel, frozen=True):
    """A backup of the first version, which held the entry and the name of a copy of the file.

    Attributes:
        entry: The entry that was written.
        older: The entry that was there before, None if there was none.
        existed: Whether there was a file before.
        before: The name of the copy of that file.
        inputs: The ids of what the host was told to ask for.
        written: SHA-256 of the file as it was written.
    """

    file: Path
    name: str
    entry: dict[str, object]
    older: object = None
    existed: bool
    before: str | None
    inputs: list[str]
    secrets: dict[str, list[str]]
    written: str


def _read_older(content: bytes, folder: Path, file: ConfigFile) -> Backup | None:
    """The backup in a record of the first version; None if it is not one, or of another file.

    Args:
        content: The record.
        folder: The folder of the copies.
        file: The host's file as it is now.
    """
    try:
        record = _OlderRecord.model_validate_json(content)
    except ValidationError:
        return None
    if record.file != file.path:
        return None
    now = open_document(file.text, file.path)
    usual = "mcp_servers" if file.path.suffix == ".toml" else "mcpServers"
    servers = next((t for t in _TABLES if now.get(t, record.name) is not None), usual)
    copy = read_file(folder / (record.before or "none"))
    is_lost = record.existed and copy.raw is None
    as_written = hashlib.sha256(file.raw or b"").hexdigest() == record.written and not is_lost
    before = copy.text if record.existed or (as_written and copy.raw is not None) else None
    if is_lost and record.older is not None:
        before = _with_entry("", record, servers, record.older)
    return Backup(
        file=record.file,
        servers=servers,
        name=record.name,
        before=before,
        after=file.text if as_written else _with_entry(before or "", record, servers, record.entry),
        secrets=record.secrets,
        copy_name=record.before,
        reconstructed=is_lost and record.older is not None,
    )


def _with_entry(text: str, record: _OlderRecord, servers: str, entry: object) -> str:
    """A text with an entry, equal to what was in the file but for the formatting."""
    document = open_document(text, record.file)
    document.update(servers, record.name, value=entry)
    for asked in record.inputs if entry == record.entry else ():
        document.set(INPUTS, len(input_ids(document)), value={"id": asked})
    return document.text
