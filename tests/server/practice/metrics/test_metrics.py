"""The figures of steps, arms, comparisons and totals."""

from __future__ import annotations

import pytest

from server.practice.metrics.attempt_metrics import (
    Bounds,
    counts,
    pass_threshold,
    reward_range,
)
from server.practice.metrics.comparison import ArmComparison, Paired, comparison
from server.practice.metrics.estimates import ALL_ALIKE, ONE_TASK, Estimate, Interval, bootstrap
from server.practice.metrics.run_metrics import (
    ArmMetrics,
    arm_metrics,
    planned,
    step_metrics,
    steps_to,
    totals,
)
from server.practice.metrics.task_names import names_of
from server.practice.metrics.verdict import NO_PAIR, verdict
from server.practice.records import (
    Rollout,
    Run,
    Score,
    ScoredAttempt,
    Spent,
    StepLearning,
    Task,
    total,
)
from server.practice.report.terminal_report import unscored
from server.practice.verifiers.answer_match import MatchVerifier
from tests.server.practice.run_builders import (
    arm,
    attempt,
    broken_off,
    group,
    run,
    spent,
    step,
    unverified,
    whole_run,
)


def measured(**rewards: list[object]) -> ArmMetrics:
    made = arm("without", rewards)  # pyright: ignore[reportArgumentType]  # rewards or attempts
    found = arm_metrics(made, planned([made]), 1.0)
    assert found is not None
    return found


def mean(found: ArmMetrics) -> Estimate:
    assert found.mean is not None
    return found.mean


def compared(run_: Run) -> ArmComparison:
    found = comparison(run_, 1.0)
    assert found is not None
    return found


def mean_of(found: ArmComparison) -> Paired:
    assert found.mean is not None
    return found.mean


def test_a_step_counts_failures_apart_from_bad_results() -> None:
    found = step_metrics(
        step(1, group("a", 1.0, 0.0, broken_off()), group("b", 1.0, unverified(), unverified())),
        1.0,
    )
    assert found.counts.attempts == 6
    assert found.counts.scored == 3
    assert found.counts.rollout_failures == 1
    assert found.counts.verifier_failures == 2
    assert found.mean_reward == pytest.approx(2 / 3)
    assert found.pass_rate == pytest.approx(2 / 3)


def test_a_reward_that_is_not_a_real_number_is_a_verifier_failure() -> None:
    found = step_metrics(step(1, group("a", float("nan"), float("inf"), 0.5)), 1.0)
    assert found.counts.verifier_failures == 2
    assert found.mean_reward == 0.5


def test_a_step_reports_what_was_learned_and_spent() -> None:
    one = attempt(1.0, tool_calls=3, rollout=spent(4, 400), verifying=spent(1, 50))
    two = attempt(0.0, tool_calls=6, rollout=spent(7, 600), verifying=spent(1, 50))
    learned = StepLearning(
        before=4, version=5, size=9, changes=["Add x", "Retire y"], refused=["z"], spent=spent(3)
    )
    found = step_metrics(step(2, group("a", one, two, signal=True), learned=learned), 1.0)
    assert (found.groups, found.groups_with_signal) == (1, 1)
    assert (found.version_before, found.version, found.size) == (4, 5, 9)
    assert (found.changed, found.refused, found.failed_updates) == (2, 1, 0)
    assert found.use.tool_calls_per_rollout == 4.5
    assert found.use.rollouts == spent(4, 400) + spent(7, 600)
    assert found.use.verification == spent(2, 100)
    assert found.learning == spent(3)


def test_a_step_without_attempts_has_no_means() -> None:
    found = step_metrics(step(1), 1.0)
    assert found.mean_reward is None
    assert found.pass_rate is None
    assert found.use.tool_calls_per_rollout is None


def test_failures_are_in_no_figure_and_are_reported() -> None:
    found = measured(a=[0.5, broken_off()], b=[1.0, 0.0], c=[unverified(), broken_off()])
    assert (mean(found).value, mean(found).tasks) == (0.5, 2)
    assert found.bounds == Bounds(low=0.25, high=0.75)
    passed = [(p.k, p.estimate.value, p.estimate.tasks) for p in found.pass_at]
    assert passed == [(1, 0.25, 2), (2, 1.0, 1)]
    assert (found.tasks, found.short_tasks) == (3, 2)
    assert (found.counts.rollout_failures, found.counts.verifier_failures) == (2, 1)


