"""A change of a host's file, planned before it is made: shown first, written and remembered."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from server.cli.hosts.catalogue import Host
from server.cli.hosts.config_file import ConfigFile, check_writable, write_file
from server.cli.hosts.document import Document, open_document
from server.cli.hosts.jsonc import MalformedError
from server.cli.hosts.plain import as_list, as_table
from server.cli.hosts.records import Record, RecordPlace, copy_in

INPUTS = "inputs"


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after.

    Attributes:
        file: As it was read.
        after: Its bytes afterwards, None when it is to go.
        record: What is to be remembered, or what is taken back.
        copy: The name of a copy that is to be kept of the file.
        notes: What the user should know.
    """

    file: ConfigFile
    after: bytes | None
    record: Record
    copy: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether the file is not yet so."""
        return self.after != self.file.raw

    @property
    def new_text(self) -> str:
        """The text afterwards; empty if the file is to go."""
        return ConfigFile(self.file.path, self.after).text

    @property
    def place(self) -> RecordPlace:
        """Where the record is."""
        return RecordPlace.of(self.file.path, self.record.name)


def carry_out(change: Change) -> None:
    """Write the file, and remember what is needed to undo that."""
    place = change.place
    check_writable(change.file)
    if change.copy:
        copy_in(place.folder, change.copy, change.file)
    place.intend(change.record)
    try:
        write_file(change.file, change.after)
    except Exception:
        place.withdraw()
        if change.copy:
            (place.folder / change.copy).unlink()
        raise
    place.confirm()


def carry_back(change: Change) -> None:
    """Write the file, and forget what was remembered."""
    if change.changes_something:
        write_file(change.file, change.after)
    change.place.forget(change.record, change.after)


def servers_of(host: Host, document: Document) -> str:
    """The table of servers: a file given by its path may be one of VS Code's."""
    if host.user is None and document.get("servers") is not None:
        return host.servers if document.get(host.servers) is not None else "servers"
    return host.servers


@contextmanager
def told_of(file: ConfigFile) -> Generator[None]:
    """Say which file it is that is malformed."""
    try:
        yield
    except MalformedError as error:
        raise error.of(str(file.path)) from error


def opened(file: ConfigFile) -> Document:
    """The document of a file."""
    return open_document(file.text, file.path.suffix)


def ids(document: Document) -> list[object]:
    """What the host asks its user for."""
    asked = as_list(document.get(INPUTS)) or []
    return [(as_table(item) or {}).get("id") for item in asked]
