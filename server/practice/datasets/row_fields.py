"""Where a row has its prompt and its right answer."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.submissions.forms.read_message import read_message
from experience_store.submissions.forms.values import (
    UnreadableError,
    from_json_text,
    is_list,
    is_object,
)
from server.importing.chat import are_messages
from server.importing.fields import (
    Json,
    are_texts,
    as_list,
    as_object,
    bare_name,
    field_names,
    first_spelt,
    list_hint,
    lookup,
    reward_like,
)
from server.importing.json_text import JsonObject
from server.practice.datasets.choices import INDEX_FIELDS
from server.practice.datasets.prompts import Prompt, read_prompt

TASK_FIELDS = (
    *("task", "prompt", "question", "problem", "query", "messages", "instruction", "input"),
    *("inputs", "user_input", "problem_statement", "conversations", "conversation", "contents"),
    *("stem", "question_stem"),
)
TRUTH_FIELDS = (
    *("ground_truth", "answer", "solution", "target", "answers", "reward_model.ground_truth"),
    *("answer_key", "correct_answer", "final_answer", "expected", "expected_output"),
    *("expected_answer", "reference", "reference_answer", "reference_output", "ideal", "gold"),
    *("gold_answer", "golden_answers", "correct_answers", "best_answer", "answers_spans"),
)
_CONTEXTS = (
    *("context", "passage", "article", "paragraph", "story", "narrative", "document"),
    *("contexts", "passages", "paragraphs", "documents", "retrieved_contexts"),
)
_PASSAGES = ("text", "sentences", "content", "contexts", "paragraph_text", "passage", "snippet")
_SYSTEM = ("system", "system_prompt", "system_message", "system_instruction")
_PAIRS = {
    "instruction": ("output", "response"),
    "input": ("output",),
    "inputs": ("outputs",),
    "prompt": ("completion",),
}
_SHOWN = 6


def find_prompt(value: JsonObject, named: str | None) -> tuple[str, Prompt]:
    """The field with the prompt, and the prompt with the texts that belong to it.

    Args:
        value: A row.
        named: The field that the user names, of which nothing else is part.

    Raises:
        BadInputError: If there is none; says which field to name.
    """
    if named is not None:
        return named, read_prompt(named, cast("JsonValue", lookup(value, named)))
    found = first_spelt(value, TASK_FIELDS)
    if found is None:
        raise BadInputError(_no_prompt(value))
    field = _within(value, found)
    prompt = read_prompt(field, cast("JsonValue", lookup(value, field)))
    inner = as_object(value.get(found))
    text = _with_context(value if inner is None else inner, field, prompt.text)
    return field, replace(prompt, text=_with_system(value, field, text))


def find_truth(value: JsonObject, prompt_field: str, *, has_choices: bool) -> str | None:
    """The field with the right answer; None if there is none.

    What answers an instruction in training data is one, but not what an attempt says that has a
    reward.
    """
    usual = (*TRUTH_FIELDS, *(INDEX_FIELDS if has_choices else ()))
    found = first_spelt(value, usual, but=(prompt_field,))
    pair = _PAIRS.get(bare_name(prompt_field.partition(".")[0]))
    if found is None and pair is not None and not reward_like(value):
        found = first_spelt(value, pair)
    return found


def _within(value: JsonObject, field: str) -> str:
    """The field, or the one in it that is the prompt, as in `inputs.question`."""
    held = as_object(value[field]) if field in value else None
    if held is None or are_messages([held]):
        return field
    texts = [name for name, text in held.items() if isinstance(text, str)]
    inner = first_spelt(held, TASK_FIELDS) or (texts[0] if len(texts) == len(held) == 1 else None)
    if inner is None:
        raise BadInputError(
            f"{field}: is an object; name the prompt in it, as --task-field {field}.NAME "
            f"({', '.join(held)})"
        )
    return f"{field}.{inner}"


def _with_context(value: Json, field: str, prompt: str) -> str:
    """The prompt after the text that it asks about, or before what an instruction is for."""
    if bare_name(field) == "instruction" and (given := first_spelt(value, ("input",))):
        text = value[given]
        return f"{prompt}\n\n{text}" if isinstance(text, str) and text.strip() else prompt
    about = first_spelt(value, _CONTEXTS, but=(field,))
    texts = _passages(value[about]) if about else []
    is_new = all(texts) and not all(text in prompt for text in texts)
    return "\n\n".join([*texts, prompt]) if is_new else prompt


def _passages(held: object) -> list[str]:
    """The passages of a context, each after its title; an empty text for what is none."""
    found = from_json_text(held)
    fields = as_object(found)
    if fields is None:
        return [_passage(item) for item in as_list(found) or [found]]
    name = first_spelt(fields, _PASSAGES)
    texts, titles = as_list(fields.get(name or "")), as_list(fields.get("title"))
    if texts and titles and len(texts) == len(titles):  # column by column
        return [_passage(pair) for pair in zip(titles, texts, strict=True)]
    return [_passage(text) for text in texts] if texts and not titles else [_passage(fields)]


def _passage(held: object) -> str:
    """A text; or a title with a text or its sentences, as a pair or an object."""
    if (fields := as_object(held)) is not None:
        name = first_spelt(fields, _PASSAGES)
        held = () if name is None else (fields.get("title") or "", fields[name])
    parts = list(held) if is_list(held) else [held]
    said = [" ".join(map(str.strip, of)) if are_texts(of) else of for of in parts]
    return "\n".join(filter(None, said)).strip() if are_texts(said) else ""


def _with_system(value: Json, field: str, prompt: str) -> str:
    """The prompt after what a field beside it tells the system, unless that is only a name."""
    told = first_spelt(value, _SYSTEM, but=(field,))
    if told is None:
        return prompt
    held = value[told]
    message = held if is_object(held) and "parts" in held else {"content": held}
    try:
        (read, *_) = read_message({**message, "role": "system"})
    except UnreadableError as error:
        raise BadInputError(f"{told}: {error}") from error
    is_new = len(read.text.split()) > 1 and read.text not in prompt
    return f"{read.text}\n\n{prompt}" if is_new else prompt


def _no_prompt(value: JsonObject) -> str:
    names = [bare_name(name) for name in TASK_FIELDS]
    blank = next((name for name in value if bare_name(name) in names), None)
    if blank is not None:
        return f"{blank}: is empty"
    inner = next((n for n in field_names(value) if bare_name(n.rpartition(".")[2]) in names), None)
    chat = next((name for name, of in value.items() if are_messages(of)), None)
    usual = ", ".join(TASK_FIELDS[:_SHOWN])
    if inner or chat:
        hint = f"did you mean --task-field {inner or chat}?"
    else:
        hint = list_hint(value) or "name the field with the prompt (--task-field)"
    return f"has no prompt ({usual}, …); it has {', '.join(value) or 'nothing'}: {hint}"
