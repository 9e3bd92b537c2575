"""What came of learning in a library, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import click

from experience_store.store import GroupCounts, UpdateRecord, Usage
from experience_store.version import Version
from server.cli.output import count, styled, title, wrapped
from server.rendering import version_changes


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of learning in one library."""

    library: str
    updates: tuple[UpdateRecord, ...]
    versions: tuple[Version, ...]
    counts: GroupCounts
    elsewhere: int

    @property
    def usage(self) -> Usage:
        """What it cost. Of an update that was taken over, all of it."""
        total = Usage()
        for update in self.updates:
            total = _sum(total, update.usage)
        return total

    @property
    def failed(self) -> bool:
        """Whether something could not be learned from."""
        return any(u.status == "failed" for u in self.updates)


def print_learned(learned: Learned) -> None:
    """Tell what came of it, what it cost and what is left."""
    click.echo(title(learned.library))
    if not learned.updates:
        click.echo(wrapped(_why_nothing(learned), first="  "))
        return
    versions = {version.number: version for version in learned.versions}
    for update in learned.updates:
        _print_update(update, versions.get(update.version or 0))
    click.echo(wrapped(_costs(learned.usage), first="  "))
    for note in _notes(learned):
        click.echo(wrapped(note, first="  "))


def _print_update(update: UpdateRecord, version: Version | None) -> None:
    if version is None:
        groups = count(len(update.groups), "group")
        reason = str(update.reason).rstrip(".")
        click.echo(wrapped(f"No new version from {groups}: {reason}.", first="  "))
        return
    click.echo(wrapped(f"Version {version.number}, {version.note}:", first="  "))
    for line in version_changes(version):
        click.echo(styled(line, "    "))


def _why_nothing(learned: Learned) -> str:
    counts = learned.counts
    if counts.waiting:
        waiting = count(counts.waiting, "group")
        return f"Waiting: {waiting}. Ask an agent that is connected to call update_experiences."
    standing = (
        f"Nothing waits to be learned from: {count(counts.groups, 'group')}, "
        f"{counts.signal:,} with signal, {counts.learned:,} learned from."
    )
    return " ".join([standing, *_notes(learned)])


def _notes(learned: Learned) -> list[str]:
    notes: list[str] = []
    if learned.counts.set_aside:
        notes.append(
            f"{count(learned.counts.set_aside, 'group')} set aside after failures: "
            "--retry-set-aside tries again."
        )
    if learned.elsewhere:
        notes.append(
            f"{count(learned.elsewhere, 'update')} open in the hands of a host or another "
            "process; what a host leaves alone for an hour is taken over."
        )
    return notes


def _costs(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = f", cost {usage.cost:.4f}" if usage.cost is not None else ""
    return (
        f"{count(usage.calls, 'call')}, {usage.prompt_tokens:,} prompt tokens{cached}, "
        f"{usage.completion_tokens:,} completion tokens{cost}"
    )


def to_json(learned: Learned) -> dict[str, object]:
    """What came of it, for programs."""
    return {
        "library": learned.library,
        "updates": [
            {
                "update_id": update.id,
                "status": update.status,
                "groups": len(update.groups),
                "version": update.version,
                "reason": update.reason,
            }
            for update in learned.updates
        ],
        "changes": [
            {"version": v.number, "sign": line.sign, "text": line.text}
            for v in learned.versions
            for line in version_changes(v)
        ],
        "usage": asdict(learned.usage),
        "waiting": learned.counts.waiting,
        "set_aside": learned.counts.set_aside,
    }


def _sum(one: Usage, two: Usage) -> Usage:
    costs = [u.cost for u in (one, two) if u.cost is not None]
    return replace(
        one,
        calls=one.calls + two.calls,
        prompt_tokens=one.prompt_tokens + two.prompt_tokens,
        cached_tokens=one.cached_tokens + two.cached_tokens,
        completion_tokens=one.completion_tokens + two.completion_tokens,
        cost=sum(costs) if costs else None,
    )
