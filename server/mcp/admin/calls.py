"""What the administration tools share: arguments, attribution, and results in both forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, Field, WithJsonSchema

from experience_store.library import Library
from experience_store.token_estimate import estimate_tokens
from experience_store.version import Version
from server.app import App
from server.library_service import Attribution, description
from server.mcp.results import objects
from server.mcp.schemas import AppContext, LooseText, author_of
from server.rendering import Difference, version_changes
from server.text import count

MAX_TEXT = 20_000  # characters of an argument

Name = Annotated[LooseText, Field(description="Library name")]
Note = Annotated[
    str,
    WithJsonSchema({"type": "string"}),
    Field(description="For the history", max_length=MAX_TEXT),
]
TextArgument = Annotated[str | None, WithJsonSchema({"type": "string"}), Field(max_length=MAX_TEXT)]


def by(ctx: AppContext, note: str) -> Attribution:
    """The caller and the reason of a change."""
    return Attribution(author_of(ctx), note)


async def announce(app: App, library: str) -> None:
    """Notify subscribers that a library changed or was deleted."""
    if app.on_published:
        await app.on_published(library)


def can_ask(ctx: AppContext) -> bool:
    """Whether the host can show its user a form during this call (elicitation)."""
    capabilities = ctx.client_capabilities
    asking = capabilities.elicitation if capabilities else None
    if asking is None or (asking.form is None and asking.url is not None):
        return False
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS or ctx.session.can_send_request


MAX_TOKENS = 12_000  # of changes in one result, whose two forms hosts cut at 25,000
_SIGNS = "+ added, ~ reworded, - retired, = confirmed, ! refused"
_SOME_POLICY = {"type": "object", "properties": {"max_words": {"type": "integer"}}}
OptionalText = Annotated[str | None, WithJsonSchema({"type": "string"})]


class DescriptionOut(BaseModel):
    """Result of `describe_library`."""

    name: str
    agent_objective: OptionalText = None
    learning_objective: OptionalText = None
    policy: Annotated[dict[str, object], WithJsonSchema(_SOME_POLICY)]
    version: int
    experiences: int


class VersionOut(BaseModel):
    """One version in `library_history`."""

    version: int
    author: str
    note: str
    created_at: str
    experiences: int
    changes: list[str]
    omitted: int = 0


class HistoryOut(BaseModel):
    """Result of `library_history`."""

    library: str
    versions: Annotated[list[VersionOut], objects(version="integer")]
    next_step: str


class DifferenceOut(BaseModel):
    """Result of `compare_versions`."""

    library: str
    old: int
    new: int
    summary: str
    changes: list[str]
    omitted: int = 0


class EditedOut(BaseModel):
    """Result of the tools that make a version."""

    library: str
    version: int
    experiences: int
    changes: list[str]
    omitted: int = 0


def description_result(library: Library) -> tuple[DescriptionOut, str]:
    """The objectives and the policy of a library."""
    value = DescriptionOut.model_validate(description(library))
    size = count(value.experiences, "experience")
    lines = [
        f"Library {value.name!r}, version {value.version}, {size}.",
        f"agent_objective: {value.agent_objective or '(none)'}",
        f"learning_objective: {value.learning_objective or '(none)'}",
        *(f"policy.{name}: {part}" for name, part in value.policy.items()),
    ]
    return value, "\n".join(lines)


def history_result(library: str, versions: Sequence[Version]) -> tuple[HistoryOut, str]:
    """The history of a library, cut to what a result holds; at least one version."""
    shown: list[VersionOut] = []
    room = MAX_TOKENS
    for version in versions:
        changes, omitted = fitting([str(line) for line in version_changes(version)], room)
        if shown and omitted:
            break
        room -= sum(map(estimate_tokens, changes)) + estimate_tokens(version.note) + 50
        shown.append(
            VersionOut(
                version=version.number,
                author=version.author,
                note=version.note,
                created_at=version.created_at.isoformat(timespec="seconds"),
                experiences=version.size,
                changes=changes,
                omitted=omitted,
            )
        )
    last = shown[-1].version if shown else 0
    older = f" For older versions, pass before {last}." if last else " This is the whole history."
    value = HistoryOut(library=library, versions=shown, next_step=f"Newest first; {_SIGNS}.{older}")
    lines = [f"History of library {library!r}."]
    for v in shown:
        about = f"{v.created_at}, {v.author}, {count(v.experiences, 'experience')}"
        lines.append(f"Version {v.version} ({about}): {v.note}")
        lines += [f"  {change}" for change in v.changes]
        lines += [f"  and {v.omitted} more changes"] if v.omitted else []
    return value, "\n".join([*lines, value.next_step])


def difference_result(library: str, difference: Difference) -> tuple[DifferenceOut, str]:
    """The difference of two versions, cut to what a result holds."""
    changes, omitted = fitting([str(line) for line in difference.changes()], MAX_TOKENS)
    value = DifferenceOut(
        library=library,
        old=difference.old,
        new=difference.new,
        summary=difference.summary(),
        changes=changes,
        omitted=omitted,
    )
    head = f"Library {library!r}, version {value.old} to {value.new}: {value.summary}."
    return value, _lines(head, changes, omitted)


def version_result(
    library: str, version: Version, difference: Difference | None = None
) -> tuple[EditedOut, str]:
    """A new version.

    Args:
        library: Name of the library.
        version: The version.
        difference: Its difference to the previous one, for a rollback, which has no operations.
    """
    lines = difference.changes() if difference else version_changes(version)
    changes, omitted = fitting([str(line) for line in lines], MAX_TOKENS)
    value = EditedOut(
        library=library,
        version=version.number,
        experiences=version.size,
        changes=changes,
        omitted=omitted,
    )
    size = count(version.size, "experience")
    head = f"Library {library!r} is now at version {version.number}, {size}:"
    return value, _lines(head, changes, omitted)


def fitting(lines: Sequence[str], room: int = MAX_TOKENS) -> tuple[list[str], int]:
    """The lines that fit into the token budget, and how many do not."""
    taken: list[str] = []
    for line in lines:
        room -= estimate_tokens(line)
        if room < 0:
            break
        taken.append(line)
    return taken, len(lines) - len(taken)


def _lines(head: str, changes: Sequence[str], omitted: int) -> str:
    more = [f"and {omitted} more"] if omitted else []
    return "\n".join([head, *changes, *more])
