"""The statistics against brute force and against simulations whose truth is known."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import pytest

from server.practice.metrics.estimates import (
    ALL_ALIKE,
    ONE_TASK,
    bootstrap,
    estimate,
    pass_at_k,
    sign_flip,
)


@pytest.mark.parametrize("attempts", range(1, 7))
def test_pass_at_k_equals_the_share_of_draws_with_a_pass(attempts: int) -> None:
    for passed, k in itertools.product(range(attempts + 1), range(1, attempts + 1)):
        outcomes = [i < passed for i in range(attempts)]
        draws = list(itertools.combinations(outcomes, k))
        share = sum(any(draw) for draw in draws) / len(draws)
        assert pass_at_k(attempts, passed, k) == pytest.approx(share), (passed, k)


def test_pass_at_k_agrees_with_the_product_form_of_the_paper_for_many_attempts() -> None:
    n, c, k = 200, 13, 100
    product = 1 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(product)


@pytest.mark.parametrize(("attempts", "passed", "k"), [(2, 1, 3), (2, 3, 1), (2, 1, 0)])
def test_pass_at_k_of_too_few_attempts_is_an_error(attempts: int, passed: int, k: int) -> None:
    with pytest.raises(ValueError, match="no Pass@"):
        pass_at_k(attempts, passed, k)


def _gains(draw: random.Random, tasks: int, effect: float) -> list[float]:
    """Differences of paired means of four 0/1 rewards, around a known effect."""
    found: list[float] = []
    for _ in range(tasks):
        chance = draw.uniform(0.2, 0.6)
        before = sum(draw.random() < chance for _ in range(4))
        after = sum(draw.random() < chance + effect for _ in range(4))
        found.append((after - before) / 4)
    return found


@pytest.mark.exhaustive
def test_the_interval_covers_the_true_gain_about_as_often_as_it_says() -> None:
    draw, effect, runs = random.Random(3), 0.15, 300
    covered = 0
    for _ in range(runs):
        found = bootstrap(_gains(draw, 30, effect), resamples=400)
        covered += found.low <= effect <= found.high
    assert 0.90 <= covered / runs <= 0.97


def test_the_interval_matches_the_known_one_of_a_normal_mean() -> None:
    draw = random.Random(4)
    values = [draw.gauss(10, 2) for _ in range(200)]
    mean = math.fsum(values) / 200
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / 200) / math.sqrt(200)
    found = bootstrap(values)
    assert found.low == pytest.approx(mean - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(mean + 1.96 * error, abs=0.1 * error)


def test_the_interval_depends_only_on_data_and_seed() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.9, 0.2]
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)


def test_the_interval_scales_with_the_rewards() -> None:
    values = [0.1, 0.4, 0.35, 0.8, 0.9, 0.2]
    one, other = bootstrap(values), bootstrap([1000 * v - 7 for v in values])
    assert other.low == pytest.approx(1000 * one.low - 7)
    assert other.high == pytest.approx(1000 * one.high - 7)


@pytest.mark.parametrize(("values", "note"), [([0.4], ONE_TASK), ([1.0, 1.0, 1.0], ALL_ALIKE)])
def test_without_spread_there_is_no_interval_and_a_note_says_why(
    values: list[float], note: str
) -> None:
    found = estimate(values)
    assert found.interval is None
    assert found.note == note
    assert found.value == values[0]


def _enumerated(differences: Sequence[float]) -> float:
    observed = abs(sum(differences))
    flips = list(itertools.product((1, -1), repeat=len(differences)))
    sums = [abs(sum(s * d for s, d in zip(f, differences, strict=True))) for f in flips]
    return sum(total >= observed - 1e-9 for total in sums) / len(flips)


@pytest.mark.parametrize(
    "differences",
    [
        [0.25, 0.5, -0.25, 0.75, 0.25],
        [0.1, 0.2, -0.3, 0.4, 0.1, 0.1, 0.1],
        [1.0],
        [3.0, -3.0],
        [0.0, 0.5, 0.0, 0.25],
        [1 / 3, 2 / 3, -1 / 3, 1 / 3, 1 / 3, 1.0],
    ],
)
def test_the_exact_test_equals_full_enumeration(differences: list[float]) -> None:
    found = sign_flip(differences)
    assert found.exact
    assert found.p == pytest.approx(_enumerated(differences))


def test_six_gains_out_of_six_have_the_p_of_a_sign_test() -> None:
    assert sign_flip([1.0] * 6).p == 2 / 2**6


def test_tasks_that_do_not_differ_do_not_count_for_the_limit_of_the_exact_test() -> None:
    found = sign_flip([0.0] * 500 + [1.0] * 10)
    assert (found.exact, found.differing, found.p) == (True, 10, 2 / 2**10)


def test_no_difference_gives_a_p_of_one() -> None:
    assert sign_flip([0.0, 0.0]).p == 1


def test_beyond_the_limit_the_sampled_test_is_close_to_the_truth_and_never_zero() -> None:
    draw = random.Random(5)
    differences = [draw.gauss(0.3, 1) for _ in range(16)]
    found = sign_flip(differences)
    assert not found.exact
    assert found.p == pytest.approx(_enumerated(differences), abs=0.01)
    assert sign_flip([1.0] * 60).p == 1 / 20_001


def test_the_sampled_test_is_the_same_for_the_same_data() -> None:
    differences = [(-1) ** i * i / 7 for i in range(40)]
    assert sign_flip(differences) == sign_flip(differences)


def test_without_an_effect_the_exact_test_rejects_in_five_percent() -> None:
    draw, runs = random.Random(6), 1000
    found = [sign_flip([draw.gauss(0, 1) for _ in range(8)]).p <= 0.05 for _ in range(runs)]
    assert 0.035 <= sum(found) / runs <= 0.065


def test_without_an_effect_the_sampled_test_rejects_in_about_five_percent() -> None:
    draw, runs = random.Random(6), 400
    found = [sign_flip(_gains(draw, 30, 0.0), flips=300).p <= 0.05 for _ in range(runs)]
    assert 0.025 <= sum(found) / runs <= 0.075


def test_with_few_tasks_and_coarse_rewards_the_test_never_rejects_more_often() -> None:
    draw, runs = random.Random(8), 1000
    found = [sign_flip(_gains(draw, 8, 0.0)).p <= 0.05 for _ in range(runs)]
    assert sum(found) / runs <= 0.06


def test_the_test_usually_finds_an_effect() -> None:
    draw, runs = random.Random(7), 100
    found = [sign_flip(_gains(draw, 30, 0.25), flips=300).p <= 0.05 for _ in range(runs)]
    assert sum(found) / runs > 0.9
