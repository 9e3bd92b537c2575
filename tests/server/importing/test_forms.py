"""The forms of other programs' files: the files of `files`, and details of each form."""

from __future__ import annotations

import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest

from experience_store.errors import BadInputError
from experience_store.submissions.forms.values import is_list, is_object
from server.importing.attempts import ParsedEntry, read_entry
from server.importing.entries import BadEntry, read_entries
from server.importing.forms.inspect_log import INSPECT
from server.importing.naming import FieldNames
from tests.paths import DATA

FILES = Path(__file__).parent / "files"
TASK = "Cancel the reservation ABC only if it was booked within a day."
LOGS = DATA / "inspect-logs"
logs = pytest.mark.skipif(not LOGS.exists(), reason=f"needs the logs in {LOGS}")


def parsed(content: bytes | object, **fields: str) -> list[ParsedEntry]:
    """What a file holds; it must be readable as a whole."""
    data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
    found: list[ParsedEntry] = []
    for entry in read_entries(io.BufferedReader(io.BytesIO(data))):
        assert not isinstance(entry, BadEntry), entry
        for _, part in read_entry(entry.value, FieldNames(**fields)):
            assert isinstance(part, ParsedEntry), part
            found.append(part)
    return found


def problems(content: object, **fields: str) -> list[str]:
    """What is wrong with the entries of a file, each with its place."""
    found: list[str] = []
    for entry in read_entries(
        io.BufferedReader(io.BytesIO(json.dumps(content, indent=1).encode()))
    ):
        assert not isinstance(entry, BadEntry), entry
        for place, part in read_entry(entry.value, FieldNames(**fields)):
            if not isinstance(part, ParsedEntry):
                found.append(
                    ": ".join(p for p in (entry.place.within(place).label, str(part)) if p)
                )
    return found


def rewards(found: list[ParsedEntry]) -> list[float | None]:
    return [t.reward for entry in found for t in entry.submission.trajectories]


def transcript(entry: ParsedEntry) -> list[tuple[str, str, tuple[str, ...]]]:
    """The messages of the first attempt: roles, texts and calls."""
    (trajectory, *_) = entry.submission.trajectories
    return [(m.role, m.text, tuple(c.name for c in m.tool_calls)) for m in trajectory.messages]


def metadata(entry: ParsedEntry) -> dict[str, object]:
    (trajectory, *_) = entry.submission.trajectories
    return json.loads(trajectory.metadata or "{}")


@pytest.mark.parametrize(
    ("file", "form", "task", "truth", "groups"),
    [
        ("tau-bench.json", "tau-bench", TASK, "cancel", [[1, 0], [1, 0]]),
        ("tau2-bench.json", "tau2-bench", TASK, None, [[1, 0]]),
        ("inspect-log.json", "Inspect log", "What is 2+2?", "4", [[1, 0]]),
        ("verl-rollout.jsonl", "verl rollouts", "What is 2+2?", "4", [[1, 0]]),
        ("langsmith-runs.jsonl", "LangSmith runs", "2+2?", None, [[1, 0]]),
        ("openhands-output.jsonl", "OpenHands output", "Fix the off-by-one", None, [[1]]),
        ("youtu-evaluation-samples.jsonl", "Youtu-Agent samples", "What is 2+2?", "4", [[1, 0]]),
    ],
)
def test_a_file_of_another_program_is_read_in_groups_by_task(
    file: str, form: str, task: str, truth: str | None, groups: list[list[float]]
) -> None:
    found = parsed((FILES / file).read_bytes())
    assert {entry.form for entry in found} == {form}
    assert {entry.submission.task for entry in found} == {task}
    truths = {entry.submission.ground_truth for entry in found}
    assert truths == {None} if truth is None else all(truth in (t or "") for t in truths)
    by_group: defaultdict[str | None, list[float | None]] = defaultdict(list)
    for entry in found:
        by_group[entry.submission.group_id] += rewards([entry])
    assert list(by_group.values()) == groups
    ids = [t.id for entry in found for t in entry.submission.trajectories if t.id]
    assert len({*ids}) == len(ids) or form == "tau-bench", "its two tasks have the same trials"


# tau-bench and tau2-bench


def test_tau_bench_keeps_calls_and_leaves_broken_trials_unscored() -> None:
    (trial, *_) = json.loads((FILES / "tau-bench.json").read_text())
    (found, *_) = parsed([trial])
    assert transcript(found)[2:4] == [
        ("assistant", "", ("get",)),
        ("tool", '{"booked": "old"}', ()),
    ]
    assert "user_cost" in json.dumps(metadata(found))
    broken = {**trial, "reward": 0.0, "info": {**trial["info"], "error": "timeout"}}
    assert rewards(parsed([broken])) == [None]
    broken["traj"] = []
    assert problems([trial, broken]) == ["[1]: traj: has no messages (it broke off: timeout)"]


