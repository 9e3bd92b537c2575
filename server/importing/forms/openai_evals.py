"""OpenAI's evals: the output items of a run, as its API lists them."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.submissions.messages import first_user_text
from server.importing.chat import nested
from server.importing.fields import Json, as_list, as_object, only_objects, without
from server.importing.forms.form import Form, Record, only_reward


def _is_item(value: Json) -> bool:
    return "datasource_item" in value and as_object(value.get("sample")) is not None


def _items(value: Json) -> list[Json]:
    return [value] if _is_item(value) else only_objects("data", value.get("data"))


def _matches(value: Json) -> bool:
    is_page = value.get("object") == "list" and bool(as_list(value.get("data")))
    return _is_item(value) or (is_page and all(map(_is_item, _items(value))))


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    for number, item in enumerate(_items(value)):
        yield "" if item is value else f"data[{number}]", item


def _read(value: Json) -> Record:
    asked = as_list(nested(value, "sample", "input")) or []
    answered = as_list(nested(value, "sample", "output")) or []
    source, sample = value["datasource_item"], as_object(value["sample"]) or {}
    index = value.get("datasource_item_id")
    return Record(
        task=first_user_text(asked) or source,
        group=None if index is None else f"{value.get('eval_id') or 'eval'}-{index}",
        attempt={
            "messages": [*asked, *answered],
            "id": None if value.get("id") is None else str(value["id"]),
            "model": nested(value, "sample", "model"),
            "metadata": {
                **without(value, ("id", "sample")),
                "sample": without(sample, ("input", "output")),
            },
        },
    )


def _reward(value: Json) -> float | None:
    """The score of the one grader; an item that ended in an error was not measured."""
    if nested(value, "sample", "error"):
        return None
    scores = {
        f"results.{number}.score": result.get("score", result.get("passed"))
        for number, result in enumerate(only_objects("results", value.get("results")))
    }
    return only_reward("results", without(scores, ()))


OPENAI_EVALS = Form("OpenAI evals", _matches, _read, _reward, _parts)
