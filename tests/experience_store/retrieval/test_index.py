from __future__ import annotations

import importlib
import math
import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from experience_store.library import Experience, State
from experience_store.retrieval import Document, Index, Selection, select
from experience_store.retrieval.documents import codes_of
from experience_store.retrieval.tokenizer import content_terms
from tests.paths import ROOT


def lesson(number: int, text: str, *tasks: str, name: str = "") -> Document:
    return Document(Experience(f"G{number}", name, text), tasks)


def ids(index: Index, task: str, limit: int = 10) -> list[str]:
    return [experience_id for experience_id, _ in index.rank(task, limit)]


AIRLINE = [
    lesson(1, "When a booking is cancelled, verify the insurance before refunding."),
    lesson(2, "When bags are added, count those that are free for the membership."),
    lesson(3, "When a flight is delayed, offer a certificate if the customer complains."),
]


class TestRanking:
    def test_the_experience_that_shares_rare_words_with_the_task_comes_first(self) -> None:
        index = Index.build(AIRLINE)
        assert ids(index, "My flight was delayed by six hours")[0] == "G3"
        assert ids(index, "How many free bags do I have?") == ["G2"]

    def test_words_match_in_their_other_forms(self) -> None:
        assert ids(Index.build(AIRLINE), "CANCELLING my bookings, refund please") == ["G1"]

    def test_scores_fall_from_first_to_last(self) -> None:
        scores = [score for _, score in Index.build(AIRLINE).rank("delayed flight, bags booked", 3)]
        assert scores == sorted(scores, reverse=True)
        assert all(score > 0 for score in scores)

    def test_equally_good_ones_come_newest_first_by_number(self) -> None:
        index = Index.build([lesson(n, "Check the fare.") for n in (2, 10, 9, 1)])
        assert ids(index, "fare") == ["G10", "G9", "G2", "G1"]
        assert ids(index, "fare", limit=2) == ["G10", "G9"]

    def test_a_lesson_is_found_by_the_task_it_was_learned_from(self) -> None:
        index = Index.build([*AIRLINE, lesson(4, "Ask first, act later.", "Upgrade my seat")])
        assert ids(index, "I want to upgrade a seat") == ["G4"]

    def test_own_words_count_more_than_those_of_tasks(self) -> None:
        index = Index.build([lesson(1, "Upgrade early."), lesson(2, "Ask early.", "Upgrade")])
        assert ids(index, "upgrade") == ["G1", "G2"]

    def test_the_name_counts_as_the_experiences_own_words(self) -> None:
        index = Index.build([*AIRLINE, lesson(4, "Ask first.", name="Seat upgrades")])
        assert ids(index, "upgrade") == ["G4"]

    def test_of_a_long_task_only_the_beginning_is_remembered(self) -> None:
        filler = " ".join(f"filler{n}" for n in range(100))
        index = Index.build([lesson(1, "Ask first.", f"upgrade {filler} downgrade")])
        assert ids(index, "upgrade") == ["G1"]
        assert ids(index, "downgrade") == []

    def test_of_a_very_long_query_the_beginning_and_the_end_are_read(self) -> None:
        index = Index.build(AIRLINE)
        noise = "lorem " * 20_000
        assert ids(index, f"bags {noise} delayed") == ["G3", "G2"]
        assert ids(index, f"{noise} bags {noise}") == []

    @pytest.mark.parametrize("task", ["", "  \n", "?!", "xylophone"])
    def test_a_task_that_shares_nothing_finds_nothing(self, task: str) -> None:
        assert ids(Index.build(AIRLINE), task) == []

    def test_an_empty_index_finds_nothing(self) -> None:
        assert ids(Index.build([]), "flight") == []

    def test_nothing_is_found_without_a_place_for_it(self) -> None:
        assert ids(Index.build(AIRLINE), "flight", limit=0) == []

    def test_stop_words_find_nothing(self) -> None:
        index = Index.build([*AIRLINE, lesson(4, "Who are you? Ask them.", "to be or not to be")])
        assert ids(index, "the a of and you are") == []
        assert ids(index, "Who are you to cancel?") == ["G1"]

    def test_what_names_an_earlier_task_had_by_chance_does_not_beat_what_a_lesson_says(
        self,
    ) -> None:
        earlier = (
            "You want to remove passenger Sophia from your flights on May 19, with reservation ID "
            "GV1N64. You don't remember your reservation ID, but suddenly find it in your email."
        )
        index = Index.build(
            [
                *AIRLINE,
                lesson(4, "Never suggest cancelling the trip.", earlier),
                lesson(5, "When compensation is asked for, count the passengers.", "Delayed again"),
            ]
        )
        asked = "You are Sophia Silva (ID: sophia_silva_7557). You want compensation."
        assert ids(index, asked)[:2] == ["G5", "G4"]
        assert ids(index, "Sophia") == ["G4"]

    def test_of_two_documents_with_one_id_the_later_counts(self) -> None:
        index = Index.build([lesson(1, "Old words."), lesson(1, "New wording.")])
        assert (len(index), ids(index, "old"), ids(index, "new")) == (1, [], ["G1"])


