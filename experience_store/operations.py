"""The operations by which a library changes, and the rules they must keep.

An operation is validated against the version it is applied to. One that breaks a rule is recorded
as a refusal with its reason: never turned into another operation, and never silently dropped.
Within one list, Retire beats Revise and Merge of the same experience, and Adds come last, when
others have made room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from experience_store.library import Experience, Policy, State, wording

MAX_NAME_CHARS = 80
REMOVABLE, REMOVABLE_SHARE = 3, 0.3  # of a library's experiences, the larger of both, by one update
MAX_CHARS_PER_WORD = 12  # bounds text that is written without spaces
_MAX_ID = 40
_ID = re.compile(r"[\[(\s]*[gG]?\s*0*([1-9][0-9]{0,17})[\])\s.:]*")


@dataclass(frozen=True, slots=True)
class Add:
    """Add a new experience."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Revise:
    """Reword an experience; its id stays."""

    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge several experiences into one under their oldest id; the others are retired."""

    ids: tuple[str, ...]
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Remove an experience."""

    id: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Change nothing: an experience is confirmed, or nothing new was learned."""

    id: str | None = None


Operation: TypeAlias = Add | Revise | Merge | Retire | Keep


@dataclass(frozen=True, slots=True)
class Proposed:
    """An operation, and the ids of the requests whose answers proposed it."""

    operation: Operation
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused proposal and the reason; `operation` is None if it could not be read."""

    reason: str
    operation: Operation | None = None
    raw: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """An applied operation, with the experience it made (None for Retire and Keep)."""

    operation: Operation
    experience: Experience | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Application:
    """The result of applying a list of proposals to a state."""

    state: State
    applied: tuple[Applied, ...]
    refused: tuple[Refusal, ...]

    @property
    def changed(self) -> bool:
        """Whether the library is different afterwards."""
        return any(not isinstance(a.operation, Keep) for a in self.applied)

    @property
    def removed(self) -> int:
        """How many experiences it retires or merges into others."""
        operations = [a.operation for a in self.applied]
        merged = sum(len(o.ids) - 1 for o in operations if isinstance(o, Merge))
        return merged + sum(isinstance(o, Retire) for o in operations)

    def excess(self) -> str | None:
        """Why a person must decide on it whatever the policy, or None if nobody must."""
        added = sum(isinstance(a.operation, Add) for a in self.applied)
        before = len(self.state.experiences) - added + self.removed
        if self.removed <= max(REMOVABLE, REMOVABLE_SHARE * before):
            return None
        return (
            f"it would remove {self.removed} of {before} experiences, and an update may remove "
            f"{REMOVABLE_SHARE:.0%} on its own"
        )


def normalise_id(raw: str | int) -> str | None:
    """The normal form of an id: `G3` for "G3", "g3", "[G3]", "3" and 3; None if invalid."""
    text = str(raw)
    match = _ID.fullmatch(text) if len(text) <= _MAX_ID else None  # matching is quadratic
    return f"G{match[1]}" if match else None


def touched_ids(operation: Operation) -> tuple[str, ...]:
    """The ids of the experiences that the operation changes or confirms."""
    match operation:
        case Add():
            return ()
        case Merge():
            return operation.ids
        case Keep():
            return (operation.id,) if operation.id else ()
        case Revise() | Retire():
            return (operation.id,)
        case _:
            assert_never(operation)


def kind(operation: Operation) -> str:
    """The operation's name in answers and records."""
    return type(operation).__name__


def apply(state: State, proposals: Sequence[Proposed], policy: Policy) -> Application:
    """Apply proposals to a state under a policy; refuse each one that breaks a rule."""
    return _Editor(state, policy).run(proposals)


