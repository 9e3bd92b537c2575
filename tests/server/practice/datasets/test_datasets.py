"""Datasets: what is read, what is refused, and in which order and parts tasks are used."""

from __future__ import annotations

import gzip
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

SYSTEM = {"role": "system", "content": "Be short."}
ASKED = {"role": "user", "content": "2+2?"}
EXAMPLE = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
ROWS = [{"task": "One"}, {"task": "Two"}]
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
    ("answer", "truth"),
    [
        *((None, None), ("", None), (3, "3"), (0.5, "0.5"), (True, "true"), (4.0, "4")),
        *((-2.0, "-2"), (1e300, "1e+300"), (["a"], "a"), ([4.0, "four"], "4")),
    ],
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
        ('{"inptu": "One"}', "has no prompt .* it has inptu"),
        ('{"task": "One", "task": "Two"}', "has two fields 'task' in one object; rename one"),
        ('{"body": {"prompt": "One"}}', "did you mean --task-field body.prompt"),
        ('{"task": null, "answer": 1}', "task: is empty"),
        ('{"task": "Good", "answer": 3}', "asks the same as line 1 .*with another right answer"),
        ('{"task": "  "}', "task: must be text"),
        ('{"prompt": [{"role": "user"}]}', "prompt.0: has no content; its fields are role"),
        ('{"task": "One", "answer": [["a"]]}', "answer: the ground truth must be text or a number"),
        ('{"task": "One", "answer": {"a": 1}}', "--truth-field answer.NAME"),
        ('{"task": "One", "answer": []}', "answer: a list of correct answers must not be empty"),
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
        load_tasks(written(tmp_path, {"task": "Good", "answer": 2}, line))


def test_a_line_that_is_not_utf8_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b'{"task": "Gr\xfc\xdfe"}\n')
    with pytest.raises(BadInputError, match="line 1: is not UTF-8"):
        load_tasks(str(path))


@pytest.mark.parametrize("line", [b"{", b"3", b"\xff"])
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


# Other forms of files


FILES = ROOT / "tests" / "server" / "importing" / "files" / "datasets"


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("verl.jsonl", [("What is 2+2?", "4")]),
        ("openai-chat.jsonl", [("be short\n\nWhat is 2+2?", "4")]),
        ("data.csv", [("2+2", "4")]),
        ("multi-answers.jsonl", [("Capital of NL?", "Amsterdam"), ("2+2", "4")]),
    ],
)
def test_datasets_as_people_have_them_are_read(
    file: str, expected: list[tuple[str, str | None]]
) -> None:
    tasks = load_tasks(str(FILES / file))
    assert [(t.prompt, t.ground_truth) for t in tasks] == expected


def test_all_of_several_right_answers_are_kept() -> None:
    several, one = load_tasks(str(FILES / "multi-answers.jsonl"))
    assert several.extra == {"right_answers": ["Amsterdam", "The Hague"]}
    assert one.extra == {}


def test_fields_may_be_nested(tmp_path: Path) -> None:
    row = {"input": {"text": "Add"}, "answers": {"text": ["3", "three"], "start": [1, 2]}}
    path = written(tmp_path, row)
    (task,) = load_tasks(path, task_field="input.text", truth_field="answers.text")
    assert (task.prompt, task.ground_truth) == ("Add", "3")
    assert task.extra["right_answers"] == ["3", "three"]
    with pytest.raises(
        BadInputError, match=r"'input.txt' \(--task-field\); did you mean 'input.text'"
    ):
        load_tasks(path, task_field="input.txt")