def test_tau2_bench_results_of_tools_refer_to_their_calls() -> None:
    document = json.loads((FILES / "tau2-bench.json").read_text())
    simulation = document["simulations"][0]
    simulation["messages"][3] = {
        "role": "tool",
        "tool_messages": [
            {"id": "c", "role": "tool", "content": "{}"},
            {"id": "d", "role": "tool", "content": "", "error": True},
        ],
    }
    simulation["reward_info"]["nl_assertions"] = [{"met": True, "justification": "refused"}]
    (found, _) = parsed(document)
    (attempt,) = found.submission.trajectories
    assert [m.tool_call_id for m in attempt.messages if m.role == "tool"] == ["c", "d"]
    assert "the tool failed" in attempt.messages[4].text
    assert "refused" in (attempt.feedback or "")
    assert attempt.model == "m"
    simulation["termination_reason"] = "infrastructure_error"
    assert rewards(parsed(document)) == [None, 0]


# Inspect


def sample(**more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    return {"id": "s", "epoch": 1, "input": "q", "target": "t", "messages": messages, **more}


def log(*samples: object) -> dict[str, object]:
    return {"version": 2, "eval": {"task": "qa", "model": "m"}, "samples": list(samples)}


@pytest.mark.parametrize(
    ("scores", "reward"),
    [
        ({"match": {"value": "C"}}, 1),
        ({"match": {"value": "I"}}, 0),
        ({"match": {"value": "P"}}, 0.5),
        ({"match": {"value": "N"}}, 0),
        ({"f1": {"value": 0.25}}, 0.25),
        ({"ok": {"value": True}}, 1),
        ({"rubric": {"value": {"total": 3}}}, 3),
        ({"match": {"value": None}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_inspect_scores_become_rewards(scores: object, reward: float | None) -> None:
    assert rewards(parsed(log(sample(scores=scores)))) == [reward]


def test_inspect_samples_with_an_error_are_unscored() -> None:
    scores = {"match": {"value": "I"}}
    assert rewards(parsed(log(sample(scores=scores, error={"message": "oom"})))) == [None]


def test_of_several_inspect_scores_the_user_chooses_one() -> None:
    scores = {"a": {"value": {"x": "C", "y": 0}}, "b": {"value": 1}}
    (said,) = problems(log(sample(scores=scores)))
    assert said == (
        "samples[0]: scores: has several rewards (scores.a.value.x, scores.a.value.y, "
        "scores.b.value): choose one with --reward-field, such as --reward-field scores.a.value.x"
    )
    assert rewards(parsed(log(sample(scores=scores)), reward="scores.a.value.x")) == [1]


def test_inspect_calls_attachments_and_explanations_are_kept() -> None:
    call = {"id": "c", "function": "bash", "arguments": {"cmd": "ls"}, "type": "function"}
    messages = [
        {"role": "user", "content": "attachment://long"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "", "error": {"type": "timeout"}},
    ]
    scores = {"match": {"value": "I", "explanation": "too slow"}}
    value = sample(messages=messages, scores=scores, attachments={"long": "a long question"})
    (found,) = parsed(log(value))
    assert transcript(found) == [
        ("user", "a long question", ()),
        ("assistant", "", ("bash",)),
        ("tool", "[error: timeout]", ()),
    ]
    assert found.submission.trajectories[0].feedback == "too slow"
    assert found.left_out == ("attachments",)


def test_a_row_with_an_epoch_is_no_sample_of_inspect() -> None:
    row = {"epoch": 1, "input": "q", "target": "t", "output": "a", "reward": 0.5}
    (found,) = parsed(row)
    assert (found.form, rewards([found])) == ("attempts", [0.5])
    assert parsed(sample())[0].form == INSPECT.name


def test_inspect_runs_of_the_same_eval_add_to_the_same_groups() -> None:
    first, second = parsed(log(sample()))[0], parsed(log(sample(uuid="u")))[0]
    other = parsed(log(sample(input="another question")))[0]
    assert first.submission.group_id == second.submission.group_id != other.submission.group_id
    assert first.submission.trajectories[0].id != second.submission.trajectories[0].id == "u"


def test_a_zipped_inspect_log_is_read_sample_by_sample() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", json.dumps({"eval": {"task": "qa", "model": "m"}}))
        for number in (1, 2):
            value = sample(id=number, scores={"match": {"value": "C"}})
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(value))
        archive.writestr("samples/3_epoch_1.json", "{")
    entries = list(read_entries(io.BufferedReader(io.BytesIO(packed.getvalue()))))
    assert [entry.place.path for entry in entries] == [
        f"samples/{n}_epoch_1.json" for n in (1, 2, 3)
    ]
    (first, _, damaged) = entries
    assert isinstance(damaged, BadEntry)
    assert not isinstance(first, BadEntry)
    assert [
        p.submission.task
        for _, p in read_entry(first.value, FieldNames())
        if isinstance(p, ParsedEntry)
    ] == ["q"]


@logs
def test_logs_that_inspect_wrote_are_read() -> None:
    names = ("popularity.eval", "log_formats.json", "tool_call_error.json")
    found = {name: parsed((LOGS / name).read_bytes()) for name in names}
    assert [len(found[name]) for name in names] == [10, 1, 1]
    assert {e.form for entries in found.values() for e in entries} == {INSPECT.name}
    assert rewards(found["popularity.eval"]) == [None] * 10, "its scores are empty"
    assert rewards(found["log_formats.json"]) == [0]
    assert found["log_formats.json"][0].submission.ground_truth == "Yes"
    assert len(transcript(found["tool_call_error.json"][0])) == 11


# The others


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("user\nAdd 1\nassistant\n", "Add 1"),
        ("system\nBe short.\nuser\nAdd 1\nand 2\nassistant\n", "Be short.\n\nAdd 1\nand 2"),
        ("<|im_start|>user\nAdd 1<|im_end|>\n<|im_start|>assistant\n", "Add 1"),
        ("Add 1", "Add 1"),
    ],
)
def test_verl_prompts_lose_the_roles_of_their_template(prompt: str, task: str) -> None:
    line = {"input": prompt, "output": "2", "gts": "2", "score": 1, "step": 7}
    (found,) = parsed(line)
    assert found.submission.task == task
    assert metadata(found).get("input") == (None if prompt == task else prompt)
    assert metadata(found)["step"] == 7


def run(**more: object) -> dict[str, object]:
    return {"run_type": "chain", "inputs": {"question": "2+2?"}, "outputs": {"answer": "4"}, **more}


def test_langsmith_runs_have_the_average_of_their_feedback_as_reward() -> None:
    one, two = {"a": {"avg": 1.0}}, {"a": {"avg": 1.0}, "b": {"avg": 0.5}}
    assert rewards(parsed([run(feedback_stats=one), run(feedback_stats=None)])) == [1, None]
    assert "feedback_stats.a.avg, feedback_stats.b.avg" in problems(run(feedback_stats=two))[0]
    assert rewards(parsed(run(feedback_stats=two), reward="feedback_stats.b.avg")) == [0.5]
    assert problems(run(outputs=None, error="quota")) == ["outputs: has none (it broke off: quota)"]


def test_langsmith_messages_are_not_repeated_where_a_run_returns_what_it_got() -> None:
    asked = [{"role": "user", "content": "2+2?"}]
    answered = [
        {"role": "user", "content": "2+2?", "id": "m1"},
        {"role": "assistant", "content": "4"},
    ]
    (whole,) = parsed(run(inputs={"messages": asked}, outputs={"messages": answered}))
    (rest,) = parsed(run(inputs={"messages": asked}, outputs={"messages": answered[1:]}))
    assert transcript(whole) == transcript(rest) == [("user", "2+2?", ()), ("assistant", "4", ())]
    (plain,) = parsed(run())
    assert (plain.submission.task, transcript(plain)) == ("2+2?", [("assistant", "4", ())])


def test_openhands_runs_whose_tests_could_not_be_run_are_unscored() -> None:
    value = json.loads((FILES / "openhands-output.jsonl").read_text())
    value["test_result"]["report"] = {"resolved": False, "error_eval": True}
    assert rewards(parsed(value)) == [None]


def test_steps_of_langsmith_runs_are_no_attempts() -> None:
    assert "only whole runs are attempts" in problems(run(parent_run_id="r"))[0]


def test_openhands_events_become_messages() -> None:
    (found,) = parsed((FILES / "openhands-output.jsonl").read_bytes())
    assert transcript(found) == [
        ("user", "Fix it", ()),
        ("assistant", "look", ("run",)),
        ("tool", "a.py", ()),
    ]
    assert metadata(found)["test_result"] == {"git_patch": "diff", "report": {"resolved": True}}
    nothing: dict[str, object] = {}
    pair = [
        {"source": "agent", "action": "run", "args": nothing},
        {"observation": "run", "content": "x"},
    ]
    newer = [
        {"llm_message": {"role": "user", "content": "Fix it"}},
        {"thought": "", "tool_name": "bash", "tool_call_id": "c", "action": {"command": "ls"}},
        {"tool_name": "bash", "tool_call_id": "c", "observation": {"output": "a.py"}},
        {"unknown": "event"},
    ]
    line = {"instance_id": "i", "instruction": "Fix it", "test_result": nothing}
    old_form, new_form = parsed([{**line, "history": [pair]}, {**line, "history": newer}])
    assert [role for role, _, _ in transcript(old_form)] == ["assistant", "tool"]
    assert [role for role, _, _ in transcript(new_form)] == ["user", "assistant", "tool", "system"]
    assert rewards([old_form, new_form]) == [None, None]


def test_youtu_samples_keep_the_messages_of_all_agents_and_the_judgement() -> None:
    agents = [{"agent": a, "trajectory": [{"role": "assistant", "content": a}]} for a in "xy"]
    line = {
        "raw_question": "q",
        "trajectories": json.dumps(agents),
        "response": "y",
        "correct": True,
        "reward": None,
        "judged_response": "right",
    }
    (found,) = parsed(line)
    assert [text for _, text, _ in transcript(found)] == ["x", "y"]
    assert (rewards([found]), found.submission.trajectories[0].feedback) == ([1], "right")
    assert found.by_task


def test_lm_eval_samples_are_scored_by_their_metric() -> None:
    line = {
        "doc_id": 3,
        "doc": {"question": "2+2?"},
        "target": "4",
        "resps": [["It is 4"]],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
    }
    strict, flexible = parsed([line, {**line, "filter": "flexible-extract", "exact_match": 0.0}])
    assert (strict.submission.task, transcript(strict)) == ("2+2?", [("assistant", "It is 4", ())])
    assert rewards([strict, flexible]) == [1, 0]
    assert strict.submission.group_id != flexible.submission.group_id, "the answer is the same one"
    odd = {**line, "metrics": ["bleu", "rouge"], "bleu": 0.1, "rouge": 0.2}
    assert "choose one with --reward-field" in problems(odd)[0]


def test_swe_bench_predictions_are_scored_where_the_verdict_is_joined() -> None:
    line = {"instance_id": "i-1", "model_name_or_path": "m", "model_patch": "diff"}
    plain, scored = parsed([line, {**line, "resolved": True}])
    assert rewards([plain, scored]) == [None, 1]
    assert plain.submission.task == "SWE-bench instance i-1"


def test_atif_steps_become_messages() -> None:
    call = {"tool_call_id": "c", "function_name": "ls", "arguments": "{}"}
    document = {
        "schema_version": "ATIF-v1.4",
        "session_id": "s",
        "agent": {"name": "a", "model_name": "m"},
        "steps": [
            {"step_id": 1, "source": "user", "message": "Fix it"},
            {
                "step_id": 2,
                "source": "agent",
                "message": "Looking.",
                "tool_calls": [call],
                "observation": {
                    "results": [{"source_call_id": "c", "content": "a.py", "extra": {"lines": 1}}]
                },
                "metrics": {"prompt_tokens": 9, "cost_usd": 0.1},
                "extra": {"plan": "ls"},
            },
        ],
        "extra": {"reward": 0.5},
    }
    (found,) = parsed(document)
    assert transcript(found) == [
        ("user", "Fix it", ()),
        ("assistant", 'Looking.\nextra: {"plan": "ls"}', ("ls",)),
        ("tool", 'a.py\nextra: {"lines": 1}', ()),
    ]
    assert (found.submission.task, rewards([found])) == ("Fix it", [0.5])


def test_promptfoo_results_are_grouped_by_prompt_and_variables() -> None:
    def result(output: str | None, score: float, **response: object) -> dict[str, object]:
        return {
            "prompt": {"raw": "Add 1 and 2"},
            "vars": {"a": 1},
            "provider": {"id": "m"},
            "response": {"output": output, **response},
            "score": score,
            "gradingResult": {"reason": "it says so"},
        }

    results = [result("3", 1), result("4", 0), result("…", 0, error="429")]
    found = parsed({"evalId": "e", "results": {"version": 3, "results": results}})
    assert len({entry.submission.group_id for entry in found}) == 1
    assert rewards(found) == [1, 0, None]
    none = {"evalId": "e", "results": {"results": [result(None, 0)]}}
    assert problems(none) == ["results.results[0]: response: has no output (no error)"]


def test_lists_of_completions_and_rewards_are_a_group() -> None:
    row = {"prompt": "2+2?", "completions": ["4", "5"], "rewards": [1, None], "step": 3}
    first, second = parsed(row)
    assert first.submission.group_id == second.submission.group_id
    assert (first.submission.task, rewards([first, second])) == ("2+2?", [1, None])
    assert metadata(first) == {"step": 3}
    chat = {
        "prompt": [{"role": "user", "content": "2+2?"}],
        "completions": [[{"role": "assistant", "content": "4"}]],
        "scores": [0.5],
    }
    assert transcript(parsed(chat)[0]) == [("user", "2+2?", ()), ("assistant", "4", ())]
    with pytest.raises(BadInputError, match="has 2 completions and 1 rewards"):
        problems({**row, "rewards": [1]})


def test_preferences_are_a_winner_and_a_loser() -> None:
    plain = {"prompt": "2+2?", "chosen": "4", "rejected": "5"}
    assert rewards(parsed(plain)) == [1, 0]
    both = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: 2+2?\n\nAssistant:"
    found = parsed({"chosen": f"{both} 4", "rejected": f"{both} 5"})
    assert len({e.submission.group_id for e in found}) == 1
    assert [role for role, _, _ in transcript(found[0])] == ["user", "assistant"] * 2
    assert rewards(parsed({**plain, "score_chosen": 8.5, "score_rejected": 6})) == [8.5, 6]
    chats = {
        side: [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": text}]
        for side, text in (("chosen", "4"), ("rejected", "5"))
    }
    found = parsed(chats)
    assert {e.submission.task for e in found} == {"2+2?"}
    assert len({e.submission.group_id for e in found}) == 1


def test_items_of_openai_evals_have_the_score_of_their_grader() -> None:
    item = {
        "object": "eval.run.output_item",
        "id": "o1",
        "datasource_item_id": 5,
        "datasource_item": {"question": "2+2?"},
        "results": [{"name": "match", "score": 1.0, "passed": True}],
        "sample": {
            "input": [{"role": "user", "content": "2+2?"}],
            "output": [{"role": "assistant", "content": "4"}],
            "model": "m",
        },
    }
    for document in (item, {"object": "list", "data": [item]}):
        (found,) = parsed(document)
        assert (found.form, found.submission.task, rewards([found])) == (
            "OpenAI evals",
            "2+2?",
            [1],
        )


# An answer beside its prompt

ASKED = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}]
ANSWERED = [("system", "Be short.", ()), ("user", "2+2?", ()), ("assistant", "4", ())]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": ASKED, "response": "4"},
        {"messages": ASKED, "prediction": "4"},
        {"messages": ASKED, "answer": "4"},
        {"messages": ASKED, "output": None, "completion": "4", "answer": "5"},
        {"conversation": ASKED, "completion": [{"role": "assistant", "content": "4"}]},
        {"messages": json.dumps(ASKED), "response": {"role": "assistant", "content": "4"}},
        {"messages": ASKED, "prompt": "2+2?", "generation": 4},
    ],
)
def test_messages_that_are_only_the_prompt_are_joined_with_the_answer(
    row: dict[str, object],
) -> None:
    (found,) = parsed({**row, "reward": 1})
    assert (found.submission.task, transcript(found)) == ("2+2?", ANSWERED)
    assert metadata(found) == ({"output": None, "answer": "5"} if "output" in row else {})


