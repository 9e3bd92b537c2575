"""Backups of the first version, which held the entry and the name of a copy of the file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ValidationError

from server.cli.hosts.backup import INPUTS, Backup, input_ids
from server.cli.hosts.config_file import ConfigFile, open_document, read_file

_TABLES = ("mcpServers", "servers", "mcp_servers")


class _Record(BaseModel, frozen=True):
    """One installed entry.

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


def read_older(content: bytes, folder: Path, file: ConfigFile) -> Backup | None:
    """The backup in a file of the first version, None if it is not one, or of another file.

    Args:
        content: The content of that file.
        folder: The folder of the copies.
        file: The host's file as it is now.
    """
    try:
        record = _Record.model_validate_json(content)
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


def _with_entry(text: str, record: _Record, servers: str, entry: object) -> str:
    """A text with an entry, equal to what was in the file but for the formatting."""
    document = open_document(text, record.file)
    document.update(servers, record.name, value=entry)
    for asked in record.inputs if entry == record.entry else ():
        document.set(INPUTS, len(input_ids(document)), value={"id": asked})
    return document.text