def test_an_arm_without_a_score_has_no_mean() -> None:
    found = measured(a=[broken_off()], b=[unverified()])
    assert found.mean is None
    assert found.bounds == Bounds(low=0, high=1)
    assert found.pass_at == []


def test_unscored_attempts_may_have_earned_what_rewards_of_the_run_can_be() -> None:
    assert reward_range(run(without={"a": [0.2, broken_off()]})) == Bounds(low=0, high=1)
    graded = run(step(1, group("b", -3.0)), without={"a": [7.0, broken_off()]})
    assert reward_range(graded) == Bounds(low=-3, high=7)
    found = comparison(
        run(without={"a": [7.0, broken_off()]}, with_library={"a": [2.0, 2.0]}), None
    )
    assert found is not None
    assert found.extremes is not None
    assert (found.extremes.low, found.extremes.high) == (-5.0, -1.5)


def test_what_cancels_out_is_zero_and_no_remainder_of_rounding() -> None:
    rewards = [0.1, 0.2, -0.3]
    without = {name: [0.0] for name in "abc"}
    gained = {name: [reward] for name, reward in zip("abc", rewards, strict=True)}
    found = compared(run(without=without, with_library=gained))
    assert mean_of(found).gain.value == 0.0
    assert mean(measured(a=[*rewards])).value == 0.0
    assert bootstrap(rewards, seed=14, resamples=1) == Interval(low=0.0, high=0.0)


def test_pass_at_k_is_given_for_powers_of_two_and_the_planned_k() -> None:
    assert steps_to(1) == [1]
    assert steps_to(4) == [1, 2, 4]
    assert steps_to(6) == [1, 2, 4, 6]


def test_a_task_with_fewer_attempts_is_left_out_of_larger_ks() -> None:
    found = measured(a=[1.0, 0.0, 0.0, 0.0], b=[1.0], c=[])
    assert (found.k, found.tasks, found.short_tasks) == (4, 2, 1)
    assert mean(found).value == pytest.approx((0.25 + 1) / 2)
    assert found.bounds is None
    assert [(p.k, p.estimate.tasks) for p in found.pass_at] == [(1, 2), (2, 1), (4, 1)]
    assert found.pass_at[0].estimate.value == pytest.approx((0.25 + 1) / 2)
    assert found.pass_at[2].estimate.value == 1


def test_one_task_or_identical_tasks_have_no_interval() -> None:
    assert mean(measured(a=[1.0, 0.0])).note == ONE_TASK
    assert mean(measured(a=[1.0, 0.0], b=[0.0, 1.0])).note == ALL_ALIKE


def test_rewards_of_another_scale_have_no_pass_without_a_threshold() -> None:
    graded = run(without={"a": [3.5, 7.0], "b": [-1.0, 2.0]})
    assert pass_threshold(reward_range(graded)) is None
    found = arm_metrics(graded.evaluations[0], 2, None)
    assert found is not None
    assert found.pass_at == []
    assert mean(found).value == pytest.approx((5.25 + 0.5) / 2)
    named = arm_metrics(graded.evaluations[0], 2, 5.0)
    assert named is not None
    assert named.pass_at[1].estimate.value == 0.5


def test_rewards_from_0_to_1_pass_at_1() -> None:
    assert pass_threshold(reward_range(run(step(1, group("a", 0.0, 0.5, broken_off()))))) == 1.0


def test_an_arm_without_attempts_has_no_figures() -> None:
    assert arm_metrics(arm("with", {"a": []}), 4, 1.0) is None
    assert comparison(run(without={"a": [1.0]}, with_library={"a": []}), 1.0) is None


def test_tasks_are_paired_by_id_and_unpaired_ones_are_counted() -> None:
    found = compared(
        run(
            without={"a": [0.0, 0.0], "b": [1.0, 0.0], "x": [1.0, 1.0]},
            with_library={"b": [1.0, 1.0], "a": [1.0, 0.0], "y": [0.0, 0.0], "z": [0.0, 0.0]},
        )
    )
    assert (found.tasks, found.only_without, found.only_with) == (2, 1, 2)
    assert (mean_of(found).without.value, mean_of(found).with_library.value) == (0.25, 0.75)
    assert mean_of(found).gain.value == 0.5
    assert [(pair.task, pair.gain) for pair in found.per_task] == [("a", 0.5), ("b", 0.5)]
    assert [(p.k, p.paired.gain.value) for p in found.pass_at] == [(1, 0.5), (2, 0.5)]


def test_arms_without_a_common_task_cannot_be_compared() -> None:
    assert comparison(run(without={"a": [1.0]}, with_library={"b": [1.0]}), 1.0) is None


