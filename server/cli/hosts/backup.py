"""The backup of one installed entry: the text of the host's file before it and with it.

If the file is still as it was written, undo restores the text before. Otherwise it takes back the
lines that were written; if they have changed, the entry alone.

Backups are kept in the user's data directory, for their owner only: hosts' files can hold keys, and
a backup in a project would end up in a repository. Beside each backup are copies of the file, which
undo never reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

from pydantic import BaseModel, ValidationError

from experience_store.errors import BadInputError
from server.cli.hosts.config_file import ConfigFile, open_document, read_file, write_file
from server.cli.hosts.document import ConfigDocument
from server.json_values import as_list, as_object
from server.settings import default_database

INPUTS = "inputs"
_TABLES = ("mcpServers", "servers", "mcp_servers")


class Backup(BaseModel, frozen=True):
    """One installed entry.

    Attributes:
        file: The host's file.
        servers: The table of servers in it.
        name: The name of the entry.
        before: The text of the file without the entry, None if there was no file.
        after: The text of the file with it.
        secrets: The variables that were given a value in the entry's `env`, with all values.
        copy_name: The copy of the file as it was at first, None if there was no file.
        reconstructed: Whether `before` is not a copy, but made from the old entry.
    """

    file: Path
    servers: str
    name: str
    before: str | None
    after: str
    secrets: dict[str, list[str]]
    copy_name: str | None
    reconstructed: bool = False

    def entry_in(self, text: str) -> object | None:
        """The entry in a text."""
        return self._open(text).get(self.servers, self.name)

    def was_changed(self, text: str) -> bool:
        """Whether somebody else has changed the entry in a text."""
        return self.entry_in(text) not in (self.entry_in(self.after), None)

    def undone(self, text: str) -> str | None:
        """A text of the file without what was installed, None if the file should go.

        Raises:
            BadInputError: The text is malformed, or cannot be edited safely.
        """
        if text == self.after:
            return self.before
        document = self._open(text)
        unchanged = document.text
        self._take_back(document)
        result = text if document.text == unchanged else document.text
        lines = _reverted(text, self.before or "", self.after)
        if lines is not None and self._means(lines, document):
            result = lines
        is_empty = not result.strip().strip("{}").strip()
        return None if self.before is None and is_empty else result

    def _open(self, text: str) -> ConfigDocument:
        return open_document(text, self.file)

    def _means(self, text: str, document: ConfigDocument) -> bool:
        try:
            return self._open(text).get() == document.get()
        except BadInputError:
            return False

    def _take_back(self, document: ConfigDocument) -> None:
        """Take back the entry and its inputs, and the tables that were made for them."""
        before, after = self._open(self.before or ""), self._open(self.after)
        entry = self.servers, self.name
        if before.get(*entry) is None:
            document.remove(*entry)
        elif before.get(*entry) != document.get(*entry):
            document.restore(before.text, *entry)
        for asked in input_ids(after):
            wanted = f"${{input:{asked}}}" in document.text or asked in input_ids(before)
            if asked in input_ids(document) and not wanted:
                document.remove(INPUTS, input_ids(document).index(asked))
        for table in (self.servers, INPUTS):
            if before.get(table) is None and document.get(table) in ({}, []):
                document.remove(table)


def input_ids(document: ConfigDocument) -> list[object]:
    """The ids of what the host asks its user for."""
    asked = as_list(document.get(INPUTS)) or []
    return [(as_object(item) or {}).get("id") for item in asked]


def _reverted(text: str, before: str, after: str) -> str | None:
    """A text with the change from `before` to `after` reverted; None if its lines have changed."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _equal_lines(old, new)
    old, new = old[start:], new[start:]
    end = _equal_lines(old[::-1], new[::-1])
    written = "".join(new[: len(new) - end])
    replaced = "".join(old[: len(old) - end])
    return text.replace(written, replaced) if written and text.count(written) == 1 else None


def _equal_lines(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def without(undone: Backup, other: Backup) -> Backup:
    """The backup of another entry, as if the undone one had never been installed."""
    before = None if other.before is None else undone.undone(other.before)
    after = undone.undone(other.after) or ""
    return other.model_copy(update={"before": before, "after": after})


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