EXAMPLE = [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
EXAMPLES = [*EXAMPLE, {"role": "user", "content": "2+2?"}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": EXAMPLES, "response": "4"},
        {"prompt": EXAMPLES, "completion": "4"},
        {"prompt": EXAMPLES, "attempts": [{"response": "4", "reward": 1}]},
        {"task": "2+2?", "attempts": [{"messages": EXAMPLES, "response": "4", "reward": 1}]},
        {"task": "2+2?", "attempts": [{"conversation": EXAMPLES, "output": "4", "reward": 1}]},
        {"prompt": EXAMPLES, "completions": ["4"], "rewards": [1]},
        {"prompt": EXAMPLES, "chosen": "4", "rejected": "5"},
        {"prompt": EXAMPLES, "chosen": [{"role": "assistant", "content": "4"}], "rejected": "5"},
    ],
)
def test_examples_in_a_prompt_are_no_answer(row: dict[str, object]) -> None:
    found = parsed({**row, "reward": 1} if "attempts" not in row else row)[0]
    turns = [("user", "1+1?", ()), ("assistant", "2", ()), ("user", "2+2?", ())]
    assert transcript(found) == [*turns, ("assistant", "4", ())]
    assert "response" not in metadata(found)


def test_attempts_of_an_evaluation_that_are_only_the_prompt_are_joined_with_the_answer() -> None:
    for attempt in ({"messages": ASKED, "response": "4"}, {"messages": ASKED, "answer": "4"}):
        (found,) = parsed({"task": "2+2?", "attempts": [{**attempt, "reward": 1}]})
        assert transcript(found) == ANSWERED


