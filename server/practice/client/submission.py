"""What is submitted, fitted into the server's limits.

A group that is refused after its attempts were paid for could never be learned from, and the run
could not continue. So what is known before the first attempt is checked then, by the server's own
rules; and what only an attempt brings (messages, feedback) is cut to the server's limits, with a
mark where something is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.submissions.clean_text import MAX_TEXT
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.messages import is_blank
from experience_store.submissions.read_submission import MAX_CONTENT, MAX_MESSAGES, read_submission
from server.practice.records import Task

Messages = list[dict[str, JsonValue]]
MAX_NAMED = 5  # tasks that an error names
_MARK = 60  # characters that a mark may have
_NOTHING_STORED = " Nothing was stored."


def check_tasks(tasks: Sequence[Task], model: str, *, ground_truth: bool) -> None:
    """Check that the server would accept groups of these tasks.

    Args:
        tasks: Tasks to practise on.
        model: The name of the model that attempts them.
        ground_truth: Whether the ground truth is submitted, too.

    Raises:
        BadInputError: If some would be refused; it names up to five, with the reason.
    """
    bad: list[str] = []
    for task in tasks:
        try:
            read_submission(
                task=task.prompt,
                trajectories=[{"reward": None, "output": "-", "model": model}],
                ground_truth=task.ground_truth if ground_truth else None,
            )
        except BadInputError as error:
            bad.append(f"{task.id[:80]!r}: {str(error).removesuffix(_NOTHING_STORED)}")
    if bad:
        more = f"\n… and {len(bad) - MAX_NAMED} more" if len(bad) > MAX_NAMED else ""
        raise BadInputError(
            "the library would refuse attempts at these tasks; nothing was attempted.\n"
            + "\n".join(bad[:MAX_NAMED])
            + more
        )


def fit_feedback(feedback: str | None) -> str | None:
    """A verifier's feedback, cut if it is longer than the server takes."""
    return None if feedback is None else _cut(feedback, MAX_TEXT)


def shows_work(messages: Messages) -> bool:
    """Whether the agent did anything, without which the server refuses an attempt."""
    return not is_blank(read for message in messages for read in read_message(message))


def fit_messages(messages: Messages) -> Messages:
    """An attempt's messages, cut to as many and as much text as the server takes."""
    fewer = _fewer(messages)
    sizes = [size for message in fewer for size in map(len, _texts(message))]
    if sum(sizes) <= MAX_CONTENT:
        return fewer
    level = _level(sizes, MAX_CONTENT)
    return [_cut_message(message, level) for message in fewer]


def _fewer(messages: Messages) -> Messages:
    """The first and the last messages, and a mark between them, if there are too many."""
    if len(messages) <= MAX_MESSAGES:
        return messages
    first = MAX_MESSAGES // 2
    last = MAX_MESSAGES - first - 1
    mark: dict[str, JsonValue] = {
        "role": "system",
        "content": f"[… {len(messages) - first - last:,} messages left out]",
    }
    return [*messages[:first], mark, *messages[-last:]]


def _level(sizes: Sequence[int], most: int) -> int:
    """The length to which texts are cut, so that they fit into `most` characters together."""
    left, level = most, 0
    for place, size in enumerate(sorted(sizes)):
        level = left // (len(sizes) - place)
        if size > level:
            break
        left -= size
    return level


def _cut(text: str, most: int) -> str:
    """Beginning and end of a text, with a mark between them, if it is too long."""
    if len(text) <= most:
        return text
    first = max(0, most - _MARK) // 2
    mark = f"\n[… {len(text) - 2 * first:,} characters left out]\n"
    return (text[:first] + mark + text[len(text) - first :])[:most]


def _cut_message(message: Mapping[str, JsonValue], most: int) -> dict[str, JsonValue]:
    cut = dict(message)
    if isinstance(content := message.get("content"), str):
        cut["content"] = _cut(content, most)
    if calls := _calls(message):
        cut["tool_calls"] = [_cut_call(call, most) for call in calls]
    return cut


def _cut_call(call: Mapping[str, JsonValue], most: int) -> JsonValue:
    function = call.get("function")
    if isinstance(function, dict) and isinstance(arguments := function.get("arguments"), str):
        return {**call, "function": {**function, "arguments": _cut(arguments, most)}}
    return dict(call)


def _texts(message: Mapping[str, JsonValue]) -> Iterable[str]:
    """What counts of a message: what was said, and the arguments of calls."""
    if isinstance(content := message.get("content"), str):
        yield content
    for call in _calls(message):
        function = call.get("function")
        if isinstance(function, dict) and isinstance(arguments := function.get("arguments"), str):
            yield arguments


def _calls(message: Mapping[str, JsonValue]) -> list[Mapping[str, JsonValue]]:
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return []
    return [cast("Mapping[str, JsonValue]", call) for call in calls if isinstance(call, dict)]