def test_usage_is_compared_over_shared_tasks_only() -> None:
    cheap = attempt(0.0, tool_calls=1, rollout=spent(1, 100, 0.01))
    dear = attempt(1.0, tool_calls=5, rollout=spent(3, 1000, 0.05))
    found = compared(
        run(without={"a": [cheap, cheap], "x": [dear, dear]}, with_library={"a": [dear, dear]})
    )
    assert found.use_without.tool_calls_per_rollout == 1
    assert found.use_with.tool_calls_per_rollout == 5
    assert found.use_without.tokens_per_attempt == 110
    assert found.use_with.cost_per_attempt == pytest.approx(0.05)


def test_rewards_that_differ_only_by_rounding_count_as_equal() -> None:
    found = compared(run(without={"a": [0.1, 0.2]}, with_library={"a": [0.3, 0.0]}))
    assert mean_of(found).test.differing == 0


def _verdict_of(gains: list[float]) -> tuple[bool, bool | None, str]:
    without = {f"t{i}": [0.0, 0.0] for i in range(len(gains))}
    with_library = {f"t{i}": [gain, gain] for i, gain in enumerate(gains)}
    found = verdict(compared(run(without=without, with_library=with_library)))
    return found.distinguishable, found.interval_agrees, found.sentence


def test_a_clear_gain_is_reported_with_interval_p_and_tasks() -> None:
    distinguishable, agrees, sentence = _verdict_of([0.5, 0.25, 1.0, 0.5, 0.75, 0.5, 0.25, 1.0])
    assert distinguishable
    assert agrees
    assert sentence.startswith("The gain of 0.594 in Mean@2 is distinguishable from zero at 5%")
    assert "95% interval +0.406 to +0.781, p = 0.008, 8 tasks" in sentence


def test_a_loss_is_called_a_loss() -> None:
    _, _, sentence = _verdict_of([-0.5, 0.25, -1.0])
    assert sentence.startswith("The loss of 0.417 in Mean@2 is not distinguishable from zero")


def test_the_test_decides_where_the_interval_disagrees_and_the_report_says_so() -> None:
    distinguishable, agrees, sentence = _verdict_of([0.5, 0.25, 0.5, 0.75, 0.5])
    assert not distinguishable
    assert agrees is False
    assert "The interval excludes 0, but the sign-flip test decides here" in sentence
    assert "Only 5 tasks differ between the arms; below 6 the test cannot reach 5%" in sentence


def test_failures_alone_make_no_gain_and_no_loss() -> None:
    tasks = [f"t{i}" for i in range(8)]
    cut_short = {t: [1.0, 1.0] if i < 2 else [broken_off(), 1.0] for i, t in enumerate(tasks)}
    whole = {t: [1.0, 1.0] for t in tasks}
    for without, with_library in ((cut_short, whole), (whole, cut_short)):
        found = compared(run(without=without, with_library=with_library))
        assert mean_of(found).gain.value == 0
        assert not verdict(found).distinguishable


def test_a_gain_that_unscored_attempts_could_undo_is_not_distinguishable() -> None:
    tasks = [f"t{i}" for i in range(8)]
    without: dict[str, list[float | ScoredAttempt]] = {t: [0.0, broken_off()] for t in tasks}
    with_library: dict[str, list[float | ScoredAttempt]] = {t: [1.0, broken_off()] for t in tasks}
    for one, two in ((without, with_library), (with_library, without)):
        found = compared(run(without=one, with_library=two))
        assert mean_of(found).test.p < 0.05
        assert not verdict(found).distinguishable
    gain = verdict(compared(run(without=without, with_library=with_library)))
    assert "The gain of 1.00 in Mean@2 is not distinguishable from zero" in gain.sentence
    assert "8 of 16 attempts without the library and 8 of 16 with it are unscored" in gain.sentence
    assert "the gain is between 0 and +1.00." in gain.sentence


def test_a_gain_counts_if_no_unscored_attempt_could_undo_it() -> None:
    tasks = [f"t{i}" for i in range(8)]
    without: dict[str, list[float | ScoredAttempt]] = {t: [0.0, 0.0] for t in tasks}
    without["t0"] = [0.0, broken_off()]
    found = verdict(compared(run(without=without, with_library={t: [1.0, 0.75] for t in tasks})))
    assert found.distinguishable


