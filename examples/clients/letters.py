"""The world of these examples: dates in letters, and a clerk who does not know the country.

Everything here stands in for parts of your own: the task, the check of its result, and the language
model. The model is a few lines of Python, so that the examples run offline and deterministically.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

FIRST_LETTER = ("03/04/2026", "2026-04-03")
SECOND_LETTER = ("05/11/2026", "2026-11-05")
LESSON = "When a letter from Germany has a numeric date, read it as day first, then month."


def task(date: str) -> str:
    """What the agent is asked to do."""
    return f"A letter from Germany is dated {date}. Give the date in ISO form."


def reward(answer: str, truth: str) -> float:
    """The check: in your world a test, a rule, a judge, or a person's thumbs-up."""
    return 1.0 if answer == truth else 0.0


def try_task(text: str, experiences: Iterable[str], attempt: int) -> str:
    """What a model answers: it guesses, unless an experience tells it."""
    first, second, year = text.split("dated ")[1].split(".", maxsplit=1)[0].split("/")
    knows = any("day first" in experience for experience in experiences)
    day_first = knows or attempt % 2 == 0
    return f"{year}-{second}-{first}" if day_first else f"{year}-{first}-{second}"


def answer_question(prompt: str) -> str:
    """What a model answers to a question of the learner, in the format that the prompt asks for.

    Send the prompt to your model unchanged, and its answer back unchanged.
    """
    assert "Answer with a JSON object" in prompt
    lesson: dict[str, object] = {
        "operation": "Add",
        "ids": [],
        "name": "Day first",
        "experience": LESSON,
    }
    reasons = "The better attempts read the day first."
    return json.dumps({"reasons": reasons, "operations": [lesson]})
