"""A run resumes with the library that it began with, and with one that it can learn from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from experience_store.testing import Asked, Said
from tests.server.practice.client.test_server_elsewhere import serving
from tests.server.practice.scripted_world import (
    HELP,
    Ground,
    but,
    copy_of,
    ground,
    is_attempt,
    world,
)

pytestmark = pytest.mark.usefixtures("no_pages")


class Unpaid:
    """A script that refuses some calls until they are paid for."""

    def __init__(self) -> None:
        self.practising = self.learning = self.trying = False

    def __call__(self, asked: Asked) -> Said:
        return but(world, self._refused)(asked)

    def _refused(self, asked: Asked) -> Said | None:
        attempt = is_attempt(asked)
        trying = attempt and HELP in asked.prompt and "number 10" in asked.prompt
        practising = attempt and "number 5 " in asked.prompt
        unpaid = (self.practising and practising) or (self.learning and not attempt)
        return Said(status=402) if unpaid or (self.trying and trying) else None


@pytest.mark.exhaustive
async def test_groups_submitted_to_one_database_are_not_learned_in_another(tmp_path: Path) -> None:
    unpaid = Unpaid()
    async with ground(tmp_path, unpaid) as here:
        unpaid.learning = True
        await here.do("practice", *here.evaluated, code=3)
        unpaid.learning, calls = False, len(here.endpoint.calls)
        other = ("--database", str(here.folder / "other.db"))
        ended = await here.do("practice", *here.evaluated, *other, code=1)
        assert f"'lib' in {here.folder / 'other.db'} is not there" in ended.error
        assert f"The run's was in {here.database}" in ended.error
        assert (await here.invoke(["libraries", *other, "--json"])).output.count('"lib"') == 0
        await here.invoke(["describe", "lib", *other, "--max-words", "30"])
        ended = await here.do("practice", *here.evaluated, *other, code=1)
        assert "is not the one that this run works with" in ended.error
        assert len(here.endpoint.calls) == calls
        await here.do("practice", *here.evaluated)
        assert here.report()["steps"][0]["size"] > 0


async def test_an_older_copy_or_a_deleted_library_is_not_evaluated(tmp_path: Path) -> None:
    unpaid = Unpaid()
    copy = tmp_path / "older.db"
    async with ground(tmp_path, unpaid) as here:
        await here.command("describe", "lib", "--max-words", "32")
        unpaid.practising = True
        await here.do("practice", *here.evaluated, code=3)
        shutil.copy(here.database, copy)
        unpaid.practising, unpaid.trying = False, True
        await here.do("practice", *here.evaluated, code=3)
        unpaid.trying = False
        older = await here.do("practice", *here.evaluated, "--database", str(copy), code=1)
        assert "is at version 0, and this run has seen version 1 of it" in older.error
        whole = tmp_path / "whole.db"
        shutil.copy(here.database, whole)
        await here.command("delete", "lib", "--yes")
        gone = await here.do("practice", *here.evaluated, code=1)
        assert "is not there" in gone.error
        await here.do("practice", *here.evaluated, "--database", str(whole))
        await here.do("practice", *here.evaluated)
        assert here.report()["stopped"] is None, "a run that is done needs its library no more"


@pytest.mark.exhaustive
async def test_a_run_that_has_done_nothing_yet_can_start_in_another_database(
    tmp_path: Path,
) -> None:
    refuses = True

    def script(asked: Asked) -> Said:
        return Said(status=404) if refuses else world(asked)

    async with ground(tmp_path, script) as here:
        await here.do("practice", code=1)
        refuses = False
        await here.do("practice", "--database", str(here.folder / "other.db"))
        assert here.report()["steps"][0]["size"] > 0


@pytest.mark.exhaustive
async def test_over_http_another_library_is_detected_and_steps_are_redone_after_a_rollback(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path / "1") as here, ground(tmp_path / "2") as other:
        async with serving(here) as (url, _):
            options = ("--server", url, "--batch-size", "3")
            await here.do("practice", *options)
            refused = await here.do("practice", *options, "--from-step", "1", code=1)
            assert "`experience-mcp rollback 0 --library lib`" in refused.error
            back = await here.command("rollback", "0", "--library", "lib", "--json")
            await here.do("practice", *options, "--from-step", "1")
            version = json.loads(back.output)["version"]
            assert here.report()["steps"][0]["version_before"] == version
        async with serving(other) as (url, _):
            options = ("--server", url, "--batch-size", "3", "--from-step", "2")
            refused = await here.do("practice", *options, code=1)
            assert f"library 'lib' in {url} is not there" in refused.error


async def test_a_library_that_needs_review_is_refused_before_anything_is_spent(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as here:
        await here.command("describe", "lib", "--review")
        refused = await here.do("practice", code=1)
        assert "`experience-mcp describe lib --no-review`" in refused.error
        assert here.endpoint.calls == []
        await here.command("describe", "lib", "--no-review")
        await here.do("practice", "--limit", "1")


@pytest.mark.exhaustive
async def test_over_http_a_run_waits_for_the_review_and_resumes_after_it(tmp_path: Path) -> None:
    async with ground(tmp_path) as here:
        await here.command("describe", "lib", "--review")
        async with serving(here) as (url, _):
            ended = await here.do("practice", "--server", url, code=3)
            assert "`experience-mcp review lib`" in ended.errors
            calls = len(here.endpoint.calls)
            await here.do("practice", "--server", url, code=3)
            waiting = json.loads((await here.command("review", "lib", "--json")).output)
            await here.command("review", "lib", "--publish", waiting["waiting"][0]["update_id"])
            await here.do("practice", "--server", url)
        assert here.report()["steps"][0]["size"] > 0
        assert len(here.endpoint.calls) == calls


@pytest.mark.exhaustive
async def test_arms_evaluated_one_after_the_other_are_compared(
    tmp_path: Path, practised: Ground
) -> None:
    async with copy_of(practised, tmp_path) as here:
        wanted = await here.do("evaluate", "--run", str(tmp_path / "at once"), "--json")
        for first, second in (("without", "with"), ("with", "without")):
            attempts = len(here.attempts)
            shutil.rmtree(here.run)
            await here.do("evaluate", "--arm", first)
            assert here.report()["comparison"] is None
            await here.do("evaluate", "--arm", second)
            found = here.report()
            assert len(here.attempts) == attempts + 7 * 2 * 2
            assert found["comparison"] == json.loads(wanted.output)["comparison"]
            assert found["totals"]["lost"]["calls"] == 0
