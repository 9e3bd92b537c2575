"""Shows repeated calls by what changed in their arguments.

An agent whose call is refused tries again with almost the same arguments, and what it changed is
what it learned. The last call of such a series is shown in full, earlier ones by their difference.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from experience_store.learning.transcript.steps import TranscriptStep

_LONG_ENOUGH, _TOO_LONG = 100, 20_000  # characters of arguments
_REMEMBERED = 8  # calls per tool


def show_by_change(steps: Sequence[TranscriptStep]) -> list[TranscriptStep]:
    """The steps; a call that a later one nearly repeats is shown by how it differs from it."""
    told = list(steps)
    in_full: defaultdict[str, deque[_Call]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
    for index in range(len(steps) - 1, -1, -1):
        step = steps[index]
        arguments = _arguments(step)
        if not arguments:
            continue
        changes = (_change(arguments, later) for later in in_full[step.label])
        shortest = min((change for change in changes if change), key=len, default=None)
        if shortest is None:
            in_full[step.label].append(_Call(step.number, arguments))
        else:
            told[index] = replace(step, said=shortest)
    return told


class _Call(NamedTuple):
    """A call that is shown in full, with each argument as JSON."""

    number: int
    arguments: dict[str, str]


def _change(arguments: dict[str, str], later: _Call) -> str | None:
    """How the arguments differ from the later call's; None unless that is much shorter."""
    others = later.arguments
    if arguments.keys() != others.keys():
        return None
    changed = [f'"{key}":{value}' for key, value in arguments.items() if value != others[key]]
    told = f"as in step {later.number}{', but ' * bool(changed)}{','.join(changed)}"
    return told if 2 * len(told) < sum(map(len, arguments.values())) else None


def _arguments(step: TranscriptStep) -> dict[str, str]:
    """The arguments of a long call, each as JSON; empty if they are not an object."""
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
