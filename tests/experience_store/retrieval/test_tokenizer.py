"""Which words of a text count, in any script."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from experience_store.retrieval import Index
from experience_store.retrieval.tokenizer import content_terms
from tests.experience_store.retrieval.lessons import AIRLINE, ids, lesson
from tests.paths import ROOT


@pytest.mark.parametrize(
    "task", ["get_user_details", "user", "details", "Get_User_Details()", "detail"]
)
def test_a_snake_case_name_is_found_whole_and_in_parts(task: str) -> None:
    index = Index.build([lesson(1, "Call get_user_details first."), *AIRLINE[1:]])
    assert ids(index, task) == ["G1"]


@pytest.mark.parametrize("task", ["parseHTTPRequest", "http", "Requests", "parse"])
def test_a_camel_case_name_is_found_whole_and_in_parts(task: str) -> None:
    assert ids(Index.build([lesson(1, "Use parseHTTPRequest."), *AIRLINE[1:]]), task) == ["G1"]


@pytest.mark.parametrize("task", ["HAT136", "hat136", "136", "hat"])
def test_letters_and_digits_are_found_together_and_apart(task: str) -> None:
    assert ids(Index.build([lesson(1, "Never book HAT136."), *AIRLINE[1:]]), task) == ["G1"]


def test_the_whole_identifier_counts_beyond_its_parts() -> None:
    index = Index.build([lesson(1, "Use get_user_id."), lesson(2, "An id of a user, used.")])
    assert ids(index, "get_user_id")[0] == "G1"


def test_chinese_is_matched_by_pairs_of_characters() -> None:
    index = Index.build(
        [lesson(1, "取消预订前先确认保险"), lesson(2, "先计算免费行李"), *AIRLINE[2:]]
    )
    assert ids(index, "我想取消我的预订") == ["G1"]
    assert ids(index, "行李多少钱") == ["G2"]


def test_a_single_chinese_character_stands_for_itself() -> None:
    index = Index.build([lesson(1, "买 early"), lesson(2, "买卖")])
    assert ids(index, "买") == ["G1"]


def test_japanese_korean_and_thai_are_matched_too() -> None:
    index = Index.build(
        [lesson(1, "キャンセル料金"), lesson(2, "항공편을 취소"), lesson(3, "ยกเลิกตั๋ว")]
    )
    assert ids(index, "キャンセルしたい") == ["G1"]
    assert ids(index, "항공편이 늦다") == ["G2"]
    assert ids(index, "ฉันอยากยกเลิก") == ["G3"]


def test_compatibility_forms_and_case_make_no_difference() -> None:
    index = Index.build([lesson(1, "Prüfe die Straße."), lesson(2, "① ﬁx")])
    assert ids(index, "STRASSE PRÜFEN?") == ["G1"]
    assert ids(index, "1") == ids(index, "fix") == ["G2"]


def test_words_with_combining_marks_stay_whole() -> None:
    assert content_terms("बाज़ार से") == ["बाज़ार", "से"]


def test_a_very_long_word_does_no_harm() -> None:
    assert ids(Index.build(AIRLINE), "bags " + "x" * 100_000) == ["G2"]


def test_english_words_are_stemmed() -> None:
    assert content_terms("cancelled bookings") == ["cancel", "book"]


def test_both_stemmers_give_the_same_stems() -> None:
    """The one in Python stands in where the one in C has no wheel."""
    package = importlib.import_module("snowballstemmer.english_stemmer")
    in_python, in_c = (
        package.EnglishStemmer(),
        pytest.importorskip("Stemmer").Stemmer("english"),
    )
    text = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    words = sorted(set(re.findall(r"[a-z]{3,}", text.lower())))

    assert len(words) > 1000
    assert [in_python.stemWord(word) for word in words] == in_c.stemWords(words)


def test_without_the_stemmer_in_c_the_one_in_python_is_used() -> None:
    code = (
        "import sys; from importlib import util; found = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'Stemmer' else found(name)\n"
        "sys.modules['Stemmer'] = None\n"
        "from experience_store.retrieval.tokenizer import content_terms\n"
        "print(content_terms('cancelled bookings'))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )

    assert printed.stdout.strip() == "['cancel', 'book']", printed.stderr