def test_a_prompt_beside_the_name_of_the_task_is_part_of_the_attempt() -> None:
    row = {"prompt": ASKED, "completion": [{"role": "assistant", "content": "4"}], "reward": 1}
    label, said = parsed([{"task": "sums", **row}, {"task": "Add them.", **row}])
    assert (label.submission.task, transcript(label)) == ("2+2?", ANSWERED)
    assert metadata(label) == {"task": "sums"}, "the name of an environment says nothing to do"
    assert (said.submission.task, transcript(said)) == ("Add them.", ANSWERED)
    assert metadata(said) == {}


def test_trajectories_of_swe_agent_are_read_from_their_history() -> None:
    step = {"action": "ls", "observation": "a.py", "response": "look", "query": ASKED}
    history = [
        {**ASKED[1], "agent": "main", "message_type": "observation"},
        {"role": "assistant", "content": "look", "thought": "hm", "message_type": "action"},
        {"role": "tool", "content": "a.py", "message_type": "observation"},
    ]
    info = {"submission": "diff"}
    (found,) = parsed({"trajectory": [step], "history": history, "info": info})
    assert transcript(found) == [
        ("user", "2+2?", ()),
        ("assistant", "hm\nlook", ()),
        ("tool", "a.py", ()),
    ]
    assert (found.submission.task, rewards([found])) == ("2+2?", [None])
    assert (metadata(found), found.left_out[0]) == ({"info": info}, "trajectory")


