"""Rows and JSON columns to domain values, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache

from pydantic import TypeAdapter

from experience_store.library import Experience, Library, Policy
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
from experience_store.sqlite.database import Row
from experience_store.store import GivenAnswer, Usage
from experience_store.trajectory import Trajectory, messages_from_json

_STRINGS = TypeAdapter(tuple[str, ...])
_INTEGERS = TypeAdapter(tuple[int, ...])
_REWARDS = TypeAdapter(tuple[tuple[int, float | None], ...])
_POLICY = TypeAdapter(Policy)


def to_library(row: Row) -> Library:
    """A row of `library`."""
    return Library(
        name=row["name"],
        head=row["head"],
        size=row["size"],
        agent_objective=row["agent_objective"],
        learning_objective=row["learning_objective"],
        policy=to_policy(row["policy"]),
        created_at=to_time(row["created_at"]),
        serial=row["id"],
    )


@lru_cache(maxsize=256)
def to_policy(text: str) -> Policy:
    """A policy from its JSON."""
    return _POLICY.validate_json(text)


def from_policy(policy: Policy) -> str:
    """A policy as JSON."""
    return json.dumps(asdict(policy), allow_nan=False)  # SQLite's JSON has no infinity


def to_time(text: str) -> datetime:
    """A stored time."""
    return datetime.fromisoformat(text)


def from_time(moment: datetime) -> str:
    """A time as stored: UTC, ISO 8601, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def number_of(experience_id: str) -> int:
    """`G12` as 12."""
    return int(experience_id[1:])


def id_of(number: int) -> str:
    """12 as `G12`."""
    return f"G{number}"


def to_experience(row: Row) -> Experience:
    """A row of `entry`."""
    return Experience(id_of(row["number"]), row["name"], row["text"])


def to_trajectory(row: Row) -> Trajectory:
    """A row of `attempt`."""
    return Trajectory(
        id=row["name"],
        messages=messages_from_json(row["messages"]),
        reward=row["reward"],
        feedback=row["feedback"],
        retrieval_id=row["retrieval"],
        model=row["model"],
        metadata=row["metadata"],
    )


def to_usage(row: Row) -> Usage:
    """The usage columns of a row."""
    return Usage(
        row["calls"],
        row["prompt_tokens"],
        row["cached_tokens"],
        row["completion_tokens"],
        row["cost"],
    )


def to_answer(row: Row) -> GivenAnswer:
    """A row of `answer`."""
    usage = Usage(
        1, row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"], row["cost"]
    )
    return GivenAnswer(row["request"], row["text"], row["refused"], row["model"], usage)


def from_operation(operation: Operation) -> str:
    """The body of an operation as JSON: its ids, and its name and text if it has them."""
    body: dict[str, object] = {"ids": list(touched_ids(operation))}
    if isinstance(operation, Add | Revise | Merge):
        body |= {"name": operation.name, "text": operation.text}
    return json.dumps(body, ensure_ascii=False)


def to_operation(name: str, body: str) -> Operation:
    """An operation from its kind and body."""
    value = _Body.validate_json(body)
    ids = tuple(value.get("ids", ()))
    title, text = str(value.get("name", "")), str(value.get("text", ""))
    match name:
        case "Add":
            return Add(title, text)
        case "Revise":
            return Revise(ids[0], title, text)
        case "Merge":
            return Merge(ids, title, text)
        case "Retire":
            return Retire(ids[0])
        case _:
            return Keep(ids[0] if ids else None)


def to_applied(row: Row) -> Applied:
    """A row of `operation` that was carried out."""
    operation = to_operation(row["kind"], row["body"])
    experience = None
    if row["experience"] is not None and isinstance(operation, Add | Revise | Merge):
        experience = Experience(id_of(row["experience"]), operation.name, operation.text)
    return Applied(operation, experience, to_strings(row["sources"]))


def to_refusal(row: Row) -> Refusal:
    """A row of `operation` that was refused."""
    sources = to_strings(row["sources"])
    if row["kind"] is None:
        return Refusal(row["refused"], raw=row["body"], sources=sources)
    return Refusal(row["refused"], to_operation(row["kind"], row["body"]), sources=sources)


def refused_columns(refusal: Refusal) -> tuple[str | None, str]:
    """Kind and body of a refusal, as stored."""
    if refusal.operation is None:
        return None, refusal.raw or ""
    return kind(refusal.operation), from_operation(refusal.operation)


def from_strings(values: Sequence[str]) -> str:
    """Strings as a JSON list."""
    return json.dumps(list(values), ensure_ascii=False)


def to_strings(text: str) -> tuple[str, ...]:
    """Strings from a JSON list."""
    return _STRINGS.validate_json(text)


def to_integers(text: str) -> tuple[int, ...]:
    """Integers from a JSON list."""
    return _INTEGERS.validate_json(text)


def to_rewards(text: str) -> dict[int, float | None]:
    """Rewards by attempt, from a JSON list of pairs."""
    return dict(_REWARDS.validate_json(text))


_Body: TypeAdapter[dict[str, str | list[str]]] = TypeAdapter(dict[str, str | list[str]])
