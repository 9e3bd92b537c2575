"""Validation errors, explained so that the caller can fix the call."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import ValidationError

HALF = (
    "contains half a surrogate pair, such as \\ud800, which is not a character and cannot be "
    "stored; leave it out, or send the whole pair"
)


def explain_validation_error(error: ValidationError, fields: Sequence[str]) -> str:
    """A validation error as sentences that say where, what and how to mend it; values left out.

    Args:
        error: What pydantic found.
        fields: Known fields, for hints on unknown ones.
    """
    sentences: list[str] = []
    for problem in error.errors(include_url=False, include_input=False)[:5]:
        *place, last = [str(part) for part in problem["loc"]] or ["the arguments"]
        where = ".".join([*place, last])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "string_unicode":
            message = HALF
        if problem["type"] == "extra_forbidden":
            close = _meant(last, fields)
            hint = f"did you mean {close!r}? " if close else ""
            message = f"is not known; {hint}Fields are {', '.join(fields)}"
        sentences.append(f"{where}: {message}.")
    more = error.error_count() - len(sentences)
    return " ".join([*sentences, *([f"And {more} more."] if more > 0 else [])])


_OTHER_NAMES = {
    "reward": ("score", "return", "success", "passed", "grade", "correct"),
    "output": ("text", "content", "answer", "response", "completion", "result", "final_answer"),
    "messages": ("conversation", "history", "transcript", "trace", "steps", "traj"),
}


def _meant(field: str, fields: Sequence[str]) -> str | None:
    """The field that an unknown name probably means."""
    for name, others in _OTHER_NAMES.items():
        if name in fields and field.lower() in others:
            return name
    return next(iter(get_close_matches(field[:80], fields, n=1, cutoff=0.5)), None)