def test_the_message_in_a_response_of_an_api_is_the_answer() -> None:
    response = {"choices": [{"message": {"role": "assistant", "content": "4"}}], "id": "r"}
    (found,) = parsed({"messages": ASKED, "response": response, "reward": 1})
    assert (transcript(found), metadata(found)) == (ANSWERED, {"response": response})


def test_a_reward_without_bounds_is_refused() -> None:
    for given in (10**400, "1e999", "inf"):
        with pytest.raises(BadInputError, match="reward: inf is not a reward"):
            parsed({"task": "2+2?", "output": "4", "reward": given})


def test_a_user_who_speaks_last_may_be_the_end_of_an_attempt() -> None:
    chat = [*EXAMPLE, {"role": "user", "content": "###STOP###"}]
    for more in ({"answer": "2"}, {"response": "2"}, {"final_answer": "3"}):
        (found,) = parsed({"messages": chat, **more})
        assert (len(transcript(found)), metadata(found)) == (3, more)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"raw_question": "q", "response": "a", "trajectories": [{"trajectory": None}, "x"]},
            "trajectories[1]: must be an object",
        ),
        (
            {"raw_question": "q", "response": "a", "trajectories": [{"trajectory": "x"}]},
            "trajectories[0].trajectory: must be a list of chat messages",
        ),
        (
            {"instance_id": "i", "instruction": "q", "history": [{"role": "user"}, "x"]},
            "history[1]: must be an object",
        ),
        (
            {"steps": [{"source": "user", "message": "q", "tool_calls": ["x"]}]},
            "tool_calls[0]: must be an object",
        ),
    ],
)
def test_no_part_of_an_attempt_is_skipped(row: dict[str, object], said: str) -> None:
    assert problems(row) == [said]


