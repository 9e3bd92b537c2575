"""What a caller may do, and to which libraries it has access.

On stdio the caller is the user who started the server, and may do everything. Over HTTP with
sign-in it is the owner of the request's token.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """A permission. None includes another."""

    READ = "read"
    """Get experiences, read libraries."""
    SUBMIT = "submit"
    """Submit attempts; creates new libraries."""
    LEARN = "learn"
    """Drive updates, which shows attempts and changes libraries."""
    ADMINISTER = "administer"
    """Describe, edit, roll back and delete libraries."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may do.

    Attributes:
        who: Name for histories and logs; None for the user of this machine.
        libraries: Names of accessible libraries, existing or not; None for all.
    """

    who: str | None
    scopes: frozenset[Scope]
    libraries: frozenset[str] | None

    def reaches(self, library: str) -> bool:
        """Whether the caller has access to the library."""
        return self.libraries is None or library in self.libraries

    @property
    def may_make(self) -> bool:
        """Whether the caller can create libraries: with the first submission, or by hand."""
        return not self.scopes.isdisjoint((Scope.SUBMIT, Scope.ADMINISTER))

    def may_begin(self, library: str) -> bool:
        """Whether the caller can create the library, if it does not exist."""
        return self.may_make and self.reaches(library)

    def lacks(self, needed: Scope, what: str) -> str:
        """The error for a caller without a scope.

        Args:
            needed: The scope.
            what: The tool or the method that needs it.
        """
        held = [scope.value for scope in Scope if scope in self.scopes]
        may = f"may {', '.join(held)}, not {needed}" if held else "has no scope of this server"
        return (
            f"{what} needs the scope {needed}; this token {may}. Ask the operator of this server "
            "for a token with that scope (--scope of `experience-mcp token create`)"
        )


DEFAULT_SCOPES = (Scope.READ, Scope.SUBMIT, Scope.LEARN)  # enough for the core tools
NOTHING = Access(None, frozenset(), frozenset())
EVERYTHING = Access(None, frozenset(Scope), None)
current_access: ContextVar[Access] = ContextVar("current_access", default=EVERYTHING)


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; unknown names permit nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)
