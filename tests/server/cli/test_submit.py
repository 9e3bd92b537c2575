"""`submit`: files in several forms, what is invalid in them, and running it again."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.parameters import first_of
from tests.paths import ROOT
from tests.processes.starting import cli_command, kill
from tests.server.cli.program import AIME, AIRLINE, DATES, Json, Program, lines, needs

FILES = ROOT / "tests" / "server" / "importing" / "files"
GROUP = {
    "task": "Book a flight",
    "trajectories": [{"output": "won", "reward": 1}, {"output": "lost", "reward": 0}],
}
EVALUATION = {
    "task": "What is 1 + 1?",
    "ground_truth": "2",
    "attempts": [
        {"model": "a", "output": "2", "final_answer": "2", "reward": 1},
        {"model": "b", "output": "3", "final_answer": "3", "reward": 0},
    ],
}


def rollout(task: str, trial: int, reward: float | None = 0.0, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": f"do {task}"}, {"role": "assistant", "content": "ok"}]
    about = {"task_id": task, "task": f"Task {task}", "trial": trial, "reward": reward}
    return {**about, "messages": messages, **more}


def counts(summary: Json, library: int = 0) -> tuple[object, ...]:
    names = ("attempts", "new", "known", "groups", "with_signal", "waiting")
    return tuple(summary.at("libraries", library, name) for name in names)


def test_136_airline_rollouts_become_34_groups_of_which_17_have_signal(
    program: Program,
) -> None:
    found = program.json("submit", needs(AIRLINE))
    assert counts(found) == (136, 136, 0, 34, 17, 17)


@pytest.mark.parametrize(("file", "attempts"), [(DATES, 240), (AIME, 300)])
def test_evaluations_become_30_groups_of_which_15_have_signal(
    program: Program, file: Path, attempts: int
) -> None:
    assert counts(program.json("submit", needs(file))) == (attempts, attempts, 0, 30, 15, 15)


@pytest.mark.parametrize("file", first_of(AIRLINE, DATES, AIME))
def test_submitting_a_file_twice_adds_nothing(program: Program, file: Path) -> None:
    first = program.json("submit", needs(file))
    again = program.json("submit", str(file))
    assert again.at("libraries", 0, "new") == 0
    assert again.at("libraries", 0, "new_groups") == 0
    for name in ("attempts", "groups", "with_signal", "waiting"):
        assert again.at("libraries", 0, name) == first.at("libraries", 0, name)


def test_a_killed_submit_completes_when_it_runs_again(
    program: Program,
) -> None:
    file = needs(AIRLINE)
    process = subprocess.Popen(
        cli_command("submit", "-"),
        env=program.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(b"".join(Path(file).read_bytes().splitlines(keepends=True)[:70]))
    process.stdin.flush()
    _wait_for_groups(program, 5)
    kill(process)
    process.wait()
    process.stdin.close()
    stored = program.json("libraries").at("libraries", 0, "attempts")
    assert isinstance(stored, int)
    assert 0 < stored < 136
    assert counts(program.json("submit", file)) == (136, 136 - stored, stored, 34, 17, 17)


def _wait_for_groups(program: Program, groups: int) -> None:
    for _ in range(600):
        if program.database.exists():
            held = program.json("libraries").all("libraries", of="groups")
            if any(isinstance(number, int) and number >= groups for number in held):
                return
        time.sleep(0.05)
    raise AssertionError("nothing was stored")


def test_rollouts_of_a_group_need_not_be_consecutive(program: Program) -> None:
    text = lines(rollout("a", 0), rollout("b", 0), rollout("a", 1, 1.0), rollout("b", 1))
    assert counts(program.json("submit", stdin=text)) == (4, 4, 0, 2, 1, 1)


def test_the_ground_truth_actions_of_a_rollout_become_its_ground_truth(program: Program) -> None:
    calls = [{"name": "cancel", "kwargs": {"id": "X"}}]
    program.run("submit", stdin=lines(rollout("a", 0, ground_truth_actions=calls)))
    archive = json.loads(program.run("export").stdout)
    group = Json(archive)
    assert group.at("groups", 0, "ground_truth") == json.dumps(calls)
    assert group.at("groups", 0, "id") == "a"
    assert group.at("groups", 0, "attempts", 0, "id") == "trial-0"


def test_a_rollout_without_a_task_uses_the_first_user_message(program: Program) -> None:
    value = rollout("a", 0)
    del value["task"]
    program.run("submit", stdin=lines(value))
    assert Json(json.loads(program.run("export").stdout)).at("groups", 0, "task") == "do a"


def test_group_by_and_prefix_set_the_group_id(program: Program) -> None:
    one = {"seed": 7, "task": "t", "output": "x", "reward": 1, "trial": 0}
    two = {"seed": 7, "task": "t", "output": "y", "reward": 0, "trial": 1}
    args = ("submit", "--group-by", "seed", "--prefix", "run1-")
    assert counts(program.json(*args, stdin=lines(one, two))) == (2, 2, 0, 1, 1, 1)
    archive = Json(json.loads(program.run("export").stdout))
    assert archive.at("groups", 0, "id") == "run1-7"


def test_the_same_task_with_another_ground_truth_is_another_group(program: Program) -> None:
    other = {**EVALUATION, "ground_truth": "3"}
    assert counts(program.json("submit", stdin=lines(EVALUATION, other)))[3] == 2
    assert counts(program.json("submit", stdin=lines(other, EVALUATION)))[1:4] == (0, 4, 2)


def test_two_groups_with_the_same_task_stay_separate(program: Program) -> None:
    trajectories = [{"output": "other", "reward": 1}, {"output": "lost", "reward": 0}]
    other = {**GROUP, "trajectories": trajectories}
    assert counts(program.json("submit", stdin=lines(GROUP, other)))[3] == 2
    assert counts(program.json("submit", stdin=lines(GROUP, other)))[1:4] == (0, 4, 2)


def test_a_line_may_name_its_library(program: Program) -> None:
    text = lines({**GROUP, "library": "flights"}, GROUP)
    found = program.json("submit", "--library", "rest", stdin=text)
    assert found.all("libraries", of="library") == ["flights", "rest"]


def test_unknown_fields_of_an_attempt_become_metadata(program: Program) -> None:
    program.run("submit", stdin=lines(EVALUATION))
    archive = Json(json.loads(program.run("export").stdout))
    assert archive.at("groups", 0, "attempts", 0, "metadata") == '{"final_answer": "2"}'


def test_an_unscored_rollout_can_be_scored_later(program: Program) -> None:
    program.run("submit", stdin=lines(rollout("a", 0, None), rollout("a", 1, 1.0)))
    found = program.json("submit", stdin=lines(rollout("a", 0, 0.0)))
    assert found.at("libraries", 0, "scored") == 1
    assert found.at("libraries", 0, "with_signal") == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "is a JSON array"),
        ("3", "is not a JSON object"),
        ('{"task": "x"}', "has no attempt"),
        ('{"task": "x", "attempts": 3}', "attempts: must be a list"),
        ('{"task": "x", "attempts": [{"output": "x"}]}', "attempts.0: has no reward"),
        (
            '{"task": "x", "attempts": [{"reward": 1}]}',
            "attempts.0: has no attempt in any known form; its fields are reward",
        ),
        ('{"output": "x", "reward": 1}', "names no task: name its field with --task-field"),
        ('{"task": {"id": 1}, "output": "x", "reward": 1}', "task: is an object (id)"),
        ('{"task_id": "a", "task": "x", "output": "x", "rewards": 1}', "has no reward"),
        ('{"task_id": true, "task": "x", "output": "x", "reward": 1}', "task_id: must be text"),
        ('{"task_id": "a", "task": "x", "output": "x", "reward": "good"}', "reward: "),
        ('{"task": "x", "trajectories": [], "groundtruth": 1}', "groundtruth: is an unknown field"),
        (
            '{"task": "x", "trajectories": [], "library": "No!"}',
            "'No!' is not a valid library name",
        ),
    ],
)
def test_an_invalid_line_is_reported_and_the_others_are_stored(
    program: Program, tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "mixed.jsonl"
    file.write_text(lines(GROUP) + "\n" + line + "\n" + lines(EVALUATION))
    result = program.run("submit", str(file), fails=1)
    said = " ".join(result.stderr.split())
    assert f"{file}:3: {reason}" in said
    assert "Skipped 1 invalid line of 3" in said
    assert "4 attempts read: 4 new" in result.stdout
    found = program.json("submit", str(file), fails=1)
    assert found.at("bad_lines", 0, "line") == 3


def test_only_the_conflicting_rollout_of_a_batch_is_skipped(
    program: Program,
) -> None:
    program.run("submit", stdin=lines(rollout("a", 1, 1.0)))
    text = lines(rollout("a", 0), rollout("a", 1, 0.5), rollout("a", 2))
    found = program.json("submit", stdin=text, fails=1)
    assert found.all("bad_lines", of="line") == [2]
    assert found.at("libraries", 0, "new") == 2


def test_a_missing_file_is_an_error_before_anything_is_stored(
    fresh_program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(lines(GROUP))
    result = fresh_program.run("submit", str(file), "/no/such/file", fails=1)
    assert "/no/such/file: No such file" in result.stderr
    assert not fresh_program.database.exists()


def test_a_byte_order_mark_and_blank_lines_are_ignored(program: Program) -> None:
    text = b"\xef\xbb\xbf" + lines(GROUP).encode() + b"\r\n\n"
    assert counts(program.json("submit", stdin=text))[:2] == (2, 2)


def test_secrets_are_removed_and_counted(program: Program) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    output = {"output": f"the token is {secret}", "reward": 1}
    text = lines({"task": "t", "trajectories": [output]})
    assert program.json("submit", stdin=text).at("libraries", 0, "secrets_removed") == 1
    assert secret not in program.run("export").stdout
    assert program.json("submit", stdin=text).at("libraries", 0, "new") == 0


# Other forms, and fields that the user names


def test_whole_documents_of_other_programs_are_stored(program: Program) -> None:
    files = [
        str(FILES / name) for name in ("tau-bench.json", "tau2-bench.json", "inspect-log.json")
    ]
    found = program.json("submit", *files)
    assert counts(found) == (8, 8, 0, 4, 4, 4)
    assert found.at("forms") == {"tau-bench": 4, "tau2-bench": 2, "Inspect log": 2}
    assert (found.at("libraries", 0, "lowest_reward"), found.at("bad")) == (0.0, 0)
    assert counts(program.json("submit", *files))[1:3] == (0, 8)
    result = program.run("submit", "-", stdin=(FILES / "tau-bench.json").read_bytes())
    assert "Read as tau-bench (4)." in result.stdout


def test_a_file_of_no_known_form_says_how_to_name_its_fields(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "own.jsonl"
    rows = [{"q": "2+2?", "said": str(n), "eval": {"score": n - 3}} for n in (3, 4, 3)]
    file.write_text(lines(*rows))
    said = " ".join(program.run("submit", str(file), fails=1).stderr.split())
    assert "own.jsonl:1: has no attempt in any known form; its fields are q, said, eval" in said
    assert "eval.score looks like a reward: --reward-field eval.score" in said
    assert "--output-field" in said
    assert "(and 2 more like it)" in said
    named = ("--output-field", "said", "--task-field", "q", "--reward-field", "eval.score")
    found = program.json("submit", str(file), *named)
    assert counts(found) == (3, 3, 0, 1, 1, 1), "two equal attempts are two"
    assert found.at("grouped_by_task") == 3
    assert counts(program.json("submit", str(file), *named))[1:3] == (0, 3)


def test_what_was_done_is_guessed_for_a_file_of_no_known_form(program: Program) -> None:
    chat = {"run": {"messages": [{"role": "user", "content": "x"}]}, "judge": {"verdict": "fail"}}
    text = {"q": "2+2?", "model_answer": "5", "items": [{"a": 1}]}
    said = " ".join(program.run("submit", stdin=lines(chat, text), fails=1).stderr.split())
    assert "run.messages looks like chat messages: --messages-field run.messages" in said
    assert "judge.verdict looks like a reward: --reward-field judge.verdict" in said
    assert "model_answer looks like what was done: --output-field model_answer" in said
    assert "if items holds the entries: `jq -c '.items[]' FILE`" in said


def test_equal_attempts_of_a_group_are_kept_however_they_are_ordered(program: Program) -> None:
    rows = [{"task": t, "output": "4", "reward": 1} for t in ("a", "b", "a", "b", "a")]
    assert counts(program.json("submit", stdin=lines(*rows)))[:4] == (5, 5, 0, 2)
    assert counts(program.json("submit", stdin=lines(*rows)))[:4] == (5, 0, 5, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--reward-field", "info.scor"), "has no field 'info.scor'; did you mean 'info.score'?"),
        (("--reward-field", "info"), "--reward-field info.NAME (score, note)"),
        (("--reward-field", "info.note"), "info.note: 'good' is not a reward"),
        (("--group-by", "sed"), "has no field 'sed'; did you mean 'seed'?"),
        ((), "info.score looks like a reward: --reward-field info.score"),
    ],
)
def test_a_wrong_field_is_named_with_a_suggestion(
    program: Program, options: tuple[str, ...], said: str
) -> None:
    row = {"task": "t", "output": "x", "info": {"score": 1, "note": "good"}, "seed": 1}
    result = program.run("submit", *options, stdin=lines(row), fails=1)
    assert said in " ".join(result.stderr.split())


def test_named_fields_apply_to_other_forms_and_to_attempts_of_groups(program: Program) -> None:
    program.run("submit", "--reward-field", "acc", str(FILES / "verl-rollout.jsonl"))
    attempts = [{"text": "3", "score": {"f1": 0.5}}, {"text": "4", "score": {"f1": 1}}]
    group = {"question": "2+2?", "attempts": attempts, "level": 1}
    fields = ("--output-field", "text", "--reward-field", "score.f1")
    assert counts(program.json("submit", *fields, stdin=lines(group)))[3:] == (2, 2, 2)
    archive = Json(json.loads(program.run("export").stdout))
    kept = json.loads(str(archive.at("groups", 1, "attempts", 0, "metadata")))
    assert kept == {"level": 1, "score": {"f1": 0.5}}


def test_what_a_rollout_has_beside_its_messages_is_kept(program: Program) -> None:
    row = rollout("a", 0, 1.0, output="final", rollout_id="r", problem_id="p")
    program.run("submit", stdin=lines(row))
    archive = Json(json.loads(program.run("export").stdout))
    kept = json.loads(str(archive.at("groups", 0, "attempts", 0, "metadata")))
    assert kept == {"output": "final", "rollout_id": "r", "problem_id": "p"}


def test_prompts_and_completions_as_chat_messages_become_one_conversation(
    program: Program,
) -> None:
    prompt = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}]
    row = {"prompt": prompt, "completion": [{"role": "assistant", "content": "4"}], "reward": 1}
    program.run("submit", stdin=lines(row))
    archive = Json(json.loads(program.run("export").stdout))
    assert archive.at("groups", 0, "task") == "2+2?"
    assert len(str(archive.at("groups", 0, "attempts", 0, "messages")).split("role")) == 4


def test_attempts_without_anything_like_a_reward_are_unscored(program: Program) -> None:
    chat = [{"role": "user", "content": "Help"}, {"role": "assistant", "content": "Gladly"}]
    row = {"file": "a.json", "conversation": chat}
    result = program.run("submit", stdin=lines(row))
    assert "Unscored, without a reward: 1 attempt." in result.stdout


def test_a_dry_run_shows_what_would_be_stored_and_stores_nothing(
    fresh_program: Program,
) -> None:
    result = fresh_program.run("submit", "--dry-run", str(FILES / "tau-bench.json"))
    assert "4 attempts read: 4 new, 0 known, rewards 0 to 1" in result.stdout
    assert "2 groups (2 new), 2 with signal" in result.stdout
    assert "Read as tau-bench (4)." in result.stdout
    assert "This was a dry run, as into an empty library: nothing was stored." in result.stdout
    assert not fresh_program.database.exists()


def test_an_id_of_the_task_is_told_from_one_of_the_attempt(program: Program) -> None:
    rows = [{"id": "q1", "question": "2+2?", "response": str(n), "reward": n == 4} for n in (4, 5)]
    said = " ".join(program.run("submit", stdin=lines(*rows), fails=1).stderr.split())
    assert "if id names the task and not the attempt, use --group-by id" in said
    found = program.json("submit", "--group-by", "id", stdin=lines(*rows))
    assert counts(found)[1:] == (2, 0, 2, 1, 1)


def test_tables_of_rollouts_are_stored(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "runs.csv"
    file.write_text("question,response,score,note\n2+2?,4,1,\n2+2?,5,0.0,close\n2+2?,6,,\n2+2?\n")
    found = program.json("submit", str(file), "--reward-field", "score", fails=1)
    assert counts(found) == (3, 3, 0, 1, 1, 1)
    assert found.at("libraries", 0, "unscored") == 1
    assert found.at("bad_lines", 0, "line") == 5


def test_parquet_files_of_rollouts_are_stored(program: Program, tmp_path: Path) -> None:
    arrow = pytest.importorskip("arro3.io", reason="needs arro3-io")
    rows = tmp_path / "rows.jsonl"
    rows.write_text(lines(rollout("a", 0, 1.0), rollout("a", 1, 0.0)))
    file = tmp_path / "rows.parquet"
    arrow.write_parquet(arrow.read_json(str(rows), arrow.infer_json_schema(str(rows))), file)
    assert counts(program.json("submit", str(file))) == (2, 2, 0, 1, 1, 1)
    assert counts(program.json("submit", str(rows)))[1:3] == (0, 2)
