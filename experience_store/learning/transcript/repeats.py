"""A call made again with a change is told by the change.

An agent that is refused tries again with almost the same arguments, and what it changed is what it
learned. Of such a series the last call is shown in full, and the earlier ones by how they differ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from experience_store.learning.transcript.steps import Step

_LONG_ENOUGH, _TOO_LONG = 100, 20_000  # characters of arguments


def tell_by_change(steps: Sequence[Step]) -> list[Step]:
    """The steps, with calls that a later one repeats nearly, told by how they differ from it."""
    told = list(steps)
    in_full: dict[str, tuple[Step, dict[str, str]]] = {}
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        arguments = _arguments(step)
        if not arguments:
            continue
        later = in_full.get(step.label)
        change = _change(arguments, later) if later else None
        if change is None:
            in_full[step.label] = step, arguments
        else:
            told[index] = replace(step, said=change)
    return told


def _change(arguments: dict[str, str], later: tuple[Step, dict[str, str]]) -> str | None:
    """How the arguments differ from the later step's; None if that would not be much shorter."""
    step, others = later
    if arguments.keys() != others.keys():
        return None
    changed = [f'"{key}":{value}' for key, value in arguments.items() if value != others[key]]
    told = f"as in step {step.number}{', but ' * bool(changed)}{','.join(changed)}"
    return told if 2 * len(told) < sum(map(len, arguments.values())) else None


def _arguments(step: Step) -> dict[str, str]:
    """The arguments of a long call, each as JSON; none where they are not an object."""
    said = step.said or ""
    if not step.is_call or not _LONG_ENOUGH <= len(said) <= _TOO_LONG:
        return {}
    try:
        parsed: object = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    arguments = cast("dict[str, object]", parsed)
    return {
        key: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        for key, value in arguments.items()
    }
