"""Renders the changes of a library for people, models and programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, assert_never

from experience_store.library import Experience, State
from experience_store.operations import (
    Add,
    Applied,
    Keep,
    Merge,
    Operation,
    Refusal,
    Retire,
    Revise,
    kind,
    touched_ids,
)
from experience_store.version import Version

Sign: TypeAlias = Literal["+", "~", "-", "=", "!"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a library, or a refused one.

    Attributes:
        sign: `+` added, `~` reworded, `-` removed, `=` confirmed, `!` refused.
        verb: The sign as a word.
        text: The experience, or the reason of the refusal.
    """

    sign: Sign
    verb: str
    text: str

    def __str__(self) -> str:
        """The change as a line for people."""
        return f"{self.sign} {self.text}"

    def in_words(self) -> str:
        """The change as a line for models and programs."""
        return f"{self.verb} {self.text}"


def version_changes(version: Version) -> list[Change]:
    """The changes of a version, then the refused ones."""
    return [*map(applied_change, version.operations), *map(refused_change, version.refusals)]


def version_record(version: Version) -> dict[str, object]:
    """A version as JSON: author, time, note, changes and refusals."""
    return {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at.isoformat(),
        "experiences": version.size,
        "update_id": version.update_id,
        "changes": [applied_change(a).in_words() for a in version.operations],
        "refused": [refused_change(r).in_words() for r in version.refusals],
    }


def applied_change(applied: Applied) -> Change:
    """The change that an operation made."""
    operation = applied.operation
    made = f"{applied.experience.id} {applied.experience.line()}" if applied.experience else ""
    match operation:
        case Add():
            return Change("+", "Add", made)
        case Revise():
            return Change("~", "Revise", made)
        case Merge(ids=ids):
            return Change("~", "Merge", f"{', '.join(ids)} into {made}")
        case Retire(id=id_):
            return Change("-", "Retire", id_)
        case Keep(id=id_):
            return Change("=", "Keep", id_ or "everything as it is")
        case _:
            assert_never(operation)


def refused_change(refusal: Refusal) -> Change:
    """A refused operation, with the reason."""
    operation = refusal.operation
    if operation is None:
        return Change("!", "Refused", f"operation: {refusal.reason}")
    about = [kind(operation), *touched_ids(operation)]
    if isinstance(operation, Add | Revise | Merge):
        about.append(f"“{operation.text}”")
    return Change("!", "Refused", f"{' '.join(about)}: {refusal.reason}")


def proposed_change(operation: Operation) -> Change:
    """The change that an operation would make; an added experience has no id yet."""
    match operation:
        case Add(name=name, text=text):
            return Change("+", "Add", Experience("", name, text).line())
        case Revise(id=id_, name=name, text=text):
            return Change("~", "Revise", f"{id_} {Experience(id_, name, text).line()}")
        case Merge(ids=ids, name=name, text=text):
            made = Experience("", name, text).line()
            return Change("~", "Merge", f"{', '.join(ids)} into {made}")
        case Retire() | Keep():
            return applied_change(Applied(operation))
        case _:
            assert_never(operation)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two versions of a library."""

    old: int
    new: int
    added: tuple[Experience, ...]
    removed: tuple[Experience, ...]
    reworded: tuple[tuple[Experience, Experience], ...]

    @classmethod
    def between(cls, old: State, new: State) -> Difference:
        """The difference from an old state to a new one."""
        return cls(
            old=old.version,
            new=new.version,
            added=tuple(e for e in new.experiences if e.id not in old.by_id),
            removed=tuple(e for e in old.experiences if e.id not in new.by_id),
            reworded=tuple(
                (old.by_id[e.id], e)
                for e in new.experiences
                if e.id in old.by_id and old.by_id[e.id] != e
            ),
        )

    def summary(self) -> str:
        """`2 added, 1 removed, 1 reworded`, or `no difference`."""
        counted: Sequence[tuple[int, str]] = (
            (len(self.added), "added"),
            (len(self.removed), "removed"),
            (len(self.reworded), "reworded"),
        )
        return ", ".join(f"{n} {what}" for n, what in counted if n) or "no difference"

    def record(self, library: str) -> dict[str, object]:
        """The difference as JSON."""
        return {
            "library": library,
            "old": self.old,
            "new": self.new,
            "added": [asdict(e) for e in self.added],
            "removed": [asdict(e) for e in self.removed],
            "reworded": [{"old": asdict(one), "new": asdict(two)} for one, two in self.reworded],
        }

    def changes(self) -> list[Change]:
        """All changes; a reworded experience is removed in its old and added in its new wording."""
        found = [Change("-", "Remove", f"{e.id} {e.line()}") for e in self.removed]
        for old, new in self.reworded:
            found += [
                Change("-", "Remove", f"{old.id} {old.line()}"),
                Change("+", "Add", f"{new.id} {new.line()}"),
            ]
        return [*found, *(Change("+", "Add", f"{e.id} {e.line()}") for e in self.added)]