def test_a_named_output_answers_the_prompt_in_the_messages() -> None:
    (found,) = parsed({"messages": ASKED, "said": "4", "response": "raw"}, output="said")
    assert (transcript(found), metadata(found)) == (ANSWERED, {"response": "raw"})
    (found,) = parsed({"chat": ASKED, "said": "4"}, messages="chat", output="said")
    assert transcript(found) == ANSWERED


def test_an_answer_beside_messages_that_hold_one_is_kept_as_metadata() -> None:
    chat = [*ASKED, {"role": "assistant", "content": "It is 4"}]
    (found,) = parsed({"messages": chat, "response": "4", "answer": "4"})
    assert (len(transcript(found)), metadata(found)) == (3, {"response": "4", "answer": "4"})


def test_a_ground_truth_is_not_taken_for_an_output_that_is_empty() -> None:
    with pytest.raises(BadInputError, match="messages: is empty"):
        parsed({"messages": ASKED, "response": "", "answer": "4"})


# What looks like a reward

PLAIN = {"task": "2+2?", "output": "4"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", "1"),
        ("score", "0.8"),
        ("score", " -2e-1 "),
        ("Reward", 1),
        ("Reward", "1"),
        ("rewrad", 1),
        ("reward_value", "0.5"),
        ("rewardValue", 0.5),
        ("exactMatch", True),
        ("is_correct", "Passed"),
        ("label", True),
    ],
)
@pytest.mark.parametrize("more", [{}, {"reward": None}])
def test_what_looks_like_a_reward_is_refused_until_it_is_named(
    name: str, value: object, more: dict[str, object]
) -> None:
    row = {**PLAIN, **more, name: value}
    with pytest.raises(BadInputError, match=f"{name} looks like a reward: --reward-field {name}"):
        parsed(row)
    assert rewards(parsed(row, reward=name)) != [None]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"scores": {"Factuality": 1}}, "scores.Factuality"),
        ({"scores": [{"name": "accuracy", "value": 1, "comment": None}]}, "scores.0.value"),
        ({"feedback_scores": [{"name": "accuracy", "score": 0.5}]}, "feedback_scores.0.score"),
        ({"summary": {"feedback": {"helps": 1}}}, "summary.feedback.helps"),
    ],
)
def test_scores_by_name_or_in_a_list_look_like_rewards(row: dict[str, object], name: str) -> None:
    with pytest.raises(BadInputError, match=f"{name} looks like a reward: --reward-field {name}"):
        parsed({**PLAIN, **row})
    assert rewards(parsed({**PLAIN, **row}, reward=name)) != [None]


