"""The index: its ranking is exact, it can be updated, and it finds what is alike."""

from __future__ import annotations

import pytest

from experience_store.retrieval import Index
from tests.experience_store.retrieval.lessons import AIRLINE, Writer, ids, lesson, ranked_one_by_one


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

    def test_only_the_beginning_of_a_long_task_is_indexed(self) -> None:
        filler = " ".join(f"filler{n}" for n in range(100))
        index = Index.build([lesson(1, "Ask first.", f"upgrade {filler} downgrade")])
        assert ids(index, "upgrade") == ["G1"]
        assert ids(index, "downgrade") == []

    def test_a_very_long_query_is_read_at_both_ends(self) -> None:
        index = Index.build(AIRLINE)
        noise = "lorem " * 20_000
        assert ids(index, f"bags {noise} delayed") == ["G3", "G2"]
        assert ids(index, f"{noise} bags {noise}") == []

    @pytest.mark.parametrize("task", ["", "  \n", "?!", "xylophone"])
    def test_a_task_that_shares_nothing_finds_nothing(self, task: str) -> None:
        assert ids(Index.build(AIRLINE), task) == []

    def test_an_empty_index_finds_nothing(self) -> None:
        assert ids(Index.build([]), "flight") == []

    def test_a_limit_of_zero_finds_nothing(self) -> None:
        assert ids(Index.build(AIRLINE), "flight", limit=0) == []

    def test_stop_words_find_nothing(self) -> None:
        index = Index.build([*AIRLINE, lesson(4, "Who are you? Ask them.", "to be or not to be")])
        assert ids(index, "the a of and you are") == []
        assert ids(index, "Who are you to cancel?") == ["G1"]

    def test_names_in_earlier_tasks_do_not_outrank_the_words_of_a_lesson(
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

    def test_the_later_of_two_documents_with_one_id_counts(self) -> None:
        index = Index.build([lesson(1, "Old words."), lesson(1, "New wording.")])
        assert (len(index), ids(index, "old"), ids(index, "new")) == (1, [], ["G1"])


class TestExactness:
    @pytest.mark.parametrize("size", [1, 20, 300])
    def test_the_ranking_equals_scoring_every_experience(self, size: int) -> None:
        writer = Writer(size)
        documents = [writer.lesson(n) for n in range(1, size + 1)]
        index = Index.build(documents)
        for _ in range(30):
            task, limit = (
                writer.text(writer.random.randrange(1, 60)),
                writer.random.randrange(1, 60),
            )
            assert ids(index, task, limit) == ranked_one_by_one(documents, task, limit)

    def test_only_the_hundred_rarest_words_of_a_task_count(self) -> None:
        common = [f"often{chr(97 + n // 26)}{chr(97 + n % 26)}x" for n in range(150)]
        documents = [lesson(n, " ".join(common)) for n in range(1, 5)]
        index = Index.build([*documents, lesson(5, "Beware of the xylophone.")])
        counted = " ".join([*common[:99], "xylophone"])
        assert len(index.rank(counted, 10)) == 5
        assert index.rank(" ".join([*common, "xylophone"]), 10) == index.rank(counted, 10)

    def test_an_updated_index_equals_a_rebuilt_one(self) -> None:
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

    def test_an_emptied_index_equals_an_empty_one(self) -> None:
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
    def test_an_update_leaves_the_old_index_unchanged(self) -> None:
        old = Index.build(AIRLINE)
        before = old.rank("delayed flight bags", 5)
        new = old.updated([lesson(2, "Never upgrade."), lesson(4, "Bags, bags, bags.")], ["G3"])
        assert old.rank("delayed flight bags", 5) == before
        assert ids(new, "delayed flight bags") == ["G4"]

    def test_removing_a_missing_id_is_allowed(self) -> None:
        assert len(Index.build(AIRLINE).updated([], ["G77"])) == 3

    def test_an_id_both_removed_and_changed_stays(self) -> None:
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

    def test_an_added_condition_is_still_near(self) -> None:
        text = "When a booking with two or more passengers is cancelled by telephone, verify the "
        assert self.INDEX.near(text + "insurance before you refund it in full.") == ["G1"]

    def test_the_same_topic_with_other_advice_is_not_near(self) -> None:
        assert self.INDEX.near("When a booking is lost, apologise and search by name.") == []

    def test_tasks_do_not_make_an_experience_near(self) -> None:
        assert "G3" not in self.INDEX.near("verify insurance booking cancelled refund", 0.1)

    def test_a_short_text_is_not_near_every_text_that_contains_it(self) -> None:
        assert self.INDEX.near("Verify the insurance.") == []

    def test_the_same_few_words_are_near(self) -> None:
        assert self.INDEX.near("be BRIEF!") == ["G3"]

    def test_the_nearest_comes_first(self) -> None:
        text = "When a booking is cancelled or changed, verify the insurance before you refund it."
        assert self.INDEX.near(text, 0.3) == ["G1", "G2"]

    @pytest.mark.parametrize("text", ["", "to be or not to be"])
    def test_a_text_without_content_words_is_near_nothing(self, text: str) -> None:
        assert self.INDEX.near(text, 0.0) == []
