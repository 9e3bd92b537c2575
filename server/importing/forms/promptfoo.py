"""promptfoo: the results of an evaluation, one document with `results.results`."""

from __future__ import annotations

from collections.abc import Iterator

from experience_store.errors import BadInputError
from server.importing.chat import as_text, nested, task_text
from server.importing.fields import Json, as_object, objects, only_objects, without
from server.importing.forms.form import Form, Record, digest
from server.importing.rewards import read_reward


def _results(value: Json) -> list[Json]:
    return objects(nested(value, "results", "results"))


def _matches(value: Json) -> bool:
    return bool(_results(value)) and all("prompt" in result for result in _results(value))


def _parts(value: Json) -> Iterator[tuple[str, Json]]:
    about = without({"evalId": value.get("evalId")}, ())
    results = only_objects("results.results", nested(value, "results", "results"))
    for number, result in enumerate(results):
        yield f"results.results[{number}]", {**about, **result}


def _read(value: Json) -> Record:
    output = nested(value, "response", "output")
    if output is None:
        raise BadInputError(
            f"response: has no output ({as_text(value.get('error')) or 'no error'})"
        )
    prompt = nested(value, "prompt", "raw")
    provider = as_object(value.get("provider")) or {"id": value.get("provider")}
    return Record(
        task=task_text(prompt),
        group=digest([prompt, value.get("vars")]),
        attempt={
            "output": as_text(output),
            "id": None if value.get("id") is None else str(value["id"]),
            "feedback": nested(value, "gradingResult", "reason"),
            "model": provider.get("id"),
            "metadata": without(value, ("id",)),
        },
    )


def _reward(value: Json) -> float | None:
    """The score; a request that failed was not measured."""
    if nested(value, "response", "error"):
        return None
    field = "success" if value.get("score") is None else "score"
    return read_reward(value.get(field), field)


PROMPTFOO = Form("promptfoo results", _matches, _read, _reward, _parts)