@pytest.mark.parametrize(
    "text", ['[{"task": "One"}, {"task": "Two"}]', '[\n {"task": "One"},\n {"task": "Two"}\n]']
)
def test_a_json_array_is_a_dataset(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(text)
    assert [t.prompt for t in load_tasks(str(path))] == ["One", "Two"]
    path.write_text(text[:-1])
    with pytest.raises(
        BadInputError, match=r"tasks.json: is not JSON \(Expecting ',' delimiter at line"
    ):
        load_tasks(str(path))
    path.write_text('[{"task": "One"}, {"tsk": "Two"}]')
    with pytest.raises(BadInputError, match=r"\[1\]: has no prompt"):
        load_tasks(str(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'question,answer,level\n"1,5 + 1 ""now""",2.5,easy\n\n"two\nlines",4,\n'),
        ("a.csv", '\ufeffquestion;answer;level\r\n1,5 + 1 "now";2.5;easy\r\n"two\nlines";4;\r\n'),
        ("a.tsv", 'question\tanswer\tlevel\n1,5 + 1 "now"\t2.5\teasy\n"two\nlines"\t4\t\n'),
        ("a.txt", 'question\tanswer\tlevel\n1,5 + 1 "now"\t2.5\teasy\n"two\nlines"\t4\t\n'),
    ],
)
def test_a_table_is_a_dataset(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    one, two = load_tasks(str(path))
    assert (one.prompt, one.ground_truth, one.extra) == ('1,5 + 1 "now"', "2.5", {"level": "easy"})
    assert (two.prompt, two.ground_truth) == ("two\nlines", "4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"question,answer\n1,2,3\n", "line 2: has 3 cells, and the header names 2 columns"),
        (b'question,answer\n"x"y,2\n', r"line 2: is not valid CSV \("),
        (b"question,question\n1,2\n", "has two columns named 'question'"),
        (b"question,answer\n", "has no tasks"),
        (b"question,answer\nGr\xfc\xdfe,2\n", r"is not UTF-8 \(line 2\)"),
        (b"", "has no tasks"),
        (b"q,a\n1,2\n", "line 2: has no prompt .* it has q, a: name the field .*--task-field"),
    ],
)
def test_an_invalid_table_is_refused_with_the_line(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text)
    with pytest.raises(BadInputError, match=said):
        load_tasks(str(path))


def test_compressed_files_are_datasets(tmp_path: Path) -> None:
    for name, text in (("a.jsonl.gz", '{"task": "One"}'), ("a.csv.gz", "task,answer\nOne,1\n")):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()))
        assert [t.prompt for t in load_tasks(str(path))] == ["One"]


def test_parquet_is_a_dataset(tmp_path: Path) -> None:
    arrow = pytest.importorskip("arro3.io", reason="needs arro3-io")
    lines = written(
        tmp_path, *(json.loads(line) for line in (FILES / "verl.jsonl").read_text().splitlines())
    )
    schema = arrow.infer_json_schema(lines)
    path = tmp_path / "tasks.parquet"
    arrow.write_parquet(arrow.read_json(lines, schema), path)
    assert load_tasks(str(path)) == load_tasks(lines)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"reward_model", b"\xff" * 12))
    with pytest.raises(BadInputError, match="is a Parquet file that is damaged"):
        load_tasks(str(path))
    path.write_bytes(whole[:-9])
    with pytest.raises(BadInputError, match="damaged or cut off"):
        load_tasks(str(path))