class TestWords:
    @pytest.mark.parametrize(
        "task", ["get_user_details", "user", "details", "Get_User_Details()", "detail"]
    )
    def test_a_snake_case_name_is_found_whole_and_in_parts(self, task: str) -> None:
        index = Index.build([lesson(1, "Call get_user_details first."), *AIRLINE[1:]])
        assert ids(index, task) == ["G1"]

    @pytest.mark.parametrize("task", ["parseHTTPRequest", "http", "Requests", "parse"])
    def test_a_camel_case_name_is_found_whole_and_in_parts(self, task: str) -> None:
        assert ids(Index.build([lesson(1, "Use parseHTTPRequest."), *AIRLINE[1:]]), task) == ["G1"]

    @pytest.mark.parametrize("task", ["HAT136", "hat136", "136", "hat"])
    def test_letters_and_digits_are_found_together_and_apart(self, task: str) -> None:
        assert ids(Index.build([lesson(1, "Never book HAT136."), *AIRLINE[1:]]), task) == ["G1"]

    def test_the_whole_identifier_counts_beyond_its_parts(self) -> None:
        index = Index.build([lesson(1, "Use get_user_id."), lesson(2, "An id of a user, used.")])
        assert ids(index, "get_user_id")[0] == "G1"

    def test_chinese_is_compared_by_pairs_of_characters(self) -> None:
        index = Index.build(
            [lesson(1, "取消预订前先确认保险"), lesson(2, "先计算免费行李"), *AIRLINE[2:]]
        )
        assert ids(index, "我想取消我的预订") == ["G1"]
        assert ids(index, "行李多少钱") == ["G2"]

    def test_a_single_chinese_character_stands_for_itself(self) -> None:
        index = Index.build([lesson(1, "买 early"), lesson(2, "买卖")])
        assert ids(index, "买") == ["G1"]

    def test_japanese_korean_and_thai_are_compared_too(self) -> None:
        index = Index.build(
            [lesson(1, "キャンセル料金"), lesson(2, "항공편을 취소"), lesson(3, "ยกเลิกตั๋ว")]
        )
        assert ids(index, "キャンセルしたい") == ["G1"]
        assert ids(index, "항공편이 늦다") == ["G2"]
        assert ids(index, "ฉันอยากยกเลิก") == ["G3"]

    def test_compatibility_forms_and_case_make_no_difference(self) -> None:
        index = Index.build([lesson(1, "Prüfe die Straße."), lesson(2, "① ﬁx")])
        assert ids(index, "STRASSE PRÜFEN?") == ["G1"]
        assert ids(index, "1") == ids(index, "fix") == ["G2"]

    def test_words_with_combining_marks_stay_whole(self) -> None:
        assert content_terms("बाज़ार से") == ["बाज़ार", "से"]

    def test_one_endless_word_does_no_harm(self) -> None:
        assert ids(Index.build(AIRLINE), "bags " + "x" * 100_000) == ["G2"]

    def test_english_words_are_stemmed(self) -> None:
        assert content_terms("cancelled bookings") == ["cancel", "book"]

    def test_both_stemmers_give_the_same_stems(self) -> None:
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

    def test_without_the_stemmer_in_c_the_one_in_python_is_used(self) -> None:
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


def exhaustive(documents: list[Document], task: str, limit: int) -> list[str]:
    """The ranking as it is described, one experience after the other."""
    codes = {d.experience.id: codes_of(d)[0] for d in documents}
    having = Counter(term for terms in codes.values() for term in terms)
    own = {term for terms in codes.values() for term, code in terms.items() if code & 8}

    def weight(term: str, times: int) -> int:
        rarity = math.log1p((len(codes) - having[term] + 0.5) / (having[term] + 0.5))
        return max(1, round(4 * rarity * 2 * times / (times + 1) / (1 if term in own else 2)))

    weights = {t: weight(t, n) for t, n in Counter(content_terms(task)).items() if having[t]}
    scores = {
        id_: sum(weight * (terms.get(term, 0) & 7) for term, weight in weights.items())
        for id_, terms in codes.items()
    }
    found = [id_ for id_, score in scores.items() if score]
    return sorted(found, key=lambda id_: (-scores[id_], -int(id_[1:])))[:limit]


