"""What `practice` and `evaluate` refuse before anything is spent, and how they are told things."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from experience_store.testing import Asked, Said
from experience_store.token_estimate import estimate_tokens
from server.practice.cli.run_checks import mark_of
from server.practice.run.setting_words import differences
from server.settings import address_of
from tests.server.practice.extras import needs_gym
from tests.server.practice.scripted_world import (
    Ground,
    copy_of,
    ground,
    is_attempt,
    tasks,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")

NO_PRICES = "a cost limit needs prices: --price-prompt and --price-completion"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--verifier", "matsch"], 1, "unknown verifier 'matsch'; did you mean 'match'?"),
        (["--max-cost", "1"], 2, NO_PRICES),
        (["--rollout-cost", "1"], 2, NO_PRICES),
        (["--max-cost", "1", "--price-prompt", "1", "--teacher", "x"], 2, NO_PRICES),
        (["--data", "nowhere.jsonl"], 1, "nowhere.jsonl"),
        (["--data", "broken.jsonl"], 1, "line 1: is not JSON"),
        (["--eval-data", "overlap.jsonl"], 1, "the practice data has 1 of the tasks"),
        (["--eval-data", "overlap.jsonl", "--hold-out", "0.5"], 2, "not both"),
        (["--tools", "nowhere.json"], 1, "nowhere.json"),
        (["--tools", "broken.jsonl"], 1, "not a file of MCP servers"),
        (["--instructions", "@nowhere.txt"], 1, "nowhere.txt"),
        (["--direct", "2", "--server", "http://127.0.0.1:1/mcp"], 2, "leave out --server"),
        (["--direct", "2", "--from-step", "1"], 2, "leave out --from-step"),
        (["--library", "no/library"], 1, "library"),
        (["--group-size", "0"], 2, "--group-size"),
        (["--eval-task-field", "x"], 2, "need --eval-data"),
    ],
)
async def test_a_bad_option_is_a_one_line_error_and_spends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        (tmp_path / "broken.jsonl").write_text("no json\n")
        here.data("overlap.jsonl", tasks(2, first=5))
        ended = await here.do("practice", *options, code=code)

    assert said in " ".join(ended.error.split())
    assert ended.output == ""
    assert here.endpoint.calls == []


@pytest.mark.parametrize("command", ["practice", "evaluate"])
async def test_a_missing_verifier_lists_the_known_ones(tmp_path: Path, command: str) -> None:
    async with ground(tmp_path) as here:
        arguments = here.arguments(command)
        place = arguments.index("--verifier")
        del arguments[place : place + 2]
        ended = await here.invoke(arguments)
    assert ended.code == 2
    assert "--verifier: exact, match, number, math, judge, or MODULE:FUNCTION" in ended.error


async def test_a_missing_model_or_key_says_how_to_give_one(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        bare = ["practice", "--data", str(tmp_path / "practice.jsonl"), "--verifier", "match"]
        no_model = await here.invoke(bare)
        no_key = await here.invoke([*bare, "--model", "gpt"])
    assert (no_model.code, "with --model" in no_model.error) == (2, True)
    assert (no_key.code, "OPENAI_API_KEY" in no_key.error) == (1, True)


async def test_evaluate_needs_a_library_with_experiences(tmp_path: Path, practised: Ground) -> None:
    async with ground(tmp_path) as here:
        ended = await here.do("evaluate", code=1)
        assert "there is no database" in ended.error
    async with copy_of(practised, tmp_path) as here:
        ended = await here.do("evaluate", "--library", "lip", "--run", str(tmp_path / "e"), code=1)
        assert "library 'lip' has no experiences to evaluate" in ended.error
        assert "did you mean 'lib'" in ended.error
        assert "lip" not in (await here.command("libraries")).output


@pytest.mark.exhaustive
async def test_a_run_can_start_after_its_tools_file_was_fixed(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        file = tmp_path / "mcp.json"
        file.write_text("{")
        await here.do("practice", "--tools", str(file), code=1)
        await here.do("practice")
        assert here.report()["settings"]["tools"] is None


async def test_options_may_come_from_the_environment(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        ended = await here.invoke(
            ["practice", "--json"],
            EXPERIENCE_MCP_BASE_URL=here.endpoint.base_url,
            EXPERIENCE_MCP_MODEL="fake",
            EXPERIENCE_MCP_DATABASE=str(here.database),
            EXPERIENCE_MCP_LIBRARY="lib",
            EXPERIENCE_MCP_PRACTICE_RUN=str(here.run),
            EXPERIENCE_MCP_PRACTICE_DATA=str(tmp_path / "practice.jsonl"),
            EXPERIENCE_MCP_PRACTICE_VERIFIER="match",
            EXPERIENCE_MCP_PRACTICE_EPOCHS="1",
            EXPERIENCE_MCP_PRACTICE_GROUP_SIZE="2",
            EXPERIENCE_MCP_PRACTICE_SEND_SEED="1",
        )
        assert ended.code == 0, ended
        assert len(here.attempts) == 12
        assert all(asked.seed is not None for asked in here.attempts)
    assert json.loads(ended.output)["settings"]["group_size"] == 2


async def test_instructions_and_bounds_reach_the_model(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        (tmp_path / "say.txt").write_text("Answer in one line.")
        await here.do("practice", "--instructions", f"@{tmp_path / 'say.txt'}", "--limit", "2")
        assert len(here.attempts) == 6
        for asked in here.attempts:
            assert asked.conversation[0].role == "system"
            assert asked.conversation[0].text == "Answer in one line."


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (None, None),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("https://me:sk-secret@[::1]:8080/v1?key=sk-secret#sk-secret", "https://[::1]:8080/v1"),
    ],
)
def test_only_the_address_of_an_endpoint_is_recorded(url: str | None, address: str | None) -> None:
    assert address_of(url) == address


@pytest.mark.exhaustive
async def test_held_out_tasks_can_use_other_fields(tmp_path: Path) -> None:
    def renamed(first: int, task: str, truth: str) -> list[dict[str, str]]:
        return [
            {"id": t["id"], task: t["task"], truth: t["ground_truth"]}
            for t in tasks(3, first=first)
        ]

    async with ground(tmp_path) as here:
        here.data("practice.jsonl", renamed(0, "ask", "right"))
        here.data("held-out.jsonl", renamed(100, "text", "key"))
        fields = ("--task-field", "ask", "--truth-field", "right")
        ended = await here.do("practice", *here.evaluated, *fields, code=1)
        assert "held-out.jsonl: no row has the field 'right'" in ended.error
        own = ("--eval-task-field", "text", "--eval-truth-field", "key")
        await here.do("practice", *here.evaluated, *fields, *own)
        assert here.report()["settings"]["held_out_tasks"].startswith("3 ")


async def test_held_out_tasks_use_the_same_fields_by_default(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as here:
        for name, first in (("practice.jsonl", 0), ("held-out.jsonl", 100)):
            lines = [{"ask": t["task"], "task": "-", "key": t["id"]} for t in tasks(2, first=first)]
            here.data(name, lines)
        await here.do(
            "practice", *here.evaluated, "--task-field", "ask", "--truth-field", "key", code=4
        )
        assert all("What is number" in asked.prompt for asked in here.attempts)


@pytest.mark.parametrize(
    ("data", "held_out"),
    [("reasoning-gym:chain_sum?size=2", None), (None, "reasoning-gym:chain_sum?size=2")],
)
async def test_a_verifier_that_fits_only_some_tasks_is_not_a_default(
    tmp_path: Path, data: str | None, held_out: str | None
) -> None:
    async with ground(tmp_path) as here:
        arguments = here.arguments("practice")
        place = arguments.index("--verifier")
        del arguments[place : place + 2]
        arguments += ["--data", data or str(tmp_path / "practice.jsonl")]
        arguments += ["--eval-data", held_out or str(tmp_path / "held-out.jsonl")]
        ended = await here.invoke(arguments)
    assert ended.code == 2
    assert "one for the tasks of both --data and --eval-data" in ended.error
    assert here.endpoint.calls == []


@needs_gym
@pytest.mark.usefixtures("packages_imported_once")
@pytest.mark.exhaustive
async def test_field_options_are_ignored_for_generated_held_out_tasks(tmp_path: Path) -> None:
    async with ground(tmp_path, lambda _: Said("7")) as here:
        here.data("practice.jsonl", [{"ask": t["task"], "key": "7"} for t in tasks(2)])
        fields = ("--task-field", "ask", "--truth-field", "key")
        generated = ("--eval-data", "reasoning-gym:chain_sum?size=2&seed=7")
        await here.do("practice", *fields, *generated, code=4)
        assert here.report()["settings"]["held_out_tasks"].startswith("2 ")


def test_contents_of_a_tools_file_are_not_recorded(tmp_path: Path) -> None:
    tools = tmp_path / "mcp.json"
    tools.write_text('{"mcpServers": {"a": {"command": "b", "env": {"KEY": "sk-secret"}}}}')
    before = mark_of(tools)
    assert before.startswith("mcp.json (")
    assert "secret" not in before
    tools.write_text("{}")
    assert mark_of(tools) != before


async def test_practice_and_evaluate_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with ground(tmp_path) as here:
        for command in ("practice", "evaluate"):
            arguments = here.arguments(command)
            place = arguments.index("--run")
            del arguments[place : place + 2]
            ended = await here.invoke(arguments)
            assert ended.code == 0, ended
        made = sorted(path.name for path in (tmp_path / "runs").iterdir())
        assert made == ["lib", "lib-evaluate-held-out"]
        calls = len(here.endpoint.calls)
        ended = await here.do("evaluate", "--run", str(tmp_path / "runs" / "lib"), code=1)
        assert "was started by `practice`, this is `evaluate`" in ended.error
        assert "--run OTHER" in ended.error
        assert len(here.endpoint.calls) == calls


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"instructions": None}, {"instructions": "Be brief."}, "was not given, now Be brief."),
        ({"tasks": "6 (0123456789ab)"}, {"tasks": "6 (0123456789ac)"}, "tasks of --data changed"),
        ({"tools": None}, {"tools": "m.json (0123456789ab)"}, "changed: not given, now m.json"),
        ({"eval_temperature": 0.3}, {"eval_temperature": 1.0}, "--temperature was 0.3, now 1.0"),
        ({"instructions": "x" * 99}, {"instructions": "x" * 98}, "--instructions changed"),
    ],
)
def test_settings_that_differ_are_named_in_words(
    before: dict[str, JsonValue], now: dict[str, JsonValue], said: str
) -> None:
    (found,) = differences(before, now)
    assert said in found
    assert "0123456789" not in found


@pytest.mark.exhaustive
async def test_prompts_of_the_teacher_can_be_bounded(tmp_path: Path) -> None:
    def long_winded(asked: Asked) -> Said:
        said = world(asked)
        return replace(said, text=f"{'so ' * 5_000}\n{said.text}") if is_attempt(asked) else said

    async with ground(tmp_path, long_winded) as here:
        await here.do("practice", "--teacher-prompt-tokens", "2500")
        sizes = [estimate_tokens(asked.prompt) for asked in here.questions]
        assert 2_000 < max(sizes) <= 1.03 * 2_500
        ended = await here.do("practice", "--teacher-prompt-tokens", "900", code=2)
        assert "2500" in ended.error
