"""A change of a host's file: planned and shown first, then written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from experience_store.errors import NotFoundError
from server.cli.hosts.backup import INPUTS, Backup, BackupStore, input_ids
from server.cli.hosts.catalogue import BRIDGE, BRIDGE_TOKEN, Host, PlannedEntry
from server.cli.hosts.config_file import (
    ConfigFile,
    check_writable,
    open_document,
    read_file,
    write_file,
)
from server.cli.hosts.document import ConfigDocument, MalformedError
from server.json_values import as_list, as_object

_CHANGED = "The entry was changed since it was installed; that change is lost."
_LOST = "The copy of the original file is gone; comments in the old entry are lost."
_OURS = {"type", "command", "args", "url", "headers", "bearer_token_env_var"}
_OF_PROGRAMS = {"env", "env_vars", "cwd"}
_OF_ONE_SERVER = {
    "bearer_token",
    "http_headers",
    "env_http_headers",
    "oauth",
    "oauth_resource",
}


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file before and after.

    Attributes:
        file: The file as it was read.
        after: Its bytes afterwards, None if it should go.
        backup: The backup to store, or to undo.
        copy: Where to put a copy of the file as it was read, None for nowhere.
        notes: What the user should know.
    """

    file: ConfigFile
    after: bytes | None
    backup: Backup
    copy: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether the file differs afterwards."""
        return self.after != self.file.raw

    @property
    def new_text(self) -> str:
        """The text afterwards; empty if the file should go."""
        return ConfigFile(self.file.path, self.after).text

    @property
    def first_copy(self) -> Path | None:
        """The copy of the file as it was before the first installation, if it is still there."""
        name = self.backup.copy_name
        path = self._store.folder / name if name else None
        return path if path and path.is_file() else None

    def install(self) -> None:
        """Write the file, once what undo needs is stored."""
        check_writable(self.file)
        if self.copy:
            write_file(read_file(self.copy), self.file.raw)
        kept = self._store.load(self.file)
        self._store.save(self.backup)
        try:
            write_file(self.file, self.after)
        except Exception:
            self._store.save(kept)
            if self.copy:
                self.copy.unlink()
            raise

    def undo(self) -> None:
        """Write the file, and drop what undo needed."""
        others = self._store.others_without(self.backup, self.file)
        if self.changes_something:
            write_file(self.file, self.after)
        self._store.forget(self.backup, others, self.after)

    @property
    def _store(self) -> BackupStore:
        return BackupStore(self.backup.file, self.backup.name)


def plan_install(host: Host, path: Path, name: str, planned: PlannedEntry) -> FileChange:
    """Plan to put an entry into a file.

    Raises:
        BadInputError: The file is malformed, or cannot be edited safely.
    """
    file = read_file(path)
    document = open_document(file.text, file.path)
    servers = _servers(host, document)
    try:
        document.check_names(servers, name)
    except MalformedError as error:
        raise error.in_file(file.path) from error
    store = BackupStore(file.path, name)
    old, kept = document.get(servers, name), store.load(file)
    before = None if file.raw is None else file.text
    copy = store.next_copy() if before is not None and not (kept and kept.after == before) else None
    copy_name = copy.name if copy else None
    if kept and old is not None:
        before, copy_name = kept.undone(file.text), kept.copy_name
    _put(document, (servers, name), planned, kept)
    backup = Backup(
        file=file.path,
        servers=servers,
        name=name,
        before=before,
        after=document.text,
        secrets=_all_secrets(planned, kept),
        copy_name=copy_name,
    )
    return FileChange(file, file.encoded(document.text), backup, copy, planned.notes)


def plan_undo(path: Path, name: str) -> FileChange:
    """Plan to restore what was there before the first installation of an entry.

    Raises:
        NotFoundError: Nothing was installed there.
        BadInputError: The file is malformed, or cannot be edited safely.
    """
    file = read_file(path)
    backup = BackupStore(file.path, name).load(file)
    if backup is None:
        raise NotFoundError(f"nothing to undo: {name!r} was not installed in {path}")
    if file.raw is None:
        return FileChange(file, None, backup)
    text = backup.undone(file.text)
    notes = (_CHANGED,) if backup.was_changed(file.text) else ()
    notes += (_LOST,) if backup.reconstructed else ()
    return FileChange(file, None if text is None else file.encoded(text), backup, notes=notes)


def merged(
    old: Mapping[str, object], new: Mapping[str, object], installed: Collection[str]
) -> dict[str, object]:
    """A new entry that keeps the rest of the old one: environment, limits, what is disabled.

    Credentials for one server never go to another.

    Args:
        old: The entry in the file.
        new: The entry to be installed.
        installed: The variables in `env` that `install` wrote, not the user.
    """
    gone = {*_OURS}
    if "url" in new:
        gone |= _OF_PROGRAMS
    if old.get("url") != new.get("url"):
        gone |= _OF_ONE_SERVER
    entry = {key: value for key, value in old.items() if key in new or key not in gone} | {**new}
    variables = as_object(old.get("env"))
    if variables and "url" not in new:
        added = as_object(new.get("env")) or {}
        is_bridge = BRIDGE[0] in (as_list(old.get("args")) or [])
        other_server = is_bridge and old.get("args") != new.get("args")
        tokens = {*installed, *((BRIDGE_TOKEN,) if other_server else ())}
        entry["env"] = {k: v for k, v in variables.items() if k not in tokens} | added
        if not entry["env"]:
            del entry["env"]
    return entry


def _servers(host: Host, document: ConfigDocument) -> str:
    """The table of servers: a file given by its path may be one of VS Code's."""
    if host.user is None and document.get(host.servers) is None:
        return "servers" if document.get("servers") is not None else host.servers
    return host.servers


def _put(
    document: ConfigDocument, path: tuple[str, str], planned: PlannedEntry, kept: Backup | None
) -> None:
    entry, old = planned.entry, as_object(document.get(*path))
    if old is not None:
        entry = merged(old, entry, kept.secrets if kept else ())
    document.update(*path, value=entry)
    for asked in planned.inputs:
        if asked["id"] not in (ids := input_ids(document)):
            document.set(INPUTS, len(ids), value=asked)


def _all_secrets(planned: PlannedEntry, kept: Backup | None) -> dict[str, list[str]]:
    secrets = dict(kept.secrets) if kept else {}
    for name, value in (as_object(planned.entry.get("env")) or {}).items():
        secrets[name] = [*dict.fromkeys((*secrets.get(name, ()), str(value)))]
    return secrets
