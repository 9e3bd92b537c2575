"""lm-evaluation-harness: logged samples, with `doc`, `resps`, `target` and the metrics."""

from __future__ import annotations

from server.importing.chat import as_text
from server.importing.fields import Json, as_list, as_object, first, has, lookup, without
from server.importing.forms.form import Form, Record, distinct_group, only_reward

_TASKS = ("question", "problem", "query", "prompt", "goal", "text", "input", "ctx")
_USUAL = ("exact_match", "acc")
_PROMPTS = ("arguments.gen_args_0.arg_0", "arguments.0.0")
_USED = ("doc_id", "target", "resps")


def _matches(value: Json) -> bool:
    return "doc" in value and "resps" in value


def _read(value: Json) -> Record:
    prompt = first(value, _PROMPTS)
    doc = as_object(value["doc"]) or {}
    field = first(doc, _TASKS)
    task = as_text(doc[field] if field else lookup(value, prompt) if prompt else doc)
    filtered = f"-{name}" if (name := value.get("filter")) not in {None, "none"} else ""
    return Record(
        task=task,
        group=distinct_group(f"doc-{value.get('doc_id')}{filtered}", task, value.get("target")),
        ground_truth=value.get("target"),
        attempt={"output": _response(value), "metadata": without(value, _USED)},
    )


def _response(value: Json) -> str:
    """What the model said; for multiple choice, the likelihoods it gave."""
    said = as_list(value["resps"]) or []
    while len(said) == 1 and (inner := as_list(said[0])) is not None:
        said = inner
    return said[0] if len(said) == 1 and isinstance(said[0], str) else as_text(said)


def _reward(value: Json) -> float | None:
    usual = first(value, _USUAL)
    metrics = as_list(value.get("metrics")) or []
    names = [str(name) for name in metrics if has(value, str(name))]
    if usual in names or not names:
        names = [usual] if usual else []
    return only_reward("metrics", {name: lookup(value, name) for name in names})


LM_EVAL = Form("lm-evaluation-harness samples", _matches, _read, _reward)