def test_arms_that_share_no_scored_task_have_no_gain() -> None:
    found = compared(
        run(
            without={"a": [broken_off()], "b": [1.0]},
            with_library={"a": [1.0], "b": [broken_off()]},
        )
    )
    assert found.mean is None
    assert [pair.gain for pair in found.per_task] == [None, None]
    assert verdict(found).sentence == NO_PAIR
    assert not verdict(found).distinguishable


def test_one_task_is_never_distinguishable() -> None:
    distinguishable, agrees, sentence = _verdict_of([1.0])
    assert not distinguishable
    assert agrees is None
    assert "(no interval, p = 1.000, 1 task)" in sentence


def test_the_total_is_exactly_the_sum_of_its_purposes() -> None:
    made = whole_run()
    found = totals(made)
    assert found.whole == total(found.parts.values())
    groups = [g for part in (*made.steps, *made.evaluations) for g in part.groups]
    attempts = [a for g in groups for a in g.attempts]
    everything = total(
        [
            *(a.rollout.spent for a in attempts),
            *(a.score.spent for a in attempts),
            *(s.learned.spent for s in made.steps),
        ]
    )
    assert found.whole.model_copy(update={"cost": None}) == everything.model_copy(
        update={"cost": None}
    )
    assert found.whole.cost == pytest.approx(everything.cost)
    assert found.unpriced == []


def test_purposes_without_a_price_are_named() -> None:
    rollout = attempt(1.0, rollout=spent(2, 100, 0.5), verifying=spent(1, 10))
    found = totals(run(step(1, group("a", rollout))))
    assert found.practice_rollouts.cost == 0.5
    assert found.unpriced == ["practice_verification"]


def test_an_empty_run_spent_nothing() -> None:
    assert totals(run()).whole == Spent()


def test_names_of_tasks_leave_out_what_all_begin_with_and_tell_apart() -> None:
    template = "Solve the following problem. Give the result only.\nProblem: "
    prompts = {
        "1": f"{template}How many?",
        "2": f"{template}How much?",
        "3": f"{template}How much?",
    }
    names = names_of(Task(id=id_, prompt=prompt) for id_, prompt in prompts.items())
    assert names == {"1": "…many?", "2": "…much? (2)", "3": "…much? (3)"}
    assert names_of([Task(id="1", prompt=template * 9)])["1"].startswith("Solve the following")
    assert names_of([Task(id="a", prompt="What is 1?"), Task(id="b", prompt="What is 2?")]) == {
        "a": "What is 1?",
        "b": "What is 2?",
    }


def test_what_came_in_place_of_an_answer_is_counted_apart() -> None:
    cut = attempt(None, broke_off="the answer was cut at 1,024 tokens")
    rollout = cut.rollout.model_copy(update={"unusable": "cut"})
    cut = cut.model_copy(update={"rollout": rollout})
    found = counts([cut, cut, broken_off(), unverified(), attempt(1.0)])
    assert (found.rollout_failures, found.unusable, found.unscored) == (3, {"cut": 2}, 4)
    said = "4 of 5 attempts unscored (2 cut at the token limit, 1 failed, 1 by verifier)"
    assert unscored(found) == said


async def test_an_empty_answer_is_the_model_s_failure_and_not_the_verifier_s() -> None:
    silent = Rollout(messages=[], answer="<think>hm</think>")  # an agent's, after work with tools
    score = await MatchVerifier().verify(Task(id="a", prompt="?", ground_truth="4"), silent)
    found = counts([ScoredAttempt(rollout=silent, score=score)])
    assert unscored(found) == "1 of 1 attempt unscored (1 empty)"
    assert found.verifier_failures == 0


async def test_a_refusal_in_words_is_unscored_and_not_a_wrong_answer() -> None:
    async def judged(answer: str, truth: str = "4") -> Score:
        asked = Task(id="a", prompt="?", ground_truth=truth)
        return await MatchVerifier().verify(asked, Rollout(messages=[], answer=answer))

    for refusal in (
        "I'm sorry, but I can't help with that.",
        "<think>It is 4.</think>As an AI, I am unable to assist with this. What else can I do?",
        "I must decline.",
        "Lo siento, no puedo ayudar con eso.",
    ):
        score = await judged(refusal)
        assert (score.reward, score.unusable) == (None, "refusal")
        assert str(score.failure).startswith("the model refused to answer: ")
    for wrong in (
        "I cannot determine it.",
        "I can't help with that, but my guess is five.",
        "I can't help with that. The answer is 5.",
    ):
        assert (await judged(wrong)).reward == 0
    assert (await judged("I can't help with that.", truth="I can't help with that")).reward == 1
