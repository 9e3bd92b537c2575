"""How large an answer may be, and what is said to a model whose answer is not taken."""

from __future__ import annotations

from experience_store.errors import AnswerRefusedError

MAX_CHARS = 200_000
MAX_REPAIRED_CHARS = 20_000  # strings apart; json_repair is quadratic in some malformed texts,
MAX_REPAIRED_OBJECTS = 500  # and steeply so in braces
MAX_REGIONS = 1_000
MAX_DEPTH = 64
MAX_DIGITS = 40

ONE_OBJECT = "Answer with one JSON object and nothing else"
WELL_FORMED = (
    "Send it again as JSON that a strict parser reads: double quotes around keys and strings, "
    "quotes inside strings escaped, commas between members."
)


def too_deep() -> AnswerRefusedError:
    """The refusal of a value within too many others."""
    return AnswerRefusedError(
        f"The answer is nested more than {MAX_DEPTH} levels deep. Make it flatter."
    )


def too_many_digits() -> AnswerRefusedError:
    """The refusal of an integer that no database stores."""
    return AnswerRefusedError(
        f"A number in the answer has more than {MAX_DIGITS} digits. Use a smaller number."
    )


def not_a_number(written: str) -> AnswerRefusedError:
    """The refusal of a number that JSON does not have."""
    return AnswerRefusedError(f"{written} is no JSON number. Use a finite number or null.")
