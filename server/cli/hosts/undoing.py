"""What undoing makes of a host's file."""

from __future__ import annotations

from pathlib import Path

from experience_store.errors import NotFoundError
from server.cli.hosts.catalogue import Host
from server.cli.hosts.change import INPUTS, Change, ids, opened, servers_of, told_of
from server.cli.hosts.config_file import ConfigFile, read_file
from server.cli.hosts.document import Document
from server.cli.hosts.records import Record, RecordPlace, digest

_CHANGED = "The entry was changed since it was installed; that change goes with it."
_LOST = "The copy of the file as it was is gone, so comments in what stood there are, too."


def undoing(host: Host, path: Path, name: str) -> Change:
    """Put back what the entry replaced, and leave what others have changed since.

    Raises:
        NotFoundError: Nothing was installed there.
    """
    file = read_file(path)
    with told_of(file):
        record = _record(host, file, name)
        if record is None:
            raise NotFoundError(f"nothing was installed as {name!r} in {path}: nothing to undo")
        if file.raw is None:
            return Change(file, None, record)
        copy = read_file(RecordPlace.of(file.path, name).folder / (record.before or "no copy"))
        before = ConfigFile(file.path, copy.raw)
        lost = record.existed and before.raw is None
        if digest(file.raw) == record.written and not lost:
            return Change(file, before.raw, record)
        return _only_ours(host, file, record, None if lost else before)


def _record(host: Host, file: ConfigFile, name: str) -> Record | None:
    def entry() -> object:
        document = opened(file)
        return document.get(servers_of(host, document), name)

    return RecordPlace.of(file.path, name).read(file.raw, entry)


def _only_ours(host: Host, file: ConfigFile, record: Record, before: ConfigFile | None) -> Change:
    """Change the entry alone; from the record if there is no copy of the file before."""
    document = opened(file)
    at = servers_of(host, document), record.name
    notes = (_CHANGED,) if document.get(*at) not in (record.entry, None) else ()
    if before is not None:
        document.take_from(opened(before), *at)
    else:
        notes += (_LOST,)
        document.remove(*at)
        if record.older is not None:
            document.set(*at, value=record.older)
    _take_inputs(document, record)
    for table in record.made:
        if document.get(table) is not None and not document.get(table):
            document.remove(table)
    nothing_left = not record.existed and not document.text.strip().strip("{}").strip()
    after = None if nothing_left else file.encoded(document.text)
    return Change(file, after, record, notes=notes)


def _take_inputs(document: Document, record: Record) -> None:
    """Take out what the host was told to ask for, unless something else wants the answer."""
    for asked in record.inputs:
        if asked in ids(document) and f"${{input:{asked}}}" not in document.text:
            document.remove(INPUTS, ids(document).index(asked))
