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
        existed: Whether there was a file before.
        before: The name of the copy of that file.
        inputs: The ids of what the host was told to ask for.
        written: SHA-256 of the file as it was written.
    """

    file: Path
    name: str
    entry: dict[str, object]
    existed: bool
    before: str | None
    inputs: list[str]
    secrets: dict[str, list[str]]
    written: str


def read_older(content: bytes, folder: Path, file: ConfigFile) -> Backup | None:
    """The backup in a file of the first version, None if it is not one.

    Args:
        content: The content of that file.
        folder: The folder of the copies.
        file: The host's file as it is now.
    """
    try:
        record = _Record.model_validate_json(content)
    except ValidationError:
        return None
    copy = read_file(folder / (record.before or "none"))
    as_written = hashlib.sha256(file.raw or b"").hexdigest() == record.written
    is_lost = record.existed and copy.raw is None
    before = copy.text if record.existed or (as_written and copy.raw is not None) else None
    now = open_document(file.text, file.path)
    usual = "mcp_servers" if file.path.suffix == ".toml" else "mcpServers"
    servers = next((t for t in _TABLES if now.get(t, record.name) is not None), usual)
    return Backup(
        file=record.file,
        servers=servers,
        name=record.name,
        before=before,
        after=file.text if as_written and not is_lost else _after(record, servers, before or ""),
        secrets=record.secrets,
        copy_name=record.before,
        is_lost=is_lost,
    )


def _after(record: _Record, servers: str, before: str) -> str:
    """What must have been written, but for the wording."""
    document = open_document(before, record.file)
    document.update(servers, record.name, value=record.entry)
    for asked in record.inputs:
        document.set(INPUTS, len(input_ids(document)), value={"id": asked})
    return document.text
