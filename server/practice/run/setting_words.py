"""How the settings of two runs differ, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from server.text import clipped

_DIGEST = re.compile(r"(?P<what>.*) \([0-9a-f]{12}\)")
_LONGEST = 60
# settings that do not have the name of their option, or are the content of what it names
_OPTIONS: Mapping[str, str] = {
    "tasks": "the tasks of --data",
    "held_out_tasks": "the held-out tasks",
    "endpoint": "--base-url",
    "teacher_endpoint": "--teacher-url",
    "verifier_code": "the code of --verifier",
    "tools": "the file of --tools",
    "ground_truth_withheld": "--no-ground-truth",
    "written_directly": "--direct",
}
_OF_PRACTICE = "epochs"  # a setting that `evaluate` does not have


def differences(
    before: Mapping[str, JsonValue], now: Mapping[str, JsonValue], *, but: Iterable[str] = ()
) -> list[str]:
    """Each difference in words, such as "--group-size was 5, now 4".

    Args:
        before: The settings of the run.
        now: Those of this session.
        but: Settings that may differ.
    """
    names = [name for name in {**before, **now} if name not in but]
    changed = [name for name in names if before.get(name) != now.get(name)]
    if changed and (_OF_PRACTICE in before) != (_OF_PRACTICE in now):
        return [f"it was started by `{_command(before)}`, this is `{_command(now)}`"]
    return [_difference(_option(name, now), before.get(name), now.get(name)) for name in changed]


def _command(settings: Mapping[str, JsonValue]) -> str:
    return "practice" if _OF_PRACTICE in settings else "evaluate"


def _option(name: str, settings: Mapping[str, JsonValue]) -> str:
    if name == "eval_temperature" and _command(settings) == "evaluate":
        return "--temperature"
    return _OPTIONS.get(name, f"--{name.replace('_', '-')}")


def _difference(option: str, before: JsonValue, now: JsonValue) -> str:
    was, is_ = _said(before), _said(now)
    if was == is_:  # two digests, or two long texts
        return f"{option} changed"
    is_content = not option.startswith("--")
    return f"{option} {'changed:' if is_content else 'was'} {was}, now {is_}"


def _said(value: JsonValue) -> str:
    match value:
        case None:
            return "not given"
        case bool():
            return "on" if value else "off"
        case str():
            digest = _DIGEST.fullmatch(value)
            return clipped(digest["what"] if digest else value, _LONGEST)
        case _:
            return clipped(str(value), _LONGEST)
