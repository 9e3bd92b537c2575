"""Multiple choice: the choices of a question, which belong to its prompt, and the right one."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from experience_store.errors import BadInputError
from experience_store.submissions.forms.values import as_text, from_json_text
from server.importing.fields import Json, as_list, as_object, first_spelt, lookup

FIELDS = ("choices", "options", "endings", "answer_choices", "question.choices")
INDEX_FIELDS = (
    *("answer_idx", "answer_index", "correct_index", "correct_option", "correct_choice", "correct"),
    *("label", "cop"),
)
_COLUMN = re.compile(
    r"(?P<group>(?:option|choice|ending|opt|op|sol)[ _]?|)(?P<label>[a-z]|[0-9])", re.IGNORECASE
)
_LABELLED = re.compile(r"\(?(?P<label>[A-Za-z]|[1-9])[).:]\s+(?P<text>\S.*)", re.DOTALL)
_LABEL = re.compile(r"\(?(?P<label>\w)[).:]?")
_SEPARATOR = re.compile(r"\s*[\n|]\s*")
_SEQUENCES = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "123456789")
_FEWEST = 2


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices of a question.

    Attributes:
        texts: Each choice by its label, in order: `A`, `B`, …, or the dataset's own.
        are_columns: Whether they are columns such as `a` and `b`, which may be something else; then
            only the label of one is an answer.
    """

    texts: dict[str, str]
    are_columns: bool = False

    def added_to(self, prompt: str) -> str:
        """A prompt with the choices, unless it has them already."""
        said = " ".join(prompt.split())
        if all(
            any(f"{label}{mark} {' '.join(text.split())}" in said for mark in ").:")
            for label, text in self.texts.items()
        ):
            return prompt
        return "\n".join([f"{prompt}\n", *(f"{label}) {t}" for label, t in self.texts.items())])

    def chosen(
        self, field: str, answers: Sequence[JsonValue], *, from_one: bool
    ) -> tuple[str, ...] | None:
        """What is right to answer: the labels of choices, and their texts.

        Args:
            field: The field of the answers, for errors.
            answers: Labels, texts of choices, or their indices.
            from_one: Whether the first index is 1.

        Returns:
            The labels, each before its text; None if the columns are something else.

        Raises:
            BadInputError: If an answer is none of the choices, or two of them.
        """
        try:
            right = [self._right(field, answer, from_one=from_one) for answer in answers]
        except BadInputError:
            if self.are_columns:
                return None
            raise
        return tuple(dict.fromkeys(text for of_one in right for text in of_one))

    def _right(self, field: str, answer: JsonValue, *, from_one: bool) -> tuple[str, ...]:
        found = self._labels(answer, from_one=from_one)
        if len(found) != 1:
            known = "; ".join(f"{label}) {text}" for label, text in self.texts.items())
            said = "none" if not found else "the label of one and the text of another"
            raise BadInputError(
                f"{field}: {as_text(answer)[:60]!r} is {said} of the choices ({known}); rename "
                "their field if it holds no choices"
            )
        (label,) = found
        text = self.texts[label]
        return (label,) if text in self.texts else (label, text)

    def index(self, answer: JsonValue) -> int | None:
        """The answer if it can only be an index."""
        if isinstance(answer, int) and not isinstance(answer, bool):
            return None if str(answer) in self.texts else answer
        if isinstance(answer, str) and answer.strip().isdecimal() and not self._named(answer):
            return int(answer)
        return None

    def _labels(self, answer: JsonValue, *, from_one: bool) -> set[str]:
        index = self.index(answer)
        if index is not None and not self.are_columns:
            place = index - from_one
            return set(list(self.texts)[place : place + 1] if place >= 0 else [])
        return self._named(as_text(answer))

    def _named(self, answer: str) -> set[str]:
        """The labels of the choices with this label or text."""
        said = answer.strip().casefold()
        bare = _LABEL.fullmatch(said)
        labelled = _LABELLED.fullmatch(said)
        label = bare["label"] if bare else labelled["label"] if labelled else ""
        by_label = {name for name in self.texts if name.casefold() == label}
        texts = {} if self.are_columns else self.texts
        by_text = {name for name, text in texts.items() if text.strip().casefold() == said}
        return by_label if labelled and by_label else by_label | by_text


def choices_of(value: Json) -> Choices | None:
    """The choices of a row, in a field or in columns such as `A`, `option_b` or `option1`."""
    field = first_spelt(value, FIELDS)
    if field is not None and (found := _in_field(lookup(value, field))) is not None:
        return found
    return _in_columns(value)


def _in_field(held: object) -> Choices | None:
    found = _listed(held)
    if (fields := as_object(found)) is not None:
        labels, texts = as_list(fields.get("label")), as_list(fields.get("text"))
        pairs = zip(labels, texts, strict=False) if labels and texts else fields.items()
        return _choices([(str(label), text) for label, text in pairs])
    items = as_list(found) or []
    objects = [as_object(item) or {} for item in items]
    if items and all("text" in item and "label" in item for item in objects):
        return _choices([(str(item["label"]), item["text"]) for item in objects])
    matches = [_LABELLED.fullmatch(item) if isinstance(item, str) else None for item in items]
    if items and all(matches):
        return _choices([(m["label"], m["text"]) for m in matches if m])
    return _choices([(chr(ord("A") + n), item) for n, item in enumerate(items)])


def _listed(held: object) -> object:
    """A list also as text, as tables have it: JSON, Python, or a choice in each line."""
    found = from_json_text(held)
    if not isinstance(found, str):
        return found
    if not found.lstrip().startswith(("[", "{")):
        return _SEPARATOR.split(found.strip())
    try:
        return ast.literal_eval(found.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _in_columns(value: Json) -> Choices | None:
    groups: dict[str, list[tuple[str, object]]] = {}
    for name in value:
        if (match := _COLUMN.fullmatch(name.strip())) and value[name] is not None:
            groups.setdefault(match["group"].lower(), []).append((match["label"], value[name]))
    for group, pairs in groups.items():
        labels = "".join(label for label, _ in pairs).lower()
        if any(sequence.startswith(labels) for sequence in _SEQUENCES):
            found = _choices([(label.upper(), text) for label, text in pairs])
            may_be_others = not group and (len(pairs) <= _FEWEST or pairs[0][0] != "A")
            return found and replace(found, are_columns=may_be_others)
    return None


def _choices(pairs: Sequence[tuple[str, object]]) -> Choices | None:
    """The choices; None if these are something else."""
    texts = {label.strip(): as_text(text) for label, text in pairs}
    are_texts = all(
        isinstance(text, str | int | float) and as_text(text).strip() for _, text in pairs
    )
    are_labels = all(_LABEL.fullmatch(label) for label in texts)
    several = len(texts) == len(pairs) >= _FEWEST
    return Choices(texts) if several and are_texts and are_labels else None