@pytest.mark.parametrize("given", [{"question": "2+2?", "k": 1}, {"messages": ASKED}])
def test_the_task_may_be_in_an_object(given: dict[str, object]) -> None:
    (found,) = parsed({"input": given, "output": "4", "reward": 1})
    assert (found.submission.task, metadata(found)["input"]) == ("2+2?", given)
    assert transcript(found) == (ANSWERED if "messages" in given else ANSWERED[2:])


def test_an_object_that_holds_the_entries_is_kept_with_each_of_them() -> None:
    rows = [{**PLAIN, "reward": 1}, {**PLAIN, "reward": 0, "metadata": {"n": 2}}, {"n": 3}]
    document = {"runs": rows, "meta": {"page": 1}}
    assert [metadata(entry) for entry in parsed({**document, "runs": rows[:2]})] == [
        {"document": {"meta": {"page": 1}}},
        {"n": 2, "document": {"meta": {"page": 1}}},
    ]
    (said,) = problems(document)
    assert said.startswith("runs[2]: has no attempt in any known form")
    (group,) = parsed({"data": [{"task": "2+2?", "trajectories": [{"output": "4", "reward": 1}]}]})
    assert group.submission.task == "2+2?"
    with pytest.raises(BadInputError, match=r"jq -c '\.runs\[\]' FILE"):
        parsed({**document, "log": "x" * 20_000})


def test_the_attempts_of_an_evaluation_may_have_another_name() -> None:
    rollouts = [{"response": "4", "reward": 1}, {"response": "5", "reward": 0, "model": "m"}]
    for field in ("rollouts", "completions", "samples"):
        (found,) = parsed({"instruction": "2+2?", field: rollouts, "source": "s"})
        assert (found.form, rewards([found])) == ("evaluations", [1, 0])
        assert metadata(found) == {"source": "s"}
        with pytest.raises(BadInputError, match=rf"^{field}\.1: has no reward"):
            parsed({"instruction": "2+2?", field: [rollouts[0], {"response": "5"}]})
    (found,) = parsed({**PLAIN, "reward": 1, "results": [{"output": "x"}]})
    assert (found.form, metadata(found)) == ("attempts", {"results": [{"output": "x"}]})


def test_a_message_alone_and_tasks_in_a_list_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"^is a single message: write the messages"):
        parsed(ASKED[1])
    with pytest.raises(BadInputError, match=r"^task: is a list; write one object for each attempt"):
        parsed({"prompt": ["1+1?", "2+2?"], "completion": ["2", "4"]})


def test_a_table_s_numbers_are_seen_as_rewards() -> None:
    with pytest.raises(BadInputError, match="--reward-field score"):
        parsed(b"task,output,score\n2+2?,4,1\n2+2?,5,0\n")
    assert rewards(parsed(b"task,output,reward\n2+2?,4,1\n2+2?,5,0.5\n2+2?,6,\n")) == [1, 0.5, None]


def test_a_reward_that_is_null_may_stay_so() -> None:
    row = {**PLAIN, "reward": None, "score": "1"}
    with pytest.raises(BadInputError, match="if it is unscored: --reward-field reward"):
        parsed(row)
    assert rewards(parsed(row, reward="reward")) == [None]
    assert rewards(parsed({**PLAIN, "reward": None, "metadata": {"score": 1}})) == [None]
    attempts = {"task": "2+2?", "attempts": [{"output": "4", "reward": None, "score": 1}]}
    with pytest.raises(BadInputError, match=r"^attempts\.0\.reward: is null; score looks like"):
        parsed(attempts)


