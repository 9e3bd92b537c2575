from __future__ import annotations

import random

import pytest

from experience_store.token_estimate import clip_to_tokens, estimate_tokens

# What o200k_base makes of these texts.
COUNTED = {
    "english": (
        (
            "When the customer asks to cancel, check the fare class and the insurance before "
            "offering a refund, and say why it is refused."
        ),
        26,
    ),
    "json": (
        '{"name": "get_user_details", "arguments": {"user_id": "mia_li_3668", "total": 120}}',
        28,
    ),
    "latex": (
        r"Let $x = \frac{\sqrt{3}}{2}$ and $\sum_{i=1}^{n} a_i \le 2^{10}$, so $x^2 = 3/4$.",
        45,
    ),
    "code": (
        "def parse(self, line: str) -> list[int]:\n    return [int(x) for x in line.split()]\n",
        24,
    ),
    "digits": ("3.14159265358979 1234567890 2024-05-20", 19),
    "chinese": ("我昨天去市场买了一些蔬菜,然后回家做饭。", 17),
    "russian": ("Когда клиент просит отменить бронь, сначала проверьте тариф.", 15),
}


@pytest.mark.parametrize(("text", "tokens"), COUNTED.values(), ids=COUNTED.keys())
def test_the_estimate_is_near_a_real_tokenizers_count(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == pytest.approx(tokens, rel=0.15, abs=4)


def test_an_empty_text_costs_nothing() -> None:
    assert estimate_tokens("") == 0


def test_a_long_horizontal_rule_is_cheap() -> None:
    assert estimate_tokens("=" * 80 + "\n" + "-" * 80) < 8


def test_indentation_costs_one_token_a_line() -> None:
    assert estimate_tokens("\n" + " " * 40 + "x") == estimate_tokens("\n" + " " * 4 + "x")


def test_a_text_that_fits_is_unchanged() -> None:
    text = "  Fits as it is. \n"
    assert clip_to_tokens(text, estimate_tokens(text)) == text


def test_a_limit_of_zero_gives_an_empty_text() -> None:
    assert clip_to_tokens("word", 0) == ""
    assert clip_to_tokens("word", -3) == ""


def test_a_cut_is_visible() -> None:
    assert clip_to_tokens("one two three four five six", 4) == "one two three…"


def test_a_cut_prefers_a_nearby_sentence_end() -> None:
    text = "It begins with one thing and another. " * 10 + "Then more follows here."
    limit = estimate_tokens("It begins with one thing and another. " * 10 + "Then more")
    assert clip_to_tokens(text, limit).endswith("and another.…")


def test_a_text_without_boundaries_is_cut_too() -> None:
    clipped = clip_to_tokens("7" * 3000, 10)
    assert clipped.endswith("…")
    assert 0 < len(clipped) <= 31


def _random_text(rng: random.Random) -> str:
    parts = [
        "word",
        "Überlänge",
        "getUserDetails",
        '{"a": 1}',
        "\n\n",
        "   ",
        "漢字かな",
        "русский",
    ]
    parts += ["12345", "---", "é", "\\frac{1}{2}", "😀", ". ", "A" * 40, "한국어", "I'll", "\t"]
    return "".join(rng.choice(parts) + rng.choice(["", " "]) for _ in range(rng.randrange(1, 60)))


def test_a_clipped_text_fits_and_is_a_prefix() -> None:
    rng = random.Random(7)
    for _ in range(500):
        text, limit = _random_text(rng), rng.randrange(1, 80)
        clipped = clip_to_tokens(text, limit)
        assert estimate_tokens(clipped) <= limit
        assert text.startswith(clipped.removesuffix("…"))


def test_a_clipped_text_uses_most_of_its_limit() -> None:
    rng = random.Random(8)
    for _ in range(100):
        text = " ".join(rng.choice(["when", "a", "booking", "fails"]) for _ in range(400))
        assert estimate_tokens(clip_to_tokens(text, 100)) >= 90
