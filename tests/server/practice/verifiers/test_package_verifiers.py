"""Verifiers of other packages: what they find right, and how they fail."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from experience_store.errors import BadInputError
from server.child_process import isolated_environment
from server.practice import reasoning_gym
from server.practice.datasets import load_tasks
from server.practice.records import Task
from server.practice.verifiers import (
    Verifier,
    VerifierError,
    make_verifier,
    package_verifiers,
)
from server.practice.verifiers.package_verifiers import MathVerifier
from tests.paths import DATA
from tests.server.practice.extras import needs_gym
from tests.server.practice.verifiers.verifier_builders import (
    HOSTILE,
    LONG_ENOUGH,
    absent,
    files_in,
    reward,
    said,
    task,
)

recorded = pytest.mark.skipif(not DATA.exists(), reason=f"needs the recorded data in {DATA}")
shares_a_process = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mathematics() -> AsyncGenerator[MathVerifier]:
    verifier = MathVerifier()
    yield verifier
    await verifier.close()


@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_math_compares_values_and_not_notation(mathematics: MathVerifier) -> None:
    for truth, answer, right in (
        ("1/2", r"So we get \boxed{\frac{2}{4}}.", 1.0),
        ("1/2", r"\boxed{0.5}", 1.0),
        (r"$\frac{1}{2}$", "<answer>1/2</answer>", 1.0),
        ("x^2+2x+1", r"\boxed{(x+1)^2}", 1.0),
        ("x^2+2x+1", "Answer: (x+1)^2", 1.0),
        ("315", "The answer is 315 rectangles.", 1.0),
        ("025", r"\boxed{25}", 1.0),
        ("315", r"\boxed{316}", 0.0),
        ("315", r"\boxed{x > y}", 0.0),
        ("315", "I do not know", 0.0),
    ):
        assert await reward(mathematics, truth, answer) == right, (truth, answer)


@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_math_takes_any_of_several_right_answers(mathematics: MathVerifier) -> None:
    several = task("x + 1").model_copy(update={"extra": {"right_answers": ["x + 1", "2x"]}})
    for answer, right in ((r"\boxed{1 + x}", 1.0), ("Answer: x + x", 1.0), ("x - 1", 0.0)):
        assert (await mathematics.verify(several, said(answer))).reward == right


@pytest.mark.usefixtures("packages_imported_once")
async def test_an_endless_expression_leaves_the_attempt_unscored_and_the_run_alive() -> None:
    verifier = MathVerifier(time_limit=1.0)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with asyncio.timeout(LONG_ENOUGH):
        with pytest.raises(VerifierError, match="verdict within 1 seconds"):
            await verifier.verify(task("315"), said(HOSTILE))
        assert ticks > 50
        assert await reward(verifier, "315", r"\boxed{315}") == 1.0
    ticking.cancel()
    await verifier.close()


@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_a_cancelled_verification_does_not_answer_the_next(
    mathematics: MathVerifier,
) -> None:
    assert await reward(mathematics, "1", r"\boxed{1}") == 1.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await mathematics.verify(task("1"), said(HOSTILE))
    assert await reward(mathematics, "1", r"\boxed{2}") == 0.0


@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_concurrent_verifications_each_get_their_own_verdict(
    mathematics: MathVerifier,
) -> None:
    answers = [rf"\boxed{{{n}}}" for n in range(10)]
    rewards = await asyncio.gather(*(reward(mathematics, "3", a) for a in answers))
    assert rewards == [float(n == 3) for n in range(10)]


async def test_a_scorer_that_exits_is_unavailable_and_not_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ending(_module: str, _argument: str) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit(3)"]

    monkeypatch.setattr(package_verifiers, "isolated_command", ending)
    verifier = MathVerifier()
    with pytest.raises(VerifierError, match="ended with 3"):
        await verifier.verify(task("1"), said("1"))
    with pytest.raises(BadInputError, match="does not work: its process ended with 3"):
        verifier.check([task("1")])
    await verifier.close()


def test_math_refuses_ground_truths_that_are_not_mathematics() -> None:
    with pytest.raises(BadInputError, match=r"cannot read .*: 't2'"):
        MathVerifier().check([task("1/2"), task("???", name="t2")])


def test_a_missing_math_verify_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(package_verifiers, "find_spec", absent)
    with pytest.raises(BadInputError, match=r"uv sync --extra practice"):
        make_verifier("math", judge=None)


def recorded_attempts(name: str) -> list[tuple[Task, str, float]]:
    """Tasks, each with an output and the reward that others gave it."""
    path = DATA / name / "groups.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (one, attempt["output"], float(attempt["reward"]))
        for one, line in zip(load_tasks(str(path)), lines, strict=True)
        for attempt in json.loads(line)["attempts"]
    ]


async def check_agreement(verifier: Verifier, name: str) -> None:
    attempts = recorded_attempts(name)
    verifier.check(list({one.id: one for one, _, _ in attempts}.values()))
    for one, output, recorded_reward in attempts:
        score = await verifier.verify(one, said(output))
        assert score.reward == recorded_reward, output[-200:]


@recorded
@shares_a_process
@pytest.mark.exhaustive
@pytest.mark.usefixtures("packages_imported_once")
async def test_rewards_of_math_agree_with_recorded_ones(
    mathematics: MathVerifier,
) -> None:
    await check_agreement(mathematics, "aime-2024")


@recorded
@pytest.mark.parametrize(
    ("spec", "name"),
    [
        pytest.param("match", "aime-2024", marks=pytest.mark.exhaustive),
        ("number", "aime-2024"),
        ("match", "korgym-datecount"),
    ],
)
async def test_rewards_agree_with_recorded_ones(spec: str, name: str) -> None:
    verifier = make_verifier(spec, judge=None)
    await check_agreement(verifier, name)
    await verifier.close()


# reasoning-gym


@needs_gym
@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_reasoning_gym_scores_what_the_answer_says(gym_verifier: Verifier) -> None:
    (one,) = load_tasks("reasoning-gym:chain_sum?size=1")
    truth = one.ground_truth
    for answer in (f"**Answer:** {truth}", f"<answer>{truth}.</answer>", rf"\boxed{{{truth}}}"):
        assert (await gym_verifier.verify(one, said(answer))).reward == 1.0, answer
    wrong = await gym_verifier.verify(one, said(f"The answer is not {truth}."))
    assert wrong.reward is not None
    assert wrong.reward < 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gym_verifier() -> AsyncGenerator[Verifier]:
    verifier = make_verifier("reasoning-gym", judge=None)
    yield verifier
    await verifier.close()


@needs_gym
@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_reasoning_gym_uses_the_scorer_of_each_family(gym_verifier: Verifier) -> None:
    tasks = load_tasks("reasoning-gym:chain_sum+rearc+knights_knaves+polynomial_equations?size=4")
    kept = [Task.model_validate_json(t.model_dump_json()) for t in tasks]  # as in a journal
    gym_verifier.check(kept)
    for one in kept:
        right = await gym_verifier.verify(one, said(f"So <answer>{one.ground_truth}</answer>"))
        wrong = await gym_verifier.verify(one, said("<answer>nothing of it</answer>"))
        assert right.reward == 1.0
        assert wrong.reward is not None
        assert wrong.reward < 0.1


@needs_gym
@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_without_answer_tags_the_whole_text_is_scored_and_the_feedback_says_so(
    gym_verifier: Verifier,
) -> None:
    (one,) = load_tasks("reasoning-gym:chain_sum?size=1")
    assert (await gym_verifier.verify(one, said(str(one.ground_truth)))).reward == 1.0
    score = await gym_verifier.verify(one, said("no idea"))
    assert score.reward == 0.0
    assert "no <answer> tags" in (score.feedback or "")


@needs_gym
@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
async def test_an_answer_that_crashes_the_scorer_scores_zero(gym_verifier: Verifier) -> None:
    (one,) = load_tasks("reasoning-gym:prime_factorization?size=1")
    score = await gym_verifier.verify(one, said("<answer>no idea</answer>"))
    assert score.reward == 0.0
    assert "cannot be read: ValueError" in (score.feedback or "")


@needs_gym
@shares_a_process
@pytest.mark.usefixtures("packages_imported_once")
@pytest.mark.parametrize("family", ["string_insertion", "polynomial_multiplication", "puzzle24"])
async def test_an_answer_can_neither_start_processes_nor_write_files(
    gym_verifier: Verifier, family: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("written")
    (one,) = load_tasks(f"reasoning-gym:{family}?size=1")
    for code in (
        f"__import__('os').system('touch {folder}/a')",
        f"open('{folder}/b', 'w')",
        f"__import__('subprocess').run(['touch', '{folder}/c'])",
    ):
        score = await gym_verifier.verify(one, said(f"<answer>{code}</answer>"))
        assert score.reward is not None
        assert score.reward < 0.1
    assert files_in(folder) == []


async def test_scorers_get_no_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    assert "SOME_API_KEY" not in isolated_environment()


@needs_gym
def test_reasoning_gym_refuses_tasks_of_other_datasets() -> None:
    tasks = [task(name=f"t{n}") for n in range(7)]
    with pytest.raises(BadInputError, match=r"'t0', 't1', 't2', 't3', 't4' and 2 more"):
        make_verifier("reasoning-gym", judge=None).check(tasks)


def test_the_verifier_of_reasoning_gym_needs_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasoning_gym, "find_spec", absent)
    with pytest.raises(BadInputError, match=r"uv sync --extra gym"):
        make_verifier("reasoning-gym", judge=None)