def test_fields_that_the_user_names_are_no_rewards() -> None:
    row = {**PLAIN, "correct": "4"}
    assert rewards(parsed(row, truth="correct")) == [None]
    for note in ("record", "forward", "graded by", "n/a"):
        assert rewards(parsed({**PLAIN, note: "12", "score": note})) == [None]


@pytest.mark.parametrize(
    "name", ["taskId", "groupid", "groupId", "GroupID", "GROUP_ID", "problemId", "Prompt-Id"]
)
def test_the_field_of_the_group_may_be_spelt_otherwise(name: str) -> None:
    (rollout, evaluation) = parsed(
        [
            {**PLAIN, name: "g1", "reward": 1},
            {"task": "2+2?", name: "g1", "attempts": [{"output": "4", "reward": 1}]},
        ]
    )
    assert rollout.submission.group_id == evaluation.submission.group_id == "g1"
    assert (rollout.by_task, metadata(rollout), metadata(evaluation)) == (False, {}, {})


@pytest.mark.parametrize("field", ["trajectories", "attempts"])
def test_attempts_may_be_json_text_and_none_of_them_is_dropped(field: str) -> None:
    attempts: list[object] = [{"output": "4", "score": 1}, json.dumps({"output": "5", "score": 0})]
    for written in (attempts, json.dumps(attempts)):
        (found,) = parsed({"task": "2+2?", field: written}, reward="score")
        assert rewards([found]) == [1, 0]
    for other in ("4", None, 3, ["4"]):
        with pytest.raises(BadInputError, match=rf"^{field}\.2: must be an object"):
            parsed({"task": "2+2?", field: [*attempts, other]}, reward="score")
    with pytest.raises(BadInputError, match=f"^{field}: must be a list"):
        parsed({"task": "2+2?", field: "4"}, reward="score")


def test_a_group_s_own_fields_may_be_in_camel_case() -> None:
    attempts = [{"output": "4", "reward": 1}]
    row = {"task": "2+2?", "groupId": "g1", "groundTruth": "4", "trajectories": attempts}
    (found,) = parsed(row)
    assert (found.submission.group_id, found.submission.ground_truth) == ("g1", "4")
    with pytest.raises(BadInputError, match="groupId: is an unknown field"):
        parsed({**row, "group_id": "g2"})


ATIF_STEP = {
    "source": "user",
    "message": "2+2?",
    "tool_calls": [{"function_name": "add", "arguments": "{}"}],
    "observation": {"results": [{"content": "4"}]},
}
OTHERS: list[dict[str, object]] = [
    {"steps": [ATIF_STEP]},
    {"datasource_item": {"q": "2+2?"}, "sample": {"input": ASKED, "output": []}, "results": []},
    {"run_type": "llm", "inputs": {"messages": ASKED}, "outputs": {"output": "4"}},
    {"prompt": ASKED, "completions": ["4", "5"], "rewards": [1, 0]},
    {"instance_id": "i", "history": [{"source": "agent", "action": "run", "args": {"a": 1}}]},
]
ABOUT_A_RUN = {"eval", "simulations", "samples"}


def entries_of_other_programs() -> list[Mapping[str, object]]:
    files = [path for path in sorted(FILES.iterdir()) if path.suffix in {".json", ".jsonl"}]
    read = (e for f in files for e in read_entries(io.BufferedReader(io.BytesIO(f.read_bytes()))))
    return [*OTHERS, *(e.value for e in read if not isinstance(e, BadEntry))]


def objects_in(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    if is_object(value):
        yield path
    if is_object(value) or is_list(value):
        for name, inner in value.items() if is_object(value) else enumerate(value):
            yield from objects_in(inner, *path, name)


def test_a_field_more_anywhere_in_an_attempt_is_stored_or_refused() -> None:
    stored = 0
    for entry in entries_of_other_programs():
        for path in objects_in(entry):
            if entry.keys() & ABOUT_A_RUN and len(path) < 2:
                continue
            changed = json.loads(json.dumps(entry))
            reduce(getitem, path, changed)["zzz"] = "a mark to be found"
            try:
                parts = [part for _, part in read_entry(changed, FieldNames())]
            except BadInputError:
                continue
            found = [part for part in parts if isinstance(part, ParsedEntry)]
            left_out = {name for part in found for name in part.left_out}
            if len(found) == len(parts) and not left_out & set(path):
                assert "a mark to be found" in str(found), (entry, path)
                stored += 1
    assert stored > 100