class _Editor:
    """One pass over a list of proposals, for one call of `apply`."""

    def __init__(self, state: State, policy: Policy) -> None:
        self._state = state
        self._policy = policy
        self._entries = dict(state.by_id)
        self._wordings = dict(state.wordings)
        self._next = state.next_id
        self._changed_by: dict[str, str] = {}
        self._applied: dict[int, Applied] = {}
        self._refused: dict[int, Refusal] = {}

    def run(self, proposals: Sequence[Proposed]) -> Application:
        numbered = list(enumerate(proposals))
        for position, proposed in sorted(numbered, key=lambda p: _rank(p[1].operation)):
            outcome = self._carry_out(proposed.operation)
            if isinstance(outcome, str):
                self._refused[position] = Refusal(
                    outcome, proposed.operation, sources=proposed.sources
                )
            else:
                self._applied[position] = replace(outcome, sources=proposed.sources)
        entries = sorted(self._entries.values(), key=lambda e: int(e.id[1:]))
        return Application(
            replace(self._state, experiences=tuple(entries), next_id=self._next),
            tuple(a for _, a in sorted(self._applied.items())),
            tuple(r for _, r in sorted(self._refused.items())),
        )

    def _carry_out(self, operation: Operation) -> Applied | str:
        if problem := self._problem_with_ids(operation):
            return problem
        match operation:
            case Keep():
                return Applied(operation)
            case Retire(id=id_):
                self._forget(id_)
                self._changed_by[id_] = "retired"
                return Applied(operation)
            case Revise(id=id_, name=name, text=text):
                return self._write(operation, id_, name, text, replaces=(id_,))
            case Merge(ids=ids, name=name, text=text):
                survivor = min(ids, key=lambda i: int(i[1:]))
                return self._write(operation, survivor, name, text, replaces=ids)
            case Add(name=name, text=text):
                if len(self._entries) >= self._policy.max_experiences:
                    return (
                        f"the library is full ({self._policy.max_experiences} experiences): "
                        "merge or retire some first"
                    )
                return self._write(operation, f"G{self._next}", name, text, replaces=())
            case _:
                assert_never(operation)

    def _problem_with_ids(self, operation: Operation) -> str | None:
        ids = touched_ids(operation)
        if isinstance(operation, Merge) and len(set(ids)) < 2:  # noqa: PLR2004  # "several"
            return "Merge needs at least two different ids"
        for id_ in ids:
            if how := self._changed_by.get(id_):
                if not isinstance(operation, Keep):
                    return f"{id_} was already {how} in the same update"
            elif id_ not in self._entries:
                return f"{id_} does not exist in this version"
        return None

    def _write(
        self, operation: Operation, id_: str, name: str, text: str, *, replaces: Iterable[str]
    ) -> Applied | str:
        replaced = tuple(replaces)
        experience = Experience(id_, " ".join(name.split()), " ".join(text.split()))
        if problem := problem_with_text(experience.name, experience.text, self._policy):
            return problem
        twin = self._wordings.get(wording(experience.text))
        if twin is not None and twin not in replaced:
            return f"{twin} already says exactly this"
        if not replaced:
            self._next += 1
        for old in replaced:
            self._forget(old)
            self._changed_by[old] = f"changed by {kind(operation)}"
        self._entries[id_] = experience
        self._wordings[wording(experience.text)] = id_
        self._changed_by[id_] = f"changed by {kind(operation)}"
        return Applied(operation, experience)

    def _forget(self, id_: str) -> None:
        entry = self._entries.pop(id_)
        if self._wordings.get(wording(entry.text)) == id_:
            del self._wordings[wording(entry.text)]


def problem_with_text(name: str, text: str, policy: Policy) -> str | None:
    """Why this is not allowed as an experience under the policy, or None if it is."""
    from experience_store.safety.content_policy import content_problem  # noqa: PLC0415  # slow to import

    if not wording(text):
        return "the experience has no text"
    return too_long(name, text, policy) or content_problem(f"{name} {text}", policy)


def too_long(name: str, text: str, policy: Policy) -> str | None:
    """How an experience is too long under the policy, or None if it is not."""
    words = len(text.split())
    if words > policy.max_words:
        return f"{words} words; at most {policy.max_words} are allowed"
    if len(text) > policy.max_words * MAX_CHARS_PER_WORD:
        return f"{len(text)} characters are too many for {policy.max_words} words"
    if len(name) > MAX_NAME_CHARS:
        return f"the name has {len(name)} characters; at most {MAX_NAME_CHARS} are allowed"
    return None


def _rank(operation: Operation) -> int:
    match operation:
        case Retire():
            return 0
        case Merge():
            return 1
        case Revise():
            return 2
        case Add():
            return 3
        case Keep():
            return 4
        case _:
            assert_never(operation)
