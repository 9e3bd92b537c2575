"""Short ways to make domain values in tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from experience_store.learning.inputs import HOST, GroupInput, PromptBudget, Snapshot
from experience_store.learning.update import Update
from experience_store.library import Experience, Library, Policy, State
from experience_store.retrieval import Document, Index
from experience_store.store import Submission
from experience_store.trajectory import Group, Message, ToolCall, Trajectory


def attempt(
    output: str = "I looked and then answered.",
    reward: float | None = 0.0,
    *,
    id: str = "",  # noqa: A002  # the field's name
    feedback: str | None = None,
    retrieval_id: str | None = None,
) -> Trajectory:
    return Trajectory(
        id=id or f"t-{abs(hash((output, reward))) % 10**8}",
        messages=(Message("assistant", output),),
        reward=reward,
        feedback=feedback,
        retrieval_id=retrieval_id,
    )


def talk(*lines: str, reward: float | None = 0.0, id: str = "talk") -> Trajectory:  # noqa: A002  # the field's name
    """An attempt of several messages: `user: …`, `assistant: …`, `call: name {…}`, `tool: …`."""
    return Trajectory(id=id, messages=tuple(_message(line) for line in lines), reward=reward)


def _message(line: str) -> Message:
    role, _, text = line.partition(": ")
    if role == "call":
        name, _, arguments = text.partition(" ")
        return Message("assistant", "", (ToolCall(name, arguments, "c1"),))
    return Message(role, text, tool_call_id="c1" if role == "tool" else None)


def group(
    *trajectories: Trajectory,
    task: str = "Book a flight",
    id: str = "g1",  # noqa: A002  # the field's name
    ground_truth: str | None = None,
) -> Group:
    made = trajectories or (attempt("won", 1.0, id="w"), attempt("lost", 0.0, id="l"))
    return Group(id, task, made, ground_truth)


def state(*texts: str, version: int = 3) -> State:
    entries = tuple(Experience(f"G{i}", f"Lesson {i}", t) for i, t in enumerate(texts, start=1))
    return State("lib", version, entries, len(entries) + 1)


def snapshot(of: State) -> Snapshot:
    index = Index.build(Document(e, ()) for e in of.experiences)
    return Snapshot(of, index.near)


def update(
    *groups: Group,
    on: State | None = None,
    policy: Policy | None = None,
    budget: PromptBudget = HOST,
    served: Mapping[str, tuple[str, ...]] | None = None,
) -> Update:
    base = on or state()
    return Update(
        library=Library("lib", base.version, policy=policy or Policy()),
        inputs=tuple(GroupInput(g, base.experiences, served or {}) for g in groups or (group(),)),
        snapshots=(snapshot(base),),
        budget=budget,
    )


def operation(
    kind: str,
    *ids: object,
    experience: str = "",
    name: str = "A name",
    from_: Sequence[str] | None = None,
) -> dict[str, object]:
    made: dict[str, object] = {
        "operation": kind,
        "ids": list(ids),
        "name": name,
        "experience": experience,
    }
    return made if from_ is None else {**made, "from": list(from_)}


def answer(*operations: dict[str, object], reasons: str = "It checked first.") -> str:
    return json.dumps({"reasons": reasons, "operations": list(operations)})


def add(text: str, name: str = "A name") -> dict[str, object]:
    return operation("Add", experience=text, name=name)


def finished(of: Update, say: Callable[[str], str]) -> Update:
    """The update with every request answered by `say(prompt)`."""
    while requests := of.requests():
        for request in requests:
            of = of.record(request.id, say(request.prompt))
    return of


def submission(
    *trajectories: Trajectory,
    task: str = "Book a flight",
    group_id: str | None = None,
    ground_truth: str | None = None,
) -> Submission:
    made = trajectories or (attempt("won", 1.0, id="w"), attempt("lost", 0.0, id="l"))
    return Submission(task, made, group_id, ground_truth)
