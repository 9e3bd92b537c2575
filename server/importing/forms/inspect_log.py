"""Inspect: a log with `eval` and `samples`, or one of its samples."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import are_messages, as_text, call, nested, task_text, with_error
from server.importing.fields import Json, as_list, as_object, only_objects, without
from server.importing.forms.form import Form, Record, distinct_attempt, distinct_group, only_reward

_REPEATED = ("events", "transcript", "attachments", "events_data")
_USED = ("id", "uuid", "input", "target", "messages", "log", *_REPEATED)
_ATTACHMENT = "attachment://"


def _matches(value: Json) -> bool:
    is_log = as_object(value.get("eval")) is not None and "samples" in value
    is_sample = value.keys() >= {"epoch", "input", "target"} and "reward" not in value
    return is_log or is_sample


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    """The samples, each with what the log says about all as `log`."""
    if "samples" not in value:
        yield "", value
        return
    samples = only_objects("samples", value["samples"])
    if not samples:
        raise BadInputError("is a log of Inspect without samples")
    log = as_object(value["eval"]) or {}
    about = {k: log.get(k) for k in ("task", "run_id", "created", "model", "dataset")}
    for number, sample in enumerate(samples):
        yield f"samples[{number}]", {**sample, "log": without(about, ())}


def _read(value: Json) -> Record:
    attachments = as_object(value.get("attachments")) or {}
    messages = [_message(m, attachments) for m in only_objects("messages", value.get("messages"))]
    output = _restored(nested(value, "output", "completion"), attachments)
    asked = _restored(value.get("input"), attachments)
    log = as_object(value.get("log")) or {}
    task = as_text(task_text(asked)).strip()
    truth = _target(value.get("target"))
    name = log.get("task") or "sample"
    content: dict[str, object] = {"messages": messages} if messages else {"output": output}
    if are_messages(asked) and not messages:
        content = {"messages": [*(as_list(asked) or ()), {"role": "assistant", "content": output}]}
    return Record(
        task=task or None,
        group=distinct_group(f"{name}-{value.get('id')}", task, truth),
        ground_truth=truth,
        attempt={
            **content,
            "id": value.get("uuid") or distinct_attempt(f"epoch-{value.get('epoch', 1)}", content),
            "feedback": _feedback(value),
            "model": nested(value, "output", "model") or log.get("model"),
            "metadata": {**without(value, _USED), **({"log": log} if log else {})},
        },
        left_out=tuple(name for name in _REPEATED if value.get(name)),
    )


def _message(message: Json, attachments: Json) -> Json:
    """The message in OpenAI's form: Inspect names a call's function beside its arguments."""
    content = _restored(message.get("content"), attachments)
    calls = [
        call(c["function"], _restored(c.get("arguments"), attachments), c.get("id"))
        if isinstance(c.get("function"), str)
        else c
        for c in only_objects("tool_calls", message.get("tool_calls"))
    ]
    made = {**message, "content": content, **({"tool_calls": calls} if calls else {})}
    return with_error(made, message["error"]) if message.get("error") else made


def _restored(value: object, attachments: Json) -> object:
    """The value with long texts, which logs keep apart, in their places."""
    if isinstance(value, str) and value.startswith(_ATTACHMENT):
        return attachments.get(value.removeprefix(_ATTACHMENT), value)
    if (items := as_list(value)) is not None:
        return [_restored(item, attachments) for item in items]
    if (fields := as_object(value)) is not None:
        return {k: _restored(v, attachments) for k, v in fields.items()}
    return value


def _target(target: object) -> object:
    items = as_list(target)
    value = items[0] if items is not None and len(items) == 1 else target
    return value.strip() if isinstance(value, str) else value or None


def _feedback(value: Json) -> str | None:
    """What the scorers say about their scores."""
    scores = as_object(value.get("scores")) or {}
    said = {name: nested(scores, name, "explanation") for name in scores}
    return "\n".join(as_text(text) for text in said.values() if text) or None


def _reward(value: Json) -> float | None:
    """The score; a sample that ended in an error was not measured."""
    if value.get("error"):
        return None
    return only_reward("scores", dict(_scores(value)))


def _scores(value: Json) -> Iterator[tuple[str, object]]:
    """The scores by their dotted names. A scorer's value may have several in it."""
    scores = as_object(value.get("scores")) or {}
    single = as_object(value.get("score"))  # of old logs
    for name, score in scores.items() or ([("", single)] if single else ()):
        place = f"scores.{name}" if name else "score"
        held = as_object(score)
        if held is None or "value" not in held:
            yield place, score
        elif (several := as_object(held["value"])) is not None:
            yield from ((f"{place}.value.{key}", of) for key, of in several.items())
        else:
            yield f"{place}.value", held["value"]


INSPECT = Form("Inspect log", _matches, _read, _reward, _parts)
