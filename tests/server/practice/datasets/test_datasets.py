"""Datasets: what is read, what is refused, and in which order and parts tasks are used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from experience_store.errors import BadInputError
from server.importing.json_text import read_object
from server.practice import reasoning_gym
from server.practice.datasets import gym_tasks, load_tasks, overlap, shuffled, split
from server.practice.records import Task
from tests.paths import DATA, ROOT
from tests.server.practice.extras import needs_gym

recorded = pytest.mark.skipif(not DATA.exists(), reason=f"needs the recorded data in {DATA}")


def written(folder: Path, *lines: object) -> str:
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(w if isinstance(w, str) else json.dumps(w) for w in lines))
    return str(path)


def named(*prompts: str) -> tuple[Task, ...]:
    return tuple(Task(id=f"t{n}", prompt=prompt) for n, prompt in enumerate(prompts))


def absent(_name: str) -> None:
    """In the place of `find_spec`: the package is not there."""


# JSON lines


@pytest.mark.parametrize("field", ["task", "prompt", "question", "problem", "query"])
def test_a_prompt_is_found_in_the_usual_fields(tmp_path: Path, field: str) -> None:
    (task,) = load_tasks(written(tmp_path, {field: "Add 1 and 2", "answer": 3, "level": "easy"}))
    assert (task.prompt, task.ground_truth, task.extra) == ("Add 1 and 2", "3", {"level": "easy"})


def test_named_fields_are_used_and_the_usual_ones_become_extra(tmp_path: Path) -> None:
    path = written(tmp_path, {"task": "algebra", "text": "Solve x", "answer": "x", "key": "7"})
    (task,) = load_tasks(path, task_field="text", truth_field="key")
    assert (task.prompt, task.ground_truth) == ("Solve x", "7")
    assert task.extra == {"task": "algebra", "answer": "x"}


@pytest.mark.parametrize(
    ("answer", "truth"), [(None, None), ("", None), (3, "3"), (0.5, "0.5"), (True, "true")]
)
def test_a_ground_truth_becomes_text_or_nothing(
    tmp_path: Path, answer: object, truth: str | None
) -> None:
    (task,) = load_tasks(written(tmp_path, {"task": "Do it", "ground_truth": answer}))
    assert task.ground_truth == truth


def test_ids_stay_the_same_when_the_file_is_reordered(tmp_path: Path) -> None:
    lines = [{"task": f"Task {n}", "answer": n} for n in range(5)]
    before = load_tasks(written(tmp_path, *lines))
    after = load_tasks(written(tmp_path, *reversed(lines)))
    assert {t.prompt: t.id for t in before} == {t.prompt: t.id for t in after}
    assert len({t.id for t in before}) == 5


def test_ids_given_in_the_file_are_kept(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": 7, "task": "One"}, {"task_id": "b", "task": "Two"})
    assert [t.id for t in load_tasks(path)] == ["7", "b"]


def test_recorded_attempts_are_not_part_of_the_task(tmp_path: Path) -> None:
    path = written(tmp_path, {"task": "Do it", "attempts": [{"output": "x", "reward": 1}]})
    assert load_tasks(path)[0].extra == {}


def test_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"task": "One"}\r\n\r\n{"task": "Two"}\r\n')
    assert [t.prompt for t in load_tasks(str(path))] == ["One", "Two"]


def test_limit_and_skip_select_a_range(tmp_path: Path) -> None:
    path = written(tmp_path, *({"task": f"Task {n}"} for n in range(5)))
    assert [t.prompt for t in load_tasks(path, skip=1, limit=2)] == ["Task 1", "Task 2"]
    with pytest.raises(BadInputError, match="it has 5, 5 are skipped"):
        load_tasks(path, skip=5)
    with pytest.raises(BadInputError, match="limit 1 or more"):
        load_tasks(path, limit=0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is not JSON"),
        ('{"task": NaN}', "NaN is not a JSON number"),
        ('"text"', "is not a JSON object"),
        ('[{"task": "One"}]', r"jq -c '\.\[\]' FILE"),
        ('{"input": "One"}', "has no prompt .* it has input"),
        ('{"task": "  "}', "task: must be text"),
        ('{"prompt": [{"role": "user"}]}', "prompt: must be text"),
        ('{"task": "One", "answer": ["a"]}', "answer: the right answer must be text or a number"),
        ('{"task": "One", "id": true}', "id: must be text or an integer"),
        (r'{"task": "\ud83d"}', "half an emoji"),
        ('{"task": "x", "deep": ' + "[" * 400 + "]" * 400 + "}", "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_rejects_the_file_with_its_number_and_reason(
    tmp_path: Path, line: str, said: str
) -> None:
    with pytest.raises(BadInputError, match=rf"line 2: .*{said}"):
        load_tasks(written(tmp_path, {"task": "Good"}, line))


def test_a_line_that_is_not_utf8_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b'{"task": "Gr\xfc\xdfe"}\n')
    with pytest.raises(BadInputError, match="line 1: is not UTF-8"):
        load_tasks(str(path))


@pytest.mark.parametrize("line", [b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_a_bad_line_gives_the_same_message_wherever_it_is_read(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(BadInputError) as submitted:
        read_object(line)
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(line)
    with pytest.raises(BadInputError) as practised:
        load_tasks(str(path))
    assert str(practised.value).endswith(f"line 1: {submitted.value}")


def test_up_to_five_bad_lines_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        load_tasks(written(tmp_path, *["{"] * 8))
    assert str(caught.value).count("line ") == 5
    assert str(caught.value).endswith("… and 3 more")


def test_a_duplicate_id_names_both_lines(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "a", "task": "One"}, {"id": "a", "task": "Two"})
    with pytest.raises(BadInputError, match="line 2: the id 'a' is that of line 1"):
        load_tasks(path)


def test_a_duplicate_task_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "a", "task": "One"}, {"id": "b", "task": "One"})
    with pytest.raises(BadInputError, match=r"line 2: the same task as line 1 \('b' and 'a'\)"):
        load_tasks(path)


def test_a_misspelt_truth_field_gets_a_suggestion(tmp_path: Path) -> None:
    path = written(tmp_path, {"task": "One", "solution_text": "1"})
    with pytest.raises(BadInputError, match="did you mean 'solution_text'"):
        load_tasks(path, truth_field="solution_txt")


def test_a_missing_or_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be read"):
        load_tasks(str(tmp_path / "none.jsonl"))
    with pytest.raises(BadInputError, match="has no tasks"):
        load_tasks(written(tmp_path, ""))


@recorded
@pytest.mark.parametrize("name", ["aime-2024", "korgym-datecount"])
def test_recorded_groups_are_read_as_tasks_without_their_attempts(name: str) -> None:
    tasks = load_tasks(str(DATA / name / "groups.jsonl"))
    assert len(tasks) == len({t.id for t in tasks}) == 30
    assert all(t.ground_truth and not t.extra for t in tasks)


# reasoning-gym


@needs_gym
@pytest.mark.usefixtures("packages_imported_once")
def test_families_are_generated_in_turn_and_the_same_each_time() -> None:
    spec = "reasoning-gym:chain_sum+leg_counting?size=5&seed=7"
    tasks = load_tasks(spec)
    assert [t.extra["family"] for t in tasks] == [
        *("chain_sum", "leg_counting", "chain_sum", "leg_counting"),
        "chain_sum",
    ]
    assert tasks == load_tasks(spec)
    assert tasks != load_tasks("reasoning-gym:chain_sum+leg_counting?size=5&seed=8")


@needs_gym
def test_a_spec_gives_the_same_tasks_in_every_process(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = "reasoning-gym:isomorphic_strings+list_functions?size=6"
    monkeypatch.setenv("PYTHONHASHSEED", "1")
    made_by_a_new_interpreter = load_tasks(spec)
    request.getfixturevalue("packages_imported_once")
    assert load_tasks(spec) == made_by_a_new_interpreter


@needs_gym
@pytest.mark.usefixtures("packages_imported_once")
def test_configuration_reaches_the_family_and_stays_with_the_task() -> None:
    (task,) = load_tasks(
        'reasoning-gym:basic_arithmetic?size=1&min_terms=6&operators=["%2B"]&whitespace=no_space'
    )
    assert task.prompt.count("+") >= 5
    assert task.extra["config"] == {
        "min_terms": 6,
        "operators": ["+"],
        "whitespace": "no_space",
        "size": 1,
        "seed": 0,
    }


@needs_gym
@pytest.mark.usefixtures("packages_imported_once")
def test_generated_tasks_are_distinct_even_where_the_family_repeats() -> None:
    tasks = load_tasks("reasoning-gym:coin_flip?size=4&min_trials=1&max_trials=1")
    assert len({t.prompt for t in tasks}) == 4
    with pytest.raises(BadInputError, match=r"gives only \d+ different tasks of 500"):
        load_tasks("reasoning-gym:coin_flip?size=500&min_trials=1&max_trials=1")


@needs_gym
@pytest.mark.usefixtures("packages_imported_once")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("chain_sums", "did you mean chain_sum.*without a name lists all"),
        ("", "needs a family.*chain_sum"),
        ("chain_sum+chain_sum", "twice"),
        ("chain_sum?min_trms=2", "no field 'min_trms'; did you mean 'min_terms'"),
        ("chain_sum?min_terms=9", "max_terms must be >= min_terms"),
        ("chain_sum?min_terms=few", "cannot be generated like this"),
        ("chain_sum?size=0", "size: must be a whole number from 1"),
        ("chain_sum?size", "write field=value"),
        ("chain_sum?size=1&size=2", "given twice"),
    ],
)
def test_an_invalid_spec_gets_an_error_that_helps(spec: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        load_tasks(f"reasoning-gym:{spec}")


def test_field_options_do_not_apply_to_generated_tasks() -> None:
    with pytest.raises(BadInputError, match="no fields to choose from"):
        load_tasks("reasoning-gym:chain_sum", task_field="question")


def test_a_missing_package_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reasoning_gym, "find_spec", absent)
    with pytest.raises(BadInputError, match=r"pip install 'experience-mcp\[gym\]'"):
        load_tasks("reasoning-gym:chain_sum")


@needs_gym
def test_a_crashed_generator_is_an_error_and_not_an_empty_dataset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_module: str, _argument: str) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('out of luck')"]

    monkeypatch.setattr(gym_tasks, "isolated_command", broken)
    with pytest.raises(BadInputError, match=r"does not work .*out of luck"):
        load_tasks("reasoning-gym:chain_sum")


@pytest.mark.parametrize(
    "value",
    [
        {"grid": ((1, 2), (3, 4)), "names": ["a"]},
        {1: "one", 2: ("two",)},
        {"tuple": [1]},
        {"pairs": [[1, 2]]},
        [None, True, 1, 0.5, "x"],
    ],
)
def test_entries_survive_json(value: object) -> None:
    assert repr(reasoning_gym.restored(json.loads(json.dumps(reasoning_gym.kept(value))))) == repr(
        value
    )


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"x"])
def test_a_value_that_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot be kept"):
        reasoning_gym.kept([value])


# Order and parts


def test_each_epoch_has_its_own_order_whatever_the_order_of_the_file() -> None:
    tasks = named(*(f"Task {n}" for n in range(20)))
    orders = [shuffled(tasks, 1, epoch) for epoch in (1, 2, 3)]
    assert len({tuple(t.id for t in order) for order in orders}) == 3
    assert orders[0] == shuffled(tuple(reversed(tasks)), 1, 1)
    assert orders[0] != shuffled(tasks, 2, 1)
    assert {t.id for t in orders[0]} == {t.id for t in tasks}


def test_the_order_is_the_same_in_every_process() -> None:
    code = (
        "from server.practice.datasets import shuffled; from server.practice.records import Task;"
        "print([t.id for t in shuffled([Task(id=str(n), prompt='p') for n in range(8)], 1, 2)])"
    )
    other = {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code]
    printed = subprocess.check_output(command, env=other, cwd=ROOT, text=True)
    assert printed == "['0', '2', '7', '6', '1', '4', '5', '3']\n"
    here = shuffled([Task(id=str(n), prompt="p") for n in range(8)], 1, 2)
    assert f"{[task.id for task in here]}\n" == printed


def test_a_split_holds_out_its_share_and_keeps_the_order() -> None:
    tasks = named(*(f"Task {n}" for n in range(20)))
    practice, held_out = split(tasks, 0.25, 3)
    assert (len(practice), len(held_out)) == (15, 5)
    assert sorted((*practice, *held_out), key=tasks.index) == list(tasks)
    assert list(practice) == sorted(practice, key=tasks.index)
    assert split(tasks, 0.25, 4)[1] != held_out


def test_tasks_with_the_same_wording_are_on_the_same_side_of_a_split() -> None:
    tasks = named(*(text for n in range(9) for text in (f"Task {n}", f" task   {n}.")))
    for seed in range(10):
        assert overlap(*split(tasks, 0.4, seed)) == ()


def test_both_sides_of_a_split_have_at_least_one_task() -> None:
    for share in (0.01, 0.99):
        practice, held_out = split(named("One", "Two", "Three"), share, 1)
        assert practice
        assert held_out


def test_an_impossible_split_is_an_error() -> None:
    with pytest.raises(BadInputError, match="one wording"):
        split(named("One", "one."), 0.5, 1)
    with pytest.raises(BadInputError, match="between 0 and 1"):
        split(named("One", "Two"), 1.0, 1)


def test_overlap_ignores_case_and_spacing_but_not_signs() -> None:
    practice = named("What is 1 + 2?", "Say HELLO.")
    other = named("what is 1 - 2?", "say  hello")
    assert overlap(practice, other) == ((practice[1], other[1]),)
