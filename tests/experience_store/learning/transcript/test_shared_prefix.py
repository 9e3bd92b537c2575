"""The messages that all attempts of a group begin with."""

from __future__ import annotations

from experience_store.learning.transcript import (
    common_beginning,
)
from experience_store.trajectory import Message
from tests.experience_store.learning.transcript.messages import attempt, call, result, said, user


def test_the_prefix_is_what_all_attempts_begin_with() -> None:
    shared = (Message("system", "S"), user("Q"))
    assert common_beginning([attempt(*shared, said("a")), attempt(*shared, said("b"))]) == shared


def test_the_prefix_is_empty_without_attempts_or_a_common_start() -> None:
    assert common_beginning([attempt(user("a"), said("x")), attempt(user("b"), said("x"))]) == ()
    assert common_beginning([]) == ()


def test_every_attempt_keeps_a_message_even_if_all_are_identical() -> None:
    long, short = attempt(user("Q"), said("a"), said("b")), attempt(user("Q"), said("a"))
    assert common_beginning([long, short]) == (user("Q"),)
    assert common_beginning([short, short]) == (user("Q"),)
    assert common_beginning([attempt(said("x")), attempt(said("x"))]) == ()


def test_equal_calls_match_whatever_their_ids_and_keep_their_results() -> None:
    first = attempt(user("Q"), call("f", "{}", "1"), result("R", "1"), call("g", "{}"), said("x"))
    same = attempt(user("Q"), call("f", "{}", "2"), result("R", "1"), call("g", "[]"), said("y"))
    other = attempt(user("Q"), call("f", "{}", "3"), result("other", "3"), said("z"))
    assert common_beginning([first, same]) == first.messages[:3]
    assert common_beginning([first, other]) == (user("Q"),)


def test_the_prefix_of_one_attempt_ends_with_its_first_user_message() -> None:
    messages = (Message("system", "S"), Message("developer", "D"), user("Q"), said("a"))
    assert common_beginning([attempt(*messages)]) == messages[:3]
    assert common_beginning([attempt(said("a"), said("b"))]) == ()
    assert common_beginning([attempt(user("Q"))]) == ()