class Writer:
    """Writes lessons and tasks in a small vocabulary, some words being much more frequent."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._words = [f"{a}{b}{c}" for a in "bdfgkl" for b in "aeiou" for c in ("ran", "tel", "m")]
        self._weights = [1 / (n + 1) for n in range(len(self._words))]

    def text(self, words: int) -> str:
        return " ".join(self.random.choices(self._words, self._weights, k=words))

    def lesson(self, number: int) -> Document:
        tasks = [self.text(20) for _ in range(self.random.randrange(3))]
        return lesson(number, self.text(self.random.randrange(4, 25)), *tasks)


class TestExactness:
    @pytest.mark.parametrize("size", [1, 20, 300])
    def test_the_ranking_is_that_of_scoring_every_experience(self, size: int) -> None:
        writer = Writer(size)
        documents = [writer.lesson(n) for n in range(1, size + 1)]
        index = Index.build(documents)
        for _ in range(30):
            task, limit = (
                writer.text(writer.random.randrange(1, 60)),
                writer.random.randrange(1, 60),
            )
            assert ids(index, task, limit) == exhaustive(documents, task, limit)

    def test_of_a_task_with_very_many_words_the_hundred_rarest_count(self) -> None:
        common = [f"often{chr(97 + n // 26)}{chr(97 + n % 26)}x" for n in range(150)]
        documents = [lesson(n, " ".join(common)) for n in range(1, 5)]
        index = Index.build([*documents, lesson(5, "Beware of the xylophone.")])
        counted = " ".join([*common[:99], "xylophone"])
        assert len(index.rank(counted, 10)) == 5
        assert index.rank(" ".join([*common, "xylophone"]), 10) == index.rank(counted, 10)

    def test_an_index_kept_up_to_date_answers_like_one_built_anew(self) -> None:
        writer = Writer(5)
        documents = {n: writer.lesson(n) for n in range(1, 121)}
        index = Index.build(documents.values())
        for _ in range(60):
            removed = writer.random.sample(sorted(documents), writer.random.randrange(4))
            documents = {n: d for n, d in documents.items() if n not in removed}
            changed = [writer.lesson(writer.random.randrange(1, 200)) for _ in range(3)]
            documents |= {int(d.experience.id[1:]): d for d in changed}
            index = index.updated(changed, [f"G{n}" for n in removed])
            self._assert_same(index, Index.build(documents.values()), writer)

    def test_an_index_that_lost_everything_answers_like_an_empty_one(self) -> None:
        writer = Writer(6)
        documents = [writer.lesson(n) for n in range(1, 81)]
        emptied = Index.build(documents).updated([], [d.experience.id for d in documents])
        self._assert_same(emptied, Index.build([]), writer)
        self._assert_same(emptied.updated(documents), Index.build(documents), writer)

    @staticmethod
    def _assert_same(kept: Index, rebuilt: Index, writer: Writer) -> None:
        task, text = writer.text(30), writer.text(8)
        assert kept.rank(task, 40) == rebuilt.rank(task, 40)
        assert kept.near(text, 0.4) == rebuilt.near(text, 0.4)
        assert (len(kept), kept.tokens) == (len(rebuilt), rebuilt.tokens)


class TestUpdating:
    def test_the_old_index_goes_on_answering_as_before(self) -> None:
        old = Index.build(AIRLINE)
        before = old.rank("delayed flight bags", 5)
        new = old.updated([lesson(2, "Never upgrade."), lesson(4, "Bags, bags, bags.")], ["G3"])
        assert old.rank("delayed flight bags", 5) == before
        assert ids(new, "delayed flight bags") == ["G4"]

    def test_what_is_not_there_can_be_removed(self) -> None:
        assert len(Index.build(AIRLINE).updated([], ["G77"])) == 3

    def test_an_id_that_is_removed_and_changed_at_once_is_there(self) -> None:
        index = Index.build(AIRLINE).updated([lesson(1, "Upgrade.")], ["G1"])
        assert ids(index, "upgrade") == ["G1"]


class TestNear:
    INDEX = Index.build(
        [
            lesson(1, "When a booking is cancelled, verify the insurance before you refund it."),
            lesson(2, "When a booking is changed, verify the new price before you charge it."),
            lesson(3, "Be brief.", "verify insurance booking cancelled refund"),
        ]
    )

    def test_a_rewording_is_near(self) -> None:
        assert self.INDEX.near("Verify insurance before refunding cancelled bookings.") == ["G1"]

    def test_what_adds_a_condition_is_near(self) -> None:
        text = "When a booking with two or more passengers is cancelled by telephone, verify the "
        assert self.INDEX.near(text + "insurance before you refund it in full.") == ["G1"]

    def test_the_same_topic_with_other_advice_is_not_near(self) -> None:
        assert self.INDEX.near("When a booking is lost, apologise and search by name.") == []

    def test_tasks_do_not_make_an_experience_near(self) -> None:
        assert "G3" not in self.INDEX.near("verify insurance booking cancelled refund", 0.1)

    def test_a_short_text_is_not_near_to_all_that_contains_it(self) -> None:
        assert self.INDEX.near("Verify the insurance.") == []

    def test_the_same_few_words_are_near(self) -> None:
        assert self.INDEX.near("be BRIEF!") == ["G3"]

    def test_the_nearest_comes_first(self) -> None:
        text = "When a booking is cancelled or changed, verify the insurance before you refund it."
        assert self.INDEX.near(text, 0.3) == ["G1", "G2"]

    @pytest.mark.parametrize("text", ["", "to be or not to be"])
    def test_a_text_without_content_words_is_near_to_nothing(self, text: str) -> None:
        assert self.INDEX.near(text, 0.0) == []


def library(*documents: Document) -> tuple[State, Index]:
    experiences = tuple(d.experience for d in documents)
    return State("default", 1, experiences), Index.build(documents)


def served(selection: Selection) -> list[str]:
    return [e.id for e in selection.experiences]


class TestSelecting:
    def test_a_library_that_fits_is_served_whole_with_the_best_first(self) -> None:
        state, index = library(*AIRLINE)
        selection = select(state, index, "delayed flight", 1_000)
        assert served(selection) == ["G3", "G2", "G1"]
        assert (selection.omitted, selection.tokens) == (0, index.tokens)

    @pytest.mark.parametrize("task", [None, "", "xylophone", "the a of and you are"])
    def test_without_any_match_the_newest_come_first_whatever_the_budget(
        self, task: str | None
    ) -> None:
        state, index = library(*AIRLINE)
        assert served(select(state, index, task, 1_000)) == ["G3", "G2", "G1"]
        assert served(select(state, index, task, index.tokens - 1)) == ["G3", "G2"]
        assert served(select(state, index, task, index.cost("G3"))) == ["G3"]

    def test_what_does_not_match_is_not_served_to_fill_up(self) -> None:
        state, index = library(*AIRLINE)
        selection = select(state, index, "delayed flight", index.tokens - 1)
        assert (served(selection), selection.omitted) == (["G3"], 2)

    def test_what_is_shorter_does_not_take_the_place_of_what_is_better(self) -> None:
        long = lesson(1, "Bags: " + "count all the bags again, " * 5)
        state, index = library(long, lesson(2, "Weigh bags."), *AIRLINE[2:])
        assert ids(index, "bags count again") == ["G1", "G2"]
        selection = select(state, index, "bags count again", index.cost("G1") - 1)
        assert selection == Selection((), 3, 0)

    def test_what_a_smaller_budget_gets_is_the_beginning_of_what_a_larger_one_gets(self) -> None:
        writer = Writer(4)
        state, index = library(*(writer.lesson(n) for n in range(1, 41)))
        for task in (writer.text(6), "xylophone", None):
            some: list[str] = []
            for budget in range(0, index.tokens + 9, 9):
                more = served(select(state, index, task, budget))
                assert more[: len(some)] == some
                some = more
            assert len(some) == 40

    @pytest.mark.parametrize("max_tokens", [-5, 0, 1, 5])
    def test_a_budget_too_small_for_any_selects_nothing(self, max_tokens: int) -> None:
        assert select(*library(*AIRLINE), "bags", max_tokens) == Selection((), 3, 0)

    @pytest.mark.parametrize("max_tokens", [0, 100])
    def test_an_empty_library_serves_nothing_and_omits_nothing(self, max_tokens: int) -> None:
        assert select(*library(), "bags", max_tokens) == Selection((), 0, 0)

    def test_the_budget_is_kept_and_well_used(self) -> None:
        writer = Writer(3)
        state, index = library(*(writer.lesson(n) for n in range(1, 201)))
        for budget in range(50, 2_000, 130):
            selection = select(state, index, writer.text(40), budget)
            assert selection.tokens == sum(index.cost(id_) for id_ in served(selection)) <= budget
            assert selection.tokens > budget - max(index.cost(e.id) for e in state.experiences)
            assert len(selection.experiences) + selection.omitted == 200

    def test_an_index_of_another_version_is_refused(self) -> None:
        state, _ = library(*AIRLINE)
        with pytest.raises(ValueError, match="not of version 1"):
            select(state, Index.build(AIRLINE[1:]), "bags", 100)
