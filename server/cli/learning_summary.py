"""The results of `learn`, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import click

from experience_store.store import GroupCounts, UpdateRecord, Usage
from experience_store.version import Version
from server.cli.output import count, render_change, title, wrapped
from server.rendering import version_changes


@dataclass(frozen=True, slots=True)
class LearningSummary:
    """The results of learning in one library.

    Attributes:
        updates: The updates that ran.
        versions: The versions that they published.
        counts: The groups of the library afterwards.
        elsewhere: Number of updates open with a host or another process.
    """

    library: str
    updates: tuple[UpdateRecord, ...]
    versions: tuple[Version, ...]
    counts: GroupCounts
    elsewhere: int

    @property
    def usage(self) -> Usage:
        """The total usage; for an update that was taken over, all of it."""
        total = Usage()
        for update in self.updates:
            total = _sum(total, update.usage)
        return total

    @property
    def failed(self) -> bool:
        """Whether an update failed."""
        return any(u.status == "failed" for u in self.updates)


def print_summary(summary: LearningSummary) -> None:
    """Print what was learned, what it cost and what is left."""
    click.echo(title(summary.library))
    if not summary.updates:
        click.echo(wrapped(_nothing_learned(summary), first="  "))
        return
    versions = {version.number: version for version in summary.versions}
    for update in summary.updates:
        _print_update(update, versions.get(update.version or 0))
    click.echo(wrapped(_costs(summary.usage), first="  "))
    for note in _notes(summary):
        click.echo(wrapped(note, first="  "))


def _print_update(update: UpdateRecord, version: Version | None) -> None:
    if version is None:
        groups = count(len(update.groups), "group")
        reason = str(update.reason).rstrip(".")
        click.echo(wrapped(f"No new version from {groups}: {reason}.", first="  "))
        return
    click.echo(wrapped(f"Version {version.number}, {version.note}:", first="  "))
    for change in version_changes(version):
        click.echo(render_change(change, "    "))


def _nothing_learned(summary: LearningSummary) -> str:
    counts = summary.counts
    if counts.waiting:
        waiting = count(counts.waiting, "group")
        return f"Waiting: {waiting}. Ask a connected agent to call update_experiences."
    nothing = (
        f"No groups are waiting: {count(counts.groups, 'group')}, {counts.signal:,} with signal, "
        f"{counts.learned:,} learned from."
    )
    return " ".join([nothing, *_notes(summary)])


def _notes(summary: LearningSummary) -> list[str]:
    notes: list[str] = []
    if summary.counts.set_aside:
        notes.append(
            f"{count(summary.counts.set_aside, 'group')} set aside after failures: "
            "--retry-set-aside tries again."
        )
    if summary.elsewhere:
        notes.append(
            f"{count(summary.elsewhere, 'update')} open with a host or another process; an update "
            "that a host abandons for an hour is taken over."
        )
    return notes


def _costs(usage: Usage) -> str:
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = f", cost {usage.cost:.4f}" if usage.cost is not None else ""
    return (
        f"{count(usage.calls, 'call')}, {usage.prompt_tokens:,} prompt tokens{cached}, "
        f"{usage.completion_tokens:,} completion tokens{cost}"
    )


def to_json(summary: LearningSummary) -> dict[str, object]:
    """The results as JSON."""
    return {
        "library": summary.library,
        "updates": [
            {
                "update_id": update.id,
                "status": update.status,
                "groups": len(update.groups),
                "version": update.version,
                "reason": update.reason,
            }
            for update in summary.updates
        ],
        "changes": [
            {"version": v.number, "sign": change.sign, "text": change.text}
            for v in summary.versions
            for change in version_changes(v)
        ],
        "usage": asdict(summary.usage),
        "waiting": summary.counts.waiting,
        "set_aside": summary.counts.set_aside,
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