def test_without_the_package_parquet_says_how_to_convert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    path = tmp_path / "tasks.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(BadInputError, match=r"uv sync --extra practice`; .*COPY"):
        load_tasks(str(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"name": "mine", "examples": [{"task": "One"}, {"task": "Two"}]}'),
        ("a.json", '{\n"version": 1,\n"data": [\n{"task": "One"},\n{"task": "Two"}\n]\n}'),
        ("a.json", json.dumps({"n": [{}], "rows": [{"row_idx": 0, "row": r} for r in ROWS]})),
        ("a.json", '{"a": {"task": "One"}, "b": {"task": "Two"}}'),
        ("a.json", '{"task": ["One", "Two"], "answer": [1, 2]}'),
        ("a.json", '{"task": {"0": "One", "1": "Two"}, "answer": {"0": 1, "1": 2}}'),
        ("a.json", '{"columns": ["task"], "index": [0, 1], "data": [["One"], ["Two"]]}'),
        ("a.jsonl", '{"task": "One"},\n{"task": "Two"},\n'),
        ("a.jsonl", '\ufeff\n{"task": "One"}\n  \n{"task": "Two"}\n\n'),
        ("a.csv", "sep=;\ntask;answer\nOne;1\nTwo;2\n"),
        ("a.csv", "task|answer\nOne|1\nTwo|2\n"),
        ("a.csv", "task,answer\rOne,1\rTwo,2\r"),
    ],
)  # fmt: skip
def test_tasks_are_found_in_the_usual_containers(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    for encoding in ("utf-8", "utf-16", "utf-16-le"):
        path.write_text(text, encoding=encoding, newline="")
        if encoding != "utf-16-le" or not text.startswith("\ufeff"):
            assert [t.prompt for t in load_tasks(str(path))] == ["One", "Two"]


@pytest.mark.parametrize("asserted", ["contains: 4", "similar(0.8): four", "not-equals: 5"])
def test_an_assertion_that_is_no_answer_is_refused(tmp_path: Path, asserted: str) -> None:
    with pytest.raises(BadInputError, match=r"line 1: __expected: .*asserts something else"):
        load_tasks(written(tmp_path, {"question": "Q", "__expected": asserted}))


def test_several_lists_of_tasks_are_refused_with_their_names(tmp_path: Path) -> None:
    row = [{"task": "One"}]
    with pytest.raises(BadInputError, match=r"lists of tasks \(train, test\): .*'\.train\[\]'"):
        load_tasks(written(tmp_path, {"train": row, "test": row}))
    with pytest.raises(BadInputError, match=r"remove the comma before it"):
        load_tasks(written(tmp_path, '[{"task": "One"},\n]'))


@pytest.mark.parametrize(
    ("row", "prompt", "truth"),
    [
        ({"Question": "Q", "Correct Answer": "4"}, "Q", "4"),
        ({"input": "Q", "target": "4"}, "Q", "4"),
        ({"input": [ASKED], "ideal": "4"}, "2+2?", "4"),
        ({"inputs": {"question": "Q"}, "outputs": {"answer": "4"}}, "Q", "4"),
        ({"input": {"question": "Q", "k": 1}, "expectedOutput": {"answer": "4"}}, "Q", "4"),
        ({"input": "Q", "expected": "4", "output": "5"}, "Q", "4"),
        ({"instruction": "Read", "input": "IV", "output": "4"}, "Read\n\nIV", "4"),
        ({"instruction": "Add", "input": "", "output": "4"}, "Add", "4"),
        ({"prompt": "Q", "completion": "4"}, "Q", "4"),
        ({"instruction": "Q", "response": "4"}, "Q", "4"),
        ({"inputs": {"question": "Q"}, "outputs": {"message": {"content": "4"}}}, "Q", "4"),
        ({"prompt": "Q", "completion": "4", "reward": 0}, "Q", None),
        ({"user_input": "Q", "reference": "4", "contexts": ["c", "d"]}, "c\n\nd\n\nQ", "4"),
        ({"question": "Q", "context": "c", "answers": {"text": ["4"], "n": [0]}}, "c\n\nQ", "4"),
        ({"question": "Q of c", "passage": "c", "answer": True}, "Q of c", "true"),
        ({"question": "Q", "context": {"title": ["t"]}, "answer": 4}, "Q", "4"),
        (
            {"question": "Q", "answer": "4",
             "context": {"title": ["t", "u"], "sentences": [["a.", " b."], ["c."]]}},
            "t\na. b.\n\nu\nc.\n\nQ", "4",
        ),
        ({"question": "Q", "context": [["t", ["a.", "b."]]], "answer": 4}, "t\na. b.\n\nQ", "4"),
        ({"question": "Q", "paragraphs": [{"idx": 0, "title": "t", "paragraph_text": "p"}]},
         "t\np\n\nQ", None),
        ({"question": "Q", "context": {"contexts": ["a", "b"], "n": [1]}}, "a\n\nb\n\nQ", None),
        ({"question": "Q", "document": {"id": "d", "url": "u"}, "answer": 4}, "Q", "4"),
        ({"narrative": "n", "question": "Q", "answer": 4}, "n\n\nQ", "4"),
        ({"system_prompt": "Be brief.", "question": "Q", "answer": 4}, "Be brief.\n\nQ", "4"),
        ({"system": [{"text": "Be brief."}], "messages": [ASKED]}, "Be brief.\n\n2+2?", None),
        ({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [ASKED]},
         "Be brief.\n\n2+2?", None),
        ({"system": "gpt-9", "question": "Q", "answer": 4}, "Q", "4"),
        ({"question": "Q", "best_answer": "4", "correct_answers": ["4", "four"]}, "Q", "4"),
        ({"question": "Q", "reward_model": {"ground_truth": {"target": ["4", "four"]}}}, "Q", "4"),
        ({"question": "Q", "answers_spans": {"spans": ["4"], "types": ["number"]}}, "Q", "4"),
        ({"question": "Q", "answer": {"value": "4", "aliases": ["four"], "x": 1}}, "Q", "4"),
        ({"question": "Q", "answer": '["4", "four"]'}, "Q", "4"),
        ({"question": "Q", "answer": "[4, 5]"}, "Q", "[4, 5]"),
        ({"question": "Q", "answer": "4|four"}, "Q", "4|four"),
        ({"question": "Q", "__expected": "equals: 4"}, "Q", "4"),
        ({"question": "Q", "__expected": "note: 4"}, "Q", "note: 4"),
        ({"question": "Q", "answer": "equals: 4"}, "Q", "equals: 4"),
        ({"question": "Q", "answer": 10**30}, "Q", "1" + "0" * 30),
    ],
)  # fmt: skip
def test_the_fields_of_known_datasets_are_found(
    tmp_path: Path, row: dict[str, object], prompt: str, truth: str | None
) -> None:
    (task,) = load_tasks(written(tmp_path, row))
    assert (task.prompt, task.ground_truth) == (prompt, truth)
    for field, held in row.items():
        if isinstance(held, dict):
            assert task.extra[field] == held, "a verifier finds what else is in it"


CHOSEN = "Q\n\nA) x\nB) y"


@pytest.mark.parametrize(
    "row",
    [
        {"choices": ["x", "y"], "answer": 1},
        {"choices": ["x", "y"], "answer": "B"},
        {"choices": ["x", "y"], "answer": "(b)"},
        {"choices": ["x", "y"], "answer": "Y"},
        {"choices": ["x", "y"], "answer": ["y"]},
        {"choices": '["x", "y"]', "answer": "B) y"},
        {"options": "['x', 'y']", "answer": "1"},
        {"options": ["A) x", "(B) y"], "answer": "B"},
        {"options": {"A": "x", "B": "y"}, "answer": "y", "answer_idx": "B"},
        {"options": {"A": "x", "B": "y"}, "answer_idx": "B"},
        {"choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"},
        {"endings": ["x", "y"], "label": "1"},
        {"A": "x", "B": "y", "answer": "B"},
        {"option_a": "x", "option_b": "y", "answer": "b"},
        {"Option A": "x", "Option B": "y", "Correct Answer": "y"},
        {"opa": "x", "opb": "y", "cop": 1},
        {"choices": "A) x\nB) y", "correct_option": 1},
        {"options": "x|y", "answer": "y"},
    ],
)
def test_choices_are_in_the_prompt_and_the_right_one_is_named(
    tmp_path: Path, row: dict[str, object]
) -> None:
    (task,) = load_tasks(written(tmp_path, {"question": "Q", **row}))
    assert (task.prompt, task.ground_truth) == (CHOSEN, "B")
    assert task.extra["right_answers"] == ["B", "y"]


@pytest.mark.parametrize(
    ("row", "prompt", "truth"),
    [
        ({"question": "Q: A) x or B) y?", "choices": ["x", "y"], "answer": "B"}, None, "B"),
        ({"question": "Q", "option1": "x", "option2": "y", "answer": "2"}, "Q\n\n1) x\n2) y", "2"),
        ({"question": {"stem": "Q", "choices": [{"label": c, "text": t} for c, t in ("Ax", "By")]},
          "answerKey": "B"}, CHOSEN, "B"),
        ({"question": "Q", "sol0": "x", "sol1": "y", "label": 1}, "Q\n\n0) x\n1) y", "1"),
        ({"question": "Q", "choices": ["1", "2"], "answer": 0}, "Q\n\nA) 1\nB) 2", "A"),
        ({"question": "Q", "choices": ["x", "y"]}, CHOSEN, None),
        ({"question": "x, y", "choices": ["x", "y"], "answer": 1}, "x, y" + CHOSEN[1:], "B"),
        ({"question": "Q", "options": {"temperature": 1}, "answer": "3"}, "Q", "3"),
        ({"question": "Q", "a": "3", "b": "4", "answer": "3"}, "Q", "3"),
        ({"question": "Q", "a": "3", "b": "4", "answer": 1}, "Q", "1"),
    ],
)  # fmt: skip
def test_what_are_choices_and_what_are_none(
    tmp_path: Path, row: dict[str, object], prompt: str | None, truth: str | None
) -> None:
    (task,) = load_tasks(written(tmp_path, row))
    assert (task.prompt, task.ground_truth) == (prompt or row["question"], truth)


def test_all_rows_tell_whether_choices_are_numbered_from_one(tmp_path: Path) -> None:
    rows = [{"question": f"Q{n}", "choices": ["x", "y", "z"], "answer": n} for n in (1, 3)]
    assert [t.ground_truth for t in load_tasks(written(tmp_path, *rows))] == ["A", "C"]
    rows = [{"question": f"Q{n}", "choices": ["x", "y", "z"], "answer": n} for n in (0, 1)]
    assert [t.ground_truth for t in load_tasks(written(tmp_path, *rows))] == ["A", "B"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("E", r"answer: 'E' is none of the choices \(A\) x; B\) y; C\) b\)"),
        (7, "answer: '7' is none of the choices"),
        ("B", "answer: 'B' is the label of one and the text of another"),
    ],
)
def test_an_answer_that_is_no_choice_is_refused(tmp_path: Path, answer: object, said: str) -> None:
    row = {"question": "Q", "choices": ["x", "y", "b"], "answer": answer}
    with pytest.raises(BadInputError, match=f"line 1: {said}"):
        load_tasks(written(tmp_path, row))


# Prompts as chat messages


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([ASKED], "2+2?"),
        ([SYSTEM, ASKED], "Be short.\n\n2+2?"),
        ([SYSTEM, *EXAMPLE, ASKED], "Be short.\n\nUser: 1+1?\n\nAssistant: 2\n\nUser: 2+2?"),
        ([{"role": "user", "content": [{"type": "text", "text": "2+2?"}]}], "2+2?"),
        (json.dumps([SYSTEM, ASKED]), "Be short.\n\n2+2?"),
        (ASKED, "2+2?"),
        (
            [{"from": "system", "value": "Be short."}, {"from": "human", "value": "2+2?"}],
            "Be short.\n\n2+2?",
        ),
        ([{"role": "user", "parts": [{"text": "2+2?"}]}], "2+2?"),
        (
            [{"role": "USER", "content": "1+1?"}, {"role": "bot", "content": "2"}, ASKED],
            "User: 1+1?\n\nAssistant: 2\n\nUser: 2+2?",
        ),
    ],
)
def test_chat_messages_are_a_prompt(tmp_path: Path, messages: object, prompt: str) -> None:
    (task,) = load_tasks(written(tmp_path, {"prompt": messages}))
    assert (task.prompt, task.ground_truth) == (prompt, None)


def test_what_the_assistant_says_last_is_the_answer_and_not_in_the_prompt(tmp_path: Path) -> None:
    said = {"role": "assistant", "content": "4"}
    (task,) = load_tasks(written(tmp_path, {"messages": [ASKED, said]}))
    assert (task.prompt, task.ground_truth) == ("2+2?", "4")
    call = {"role": "assistant", "content": "Hm.", "tool_calls": [{"function": {"name": "f"}}]}
    chat = [ASKED, call, {"role": "tool", "content": "4.0"}, said]
    assert load_tasks(written(tmp_path, {"messages": chat}))[0].ground_truth == "4"
    (task,) = load_tasks(written(tmp_path, {"messages": [ASKED, said], "answer": "four"}))
    assert task.ground_truth == "four"


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([SYSTEM], "prompt: has no message of the user"),
        (
            [{"role": "user", "contnt": "x"}],
            "prompt.0.contnt: unknown field; did you mean 'content'",
        ),
        ([{"role": "user", "parts": None}], "prompt.0: has no content; .*role, parts"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "part of type 'image_url'"),
        ([{"role": "user", "content": ""}], "what the user says last is empty"),
    ],
)
def test_messages_that_are_no_prompt_are_refused(
    tmp_path: Path, messages: object, said: str
) -> None:
    with pytest.raises(BadInputError, match=said):
        load_tasks(written(tmp_path, {"prompt": messages}))


def test_the_end_of_a_worked_solution_is_the_answer(tmp_path: Path) -> None:
    one = {"question": "a", "answer": "1 + 2 = 3\n#### 3"}
    two = {"question": "b", "answer": "So it is\n#### 1,000"}
    tasks = load_tasks(written(tmp_path, one, two))
    assert [t.ground_truth for t in tasks] == ["3", "1,000"]
    assert tasks[0].extra == {"answer": "1 + 2 = 3\n#### 3"}
    tasks = load_tasks(written(tmp_path, one, {"question": "c", "answer": "5"}))
    assert [t.ground_truth for t in tasks] == ["3", "5"]
    heading = {"question": "c", "answer": "#### Title\nText"}
    tasks = load_tasks(written(tmp_path, {"question": "a", "answer": "5"}, heading))
    assert [t.ground_truth for t in tasks] == ["5", "#### Title\nText"]


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
@pytest.mark.exhaustive
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
    with pytest.raises(BadInputError, match=r"uv sync --extra gym"):
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


@pytest.mark.exhaustive
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
