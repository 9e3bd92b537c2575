"""LangSmith: runs as they are exported, with `inputs`, `outputs` and `feedback_stats`."""

from __future__ import annotations

from experience_store.errors import BadInputError
from server.importing.chat import are_messages, as_text, first_user_text, messages_in, nested
from server.importing.fields import Json, as_list, as_object, objects, without
from server.importing.forms.form import Form, Record, only_reward

_USED = ("id", "reference_outputs", "inputs", "outputs")


def _matches(value: Json) -> bool:
    return as_object(value.get("inputs")) is not None and bool(
        {"run_type", "feedback_stats", "reference_example_id"} & set(value)
    )


def _read(value: Json) -> Record:
    if value.get("parent_run_id") is not None:
        raise BadInputError(
            "is a step of another run (parent_run_id): only whole runs are attempts"
        )
    inputs = as_object(value["inputs"]) or {}
    outputs = as_object(value.get("outputs")) or {}
    if not outputs:
        error = f" (it broke off: {as_text(value['error'])[:200]})" if value.get("error") else ""
        raise BadInputError(f"outputs: has none{error}")
    example = value.get("reference_example_id")
    field, asked = _messages(inputs)
    beside = without(inputs, () if field is None else (field,))
    return Record(
        task=first_user_text(asked) or _text(inputs),
        group=None if example is None else str(example),
        ground_truth=_text(as_object(value.get("reference_outputs")) or {}) or None,
        attempt={
            **_content(asked, outputs),
            "id": None if value.get("id") is None else str(value["id"]),
            "model": nested(value, "extra", "metadata", "ls_model_name"),
            "metadata": {
                **without(value, _USED),
                **({"inputs": beside} if beside else {}),
                **({"outputs": outputs} if set(outputs) - {"messages"} else {}),
            },
        },
    )


def _content(asked: list[object], outputs: Json) -> dict[str, object]:
    """The messages; what a run got is often repeated in what it gives."""
    _, answered = _messages(outputs)
    if not answered and not asked:
        return {"output": _text(outputs)}
    answered = answered or [{"role": "assistant", "content": _text(outputs)}]
    if len(answered) > len(asked) and all(map(_same, asked, answered)):
        return {"messages": answered}
    return {"messages": [*asked, *answered]}


def _same(one: object, other: object) -> bool:
    keys = ("role", "type", "content")
    a, b = as_object(one) or {}, as_object(other) or {}
    return all(a.get(key) == b.get(key) for key in keys)


def _messages(holder: Json) -> tuple[str | None, list[object]]:
    """The messages of inputs or outputs, and their field; those of a model's runs are nested."""
    for choice in objects(holder.get("choices")):
        return "choices", [choice.get("message")]
    for name in ("messages", "input", "chat_history", "output"):
        found = messages_in(holder.get(name))
        inner = as_list(found[0]) if found else None
        found = inner if inner is not None else found
        if are_messages(found):
            return name, found
    for generation in objects(_flat(holder.get("generations"))):
        return "generations", [generation.get("message") or generation.get("text")]
    return None, []


def _flat(generations: object) -> object:
    outer = as_list(generations)
    inner = as_list(outer[0]) if outer else None
    return generations if inner is None else inner


def _text(holder: Json) -> str:
    """The one text, or all fields as JSON."""
    texts = [v for v in holder.values() if isinstance(v, str)]
    return texts[0] if len(texts) == len(holder) == 1 else as_text(holder) if holder else ""


def _reward(value: Json) -> float | None:
    stats = as_object(value.get("feedback_stats")) or {}
    averages = {f"feedback_stats.{key}.avg": nested(stats, key, "avg") for key in stats}
    return only_reward("feedback_stats", without(averages, ()))


LANGSMITH = Form("LangSmith runs", _matches, _read, _reward)
