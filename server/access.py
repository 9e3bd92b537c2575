"""What a caller may do, and which libraries it reaches.

On stdio the caller is the user who started the server, and may do everything. Over HTTP with
sign-in it is whoever the request's token stands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """A kind of thing to do. None contains another."""

    READ = "read"
    """Get experiences, read libraries."""
    SUBMIT = "submit"
    """Hand in attempts; a library that is new is made."""
    LEARN = "learn"
    """Drive updates, which shows attempts and changes what a library holds."""
    ADMINISTER = "administer"
    """Describe, edit, roll back and delete libraries."""


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may do.

    Attributes:
        who: A name for histories and logs; None for the user of this machine.
        libraries: Names of those it reaches, whether they exist or not; None for all.
    """

    who: str | None
    scopes: frozenset[Scope]
    libraries: frozenset[str] | None

    def reaches(self, library: str) -> bool:
        """Whether the library is one of those that exist for this caller."""
        return self.libraries is None or library in self.libraries

    @property
    def may_make(self) -> bool:
        """Whether a library that does not exist is made by naming it; reading alone makes none."""
        return not self.scopes.isdisjoint((Scope.SUBMIT, Scope.ADMINISTER))


DEFAULT_SCOPES = (Scope.READ, Scope.SUBMIT, Scope.LEARN)  # enough for the core tools
NOTHING = Access(None, frozenset(), frozenset())
EVERYTHING = Access(None, frozenset(Scope), None)
current_access: ContextVar[Access] = ContextVar("current_access", default=EVERYTHING)


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; a name that this release does not know permits nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)
