"""A step of more updates and versions than the server shows at once is counted as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.practice import updates_shown
from server.practice.shown import UpdateShown, UsageShown
from server.practice.updates_shown import UpdatesSeen
from tests.practice.practising import counted, ground, tasks
from tests.practice.test_elsewhere import serving

pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update a group, of which two are shown."""
    monkeypatch.setattr("server.updating.GROUPS_PER_UPDATE", 1)
    monkeypatch.setattr("server.resources.PAGE", 2)
    monkeypatch.setattr(updates_shown, "PAGE", 2)
    monkeypatch.setattr("server.practice.library_client.POLL_SECONDS", (0.01, 0.05))


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_all_updates_and_versions_of_a_step_count(tmp_path: Path, elsewhere: bool) -> None:
    async with ground(tmp_path) as here:
        here.data("practice.jsonl", tasks(14 if elsewhere else 24))
        if elsewhere:
            async with serving(here) as (url, _):
                await here.do("practice", "--server", url)
        else:
            await here.do("practice")
        found = here.report()
    (step,) = found["steps"]
    assert step["version"] > 2
    assert step["changed"] == step["size"]
    assert counted(found["totals"]["whole"]) == here.spent()
    assert not any("more updates than the server shows" in note for note in found["notes"])


def shown(*numbers: int) -> list[UpdateShown]:
    usage = UsageShown(calls=1, prompt_tokens=1, cached_tokens=0, completion_tokens=1, cost=None)
    return [
        UpdateShown(id=f"u{n}", driver="model", status="published", reason=None, usage=usage)
        for n in numbers
    ]


@pytest.mark.usefixtures("one_at_a_time")
def test_updates_that_were_never_shown_are_missed() -> None:
    seen = UpdatesSeen()
    seen.take(shown(1))
    assert len(seen.take(shown(2, 1))) == 2
    assert seen.all_since([])
    assert len(seen.take(shown(5, 4))) == 4
    assert not seen.all_since(["u1"])
    assert seen.all_since(["u4"])


@pytest.mark.usefixtures("one_at_a_time")
def test_what_was_there_before_the_run_is_not_missed() -> None:
    seen = UpdatesSeen()
    seen.take(shown(9, 8))
    assert seen.all_since(["u9", "u8"])
    assert not seen.all_since(["u3"])


@pytest.mark.usefixtures("one_at_a_time")
async def test_a_report_says_that_updates_were_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_seen: UpdatesSeen, _known: object) -> bool:
        return False

    monkeypatch.setattr(UpdatesSeen, "all_since", never)
    async with ground(tmp_path) as here:
        await here.do("practice")
        notes = here.report()["notes"]
    assert any("Learning in step 1 took more updates than the server shows" in n for n in notes)
