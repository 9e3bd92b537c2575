"""What installing and undoing make of a host's file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import NotFoundError
from server.cli.hosts.catalogue import Host, Planned
from server.cli.hosts.config_file import ConfigFile, read_file, write_file
from server.cli.hosts.document import Document, open_document
from server.cli.hosts.jsonc import MalformedError
from server.cli.hosts.plain import as_list, as_table
from server.cli.hosts.records import Record, RecordPlace, digest

INPUTS = "inputs"
_OURS = ("type", "command", "args", "url", "headers", "bearer_token_env_var")
_OF_PROGRAMS = ("env", "cwd")
_OF_SERVERS = ("headers", "bearer_token_env_var")


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after. `after` is None when it is to go."""

    file: ConfigFile
    after: bytes | None
    notes: tuple[str, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether the file is not yet so."""
        return self.after != self.file.raw

    @property
    def new_text(self) -> str:
        """The text afterwards; empty if the file is to go."""
        return ConfigFile(self.file.path, self.after).text


def installing(host: Host, path: Path, name: str, planned: Planned) -> Change:
    """Put an entry into a file.

    Of an entry of this name that is there, what is not the way to the server stays: its
    environment, its limits, what is switched off.

    Raises:
        BadInputError: The file is malformed, with the position, or written too unusually.
    """
    file = read_file(path)
    document = _opened(file)
    servers = servers_of(host, document)
    old = as_table(document.get(servers, name))
    if old is None:
        document.set(servers, name, value=planned.entry)
    else:
        _merge(document, (servers, name), old, planned.entry)
    for asked in planned.inputs:
        if asked["id"] not in _ids(document):
            document.append(INPUTS, value=asked)
    return Change(file, file.encoded(document.text), planned.notes)


def keep_record(host: Host, change: Change, name: str, planned: Planned) -> None:
    """Remember what is about to be written, so that it can be undone.

    What was there before the first installation is kept as long as the entry is still ours.
    """
    place = RecordPlace.of(change.file.path, name)
    document = _opened(change.file)
    kept = place.read()
    after = open_document(change.new_text, change.file.path.suffix)
    servers = servers_of(host, after)
    entry = as_table(after.get(servers, name)) or {}
    added = [str(a["id"]) for a in planned.inputs if a["id"] not in _ids(document)]
    record = Record(
        file=change.file.path,
        name=name,
        entry=entry,
        inputs=added,
        existed=change.file.raw is not None,
        written=digest(change.after or b""),
    )
    if kept and document.get(servers, name) == kept.entry:
        ours_alone = digest(change.file.raw or b"") == kept.written
        older = {
            "existed": kept.existed,
            "inputs": [*kept.inputs, *added],
            "written": record.written if ours_alone else "",
        }
        place.update(record.model_copy(update=older))
    else:
        place.keep(change.file, record)


def undoing(host: Host, path: Path, name: str) -> Change:
    """Put back what the entry replaced, and leave what others have changed since.

    Raises:
        NotFoundError: Nothing was installed there.
    """
    file = read_file(path)
    place = RecordPlace.of(file.path, name)
    record = place.read()
    if record is None:
        raise NotFoundError(f"nothing was installed as {name!r} in {file.path}: nothing to undo")
    before = ConfigFile(file.path, place.before.read_bytes() if record.existed else None)
    if file.raw is None or digest(file.raw) == record.written:
        return Change(file, before.raw if file.raw is not None else None)
    document = _opened(file)
    older = _opened(before)
    servers = servers_of(host, document)
    changed = document.get(servers, name) != record.entry
    document.take_from(older, servers, name)
    for asked in record.inputs:
        if asked in _ids(document):
            document.remove(INPUTS, _ids(document).index(asked))
    for table in (servers, INPUTS):
        if older.get(table) is None and not document.get(table):
            document.remove(table)
    nothing_left = not record.existed and not document.text.strip().strip("{}").strip()
    note = "The entry was changed since it was installed; that change goes with it."
    after = None if nothing_left else file.encoded(document.text)
    return Change(file, after, (note,) if changed else ())


def carry_out(change: Change) -> None:
    """Write the file."""
    write_file(change.file, change.after)


def servers_of(host: Host, document: Document) -> str:
    """The table of servers: a file given by its path may be one of VS Code's."""
    if host.user is None and document.get("servers") is not None:
        return host.servers if document.get(host.servers) is not None else "servers"
    return host.servers


def _opened(file: ConfigFile) -> Document:
    try:
        return open_document(file.text, file.path.suffix)
    except MalformedError as error:
        raise error.of(str(file.path)) from error


def _merge(
    document: Document, path: tuple[str, str], old: Mapping[str, object], new: Mapping[str, object]
) -> None:
    gone = [*_OURS, *(_OF_PROGRAMS if "url" in new else _OF_SERVERS)]
    for key in gone:
        if key in old and key not in new:
            document.remove(*path, key)
    for key, value in new.items():
        variables = as_table(value)
        if variables is not None and key == "env" and key in old:
            for variable, text in variables.items():
                document.set(*path, key, variable, value=text)
        elif old.get(key) != value:
            document.set(*path, key, value=value)


def _ids(document: Document) -> list[object]:
    asked = as_list(document.get(INPUTS)) or []
    return [(as_table(item) or {}).get("id") for item in asked]
