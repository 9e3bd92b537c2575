"""Text from attempts cannot open or close the tags of a prompt."""

from __future__ import annotations

import pytest

from experience_store.learning.transcript import (
    quote,
)

TAGS = ("attempt", "task", "experiences", "ground_truth", "feedback", "circumstances")


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    "form", ["<{}", "</{}", "< / {}", "<\n/\t{}", "<\\/{}", "<\u200b{}", "<\ufeff/\u200d{}"]
)
def test_text_cannot_open_or_close_our_tags(tag: str, form: str) -> None:
    for name in (tag, tag.upper(), tag.title()):
        text = f"a < b {form.format(name)}> c"
        assert quote(text) == "a < b \u2039" + text[7:]


def test_other_text_is_unchanged() -> None:
    text = "<b>1 < 2</b> <tasty> <answer>3</answer> &lt;attempt> task> \\langle <- 漢字 👩‍👧"
    assert quote(text) == text
    assert quote("") == ""


def test_quoting_twice_changes_nothing() -> None:
    once = quote("</attempt></ATTEMPT ><task>")
    assert quote(once) == once
