"""What versions changed, as people read it: a sign, and what the change is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, assert_never

from experience_store.history import Version
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

Sign: TypeAlias = Literal["+", "~", "-", "=", "!"]


@dataclass(frozen=True, slots=True)
class Line:
    """One change: added, reworded, removed, kept or refused."""

    sign: Sign
    text: str

    def __str__(self) -> str:
        """The change in a line."""
        return f"{self.sign} {self.text}"


def version_lines(version: Version) -> list[Line]:
    """What a version changed and what was refused."""
    return [*map(_applied, version.operations), *map(_refused, version.refusals)]


def proposal_line(operation: Operation) -> Line:
    """What an operation would change; an experience that it would add has no id yet."""
    match operation:
        case Add(name=name, text=text):
            return Line("+", Experience("", name, text).line())
        case Revise(id=id_, name=name, text=text):
            return Line("~", f"{id_} {Experience(id_, name, text).line()}")
        case Merge(ids=ids, name=name, text=text):
            line = Experience("", name, text).line()
            return Line("~", f"{line} (to be merged from {', '.join(ids)})")
        case Retire() | Keep():
            return _applied(Applied(operation))
        case _:
            assert_never(operation)


def version_record(version: Version) -> dict[str, object]:
    """A version as a record: who made it, when, why, and what it changed."""
    return {
        "version": version.number,
        "parent": version.parent,
        "author": version.author,
        "note": version.note,
        "created_at": version.created_at,
        "experiences": version.size,
        "update_id": version.update_id,
        "changes": [asdict(line) for line in version_lines(version)],
    }


@dataclass(frozen=True, slots=True)
class Difference:
    """What distinguishes one state of a library from another, by the numbers of their versions."""

    old: int
    new: int
    added: tuple[Experience, ...]
    removed: tuple[Experience, ...]
    reworded: tuple[tuple[Experience, Experience], ...]

    @classmethod
    def between(cls, old: State, new: State) -> Difference:
        """What leads from one state to the other."""
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
        """`2 added, 1 removed, 1 reworded`, or that nothing is different."""
        counted: Sequence[tuple[int, str]] = (
            (len(self.added), "added"),
            (len(self.removed), "removed"),
            (len(self.reworded), "reworded"),
        )
        return ", ".join(f"{n} {what}" for n, what in counted if n) or "no difference"

    def record(self, library: str) -> dict[str, object]:
        """The difference as a record."""
        return {
            "library": library,
            "old": self.old,
            "new": self.new,
            "added": [asdict(e) for e in self.added],
            "removed": [asdict(e) for e in self.removed],
            "reworded": [{"old": asdict(one), "new": asdict(two)} for one, two in self.reworded],
        }

    def lines(self) -> list[Line]:
        """Every difference; of what was reworded both wordings."""
        found = [Line("-", f"{e.id} {e.line()}") for e in self.removed]
        for old, new in self.reworded:
            found += [Line("-", f"{old.id} {old.line()}"), Line("+", f"{new.id} {new.line()}")]
        return [*found, *(Line("+", f"{e.id} {e.line()}") for e in self.added)]


def _applied(applied: Applied) -> Line:
    operation = applied.operation
    made = f"{applied.experience.id} {applied.experience.line()}" if applied.experience else ""
    match operation:
        case Add():
            return Line("+", made)
        case Revise():
            return Line("~", made)
        case Merge(ids=ids):
            return Line("~", f"{made} (merged from {', '.join(ids)})")
        case Retire(id=id_):
            return Line("-", id_)
        case Keep(id=id_):
            return Line("=", f"{id_} confirmed" if id_ else "nothing new to learn")
        case _:
            assert_never(operation)


def _refused(refusal: Refusal) -> Line:
    if refusal.operation is None:
        return Line("!", f"refused: {refusal.reason}")
    operation = refusal.operation
    about = [kind(operation), *touched_ids(operation)]
    if isinstance(operation, Add | Revise | Merge):
        about.append(f"“{operation.text}”")
    return Line("!", f"refused {' '.join(about)}: {refusal.reason}")
