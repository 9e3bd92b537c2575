"""What installing makes of a host's file."""

from __future__ import annotations

from pathlib import Path

from server.cli.hosts.catalogue import Host, Planned
from server.cli.hosts.change import INPUTS, Change, ids, opened, servers_of, told_of
from server.cli.hosts.config_file import ConfigFile, read_file
from server.cli.hosts.merging import merge
from server.cli.hosts.plain import as_table
from server.cli.hosts.records import Record, RecordPlace, digest, records_about


def installing(host: Host, path: Path, name: str, planned: Planned) -> Change:
    """Put an entry into a file.

    Of an entry of this name that is there, what is not the way to the server stays: its
    environment, its limits, what is switched off.

    Raises:
        BadInputError: The file is malformed, with the position, or written too unusually.
    """
    file = read_file(path)
    with told_of(file):
        before, document = opened(file), opened(file)
        servers = servers_of(host, document)
        document.check_names(servers, name)
        old = document.get(servers, name)
        kept = RecordPlace.of(file.path, name).read(file.raw, lambda: old)
        if as_table(old) is None:
            document.set(servers, name, value=planned.entry)
        else:
            merge(document, (servers, name), planned.entry, kept.secrets if kept else ())
        for asked in planned.inputs:
            if asked["id"] not in ids(document):
                document.append(INPUTS, value=asked)
        after = file.encoded(document.text)
        entry = as_table(document.get(servers, name)) or {}
    first = Record(
        file=file.path,
        name=name,
        entry=entry,
        older=old,
        existed=file.raw is not None,
        before=None,
        made=[table for table in (servers, INPUTS) if before.get(table) is None],
        inputs=[str(a["id"]) for a in planned.inputs if a["id"] not in ids(before)],
        secrets={k: [str(v)] for k, v in (as_table(planned.entry.get("env")) or {}).items()},
        written=digest(after),
    )
    record, copy = _remembered(first, kept, file)
    return Change(file, after, record, copy, planned.notes)


def _remembered(first: Record, kept: Record | None, file: ConfigFile) -> tuple[Record, str | None]:
    """The record to keep, and the name of the copy if one is needed.

    What was there before the first installation counts as long as there is an entry, whoever
    changed it meanwhile; but then that is copied, too.
    """
    place = RecordPlace.of(first.file, first.name)
    copy = place.next_copy() if file.raw is not None else None
    secrets = dict(first.secrets)
    for name, values in (kept.secrets if kept else {}).items():
        secrets[name] = [*dict.fromkeys((*values, *secrets.get(name, ())))]
    if kept is None or first.older is None:
        others = [r for r in records_about(first.file) if r.name != first.name]
        ours = {
            "before": copy,
            "secrets": secrets,
            "existed": first.existed and all(r.existed for r in others),
            "made": [*dict.fromkeys((*first.made, *(t for r in others for t in r.made)))],
            "inputs": [*dict.fromkeys((*first.inputs, *(i for r in others for i in r.inputs)))],
        }
        return first.model_copy(update=ours), copy
    ours_alone = digest(file.raw or b"") == kept.written
    ours = {
        "older": kept.older,
        "existed": kept.existed,
        "before": kept.before,
        "made": kept.made,
        "inputs": [*dict.fromkeys((*kept.inputs, *first.inputs))],
        "secrets": secrets,
        "written": first.written if ours_alone else "",
    }
    return first.model_copy(update=ours), copy if first.older != kept.entry else None
