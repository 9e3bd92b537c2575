"""A step of more updates and versions than the server shows at once is counted as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import BaseModel
from typing_extensions import override

from server.practice.client.connection import ServerConnection
from server.practice.client.library_client import LibraryClient, UpdatesPage, UpdateView, UsageView
from tests.server.practice.client.test_server_elsewhere import serving
from tests.server.practice.scripted_world import counted, ground, tasks

T = TypeVar("T", bound=BaseModel)
pytestmark = pytest.mark.usefixtures("no_pages")


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update a group, of which two are shown."""
    monkeypatch.setattr("server.mcp.host_driver.GROUPS_PER_UPDATE", 1)
    monkeypatch.setattr("server.mcp.resources.PAGE", 2)
    monkeypatch.setattr("server.practice.run.learning.POLL_SECONDS", (0.01, 0.05))


@pytest.mark.usefixtures("one_at_a_time")
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.exhaustive
async def test_all_updates_and_versions_of_a_step_are_counted(
    tmp_path: Path, elsewhere: bool
) -> None:
    async with ground(tmp_path) as here:
        here.data("practice.jsonl", tasks(10 if elsewhere else 16))
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


def updates(*numbers: int) -> list[UpdateView]:
    usage = UsageView(calls=1, prompt_tokens=1, cached_tokens=0, completion_tokens=1, cost=None)
    return [
        UpdateView(id=f"u{n}", driver="model", status="published", reason=None, usage=usage)
        for n in numbers
    ]


class Pages(ServerConnection):
    """A server's updates, newest first, two at a time."""

    def __init__(self) -> None:
        self.updates: list[UpdateView] = []
        self.read_count = 0

    @override
    async def read(self, uri: str, form: type[T]) -> T:
        self.read_count += 1
        before = uri.partition("before=")[2]
        after = [u.id for u in self.updates].index(before) + 1 if before else 0
        rest = self.updates[after:]
        page = UpdatesPage(updates=rest[:2], next="more" if len(rest) > 2 else None)
        return form.model_validate(page.model_dump())


async def test_updates_are_read_back_to_the_last_known_one() -> None:
    pages = Pages()
    library = LibraryClient(pages, "lib")
    pages.updates = updates(5, 4, 3, 2, 1)
    first, read_first = await library.updates(), pages.read_count
    pages.updates = [*updates(7, 6), *pages.updates]
    second, read_then = await library.updates(), pages.read_count - read_first

    assert {u.id for u in first} == {"u1", "u2", "u3", "u4", "u5"}
    assert {u.id for u in second} == {u.id for u in first} | {"u6", "u7"}
    assert (read_first, read_then) == (3, 2)


async def test_updates_are_read_back_to_the_oldest_open_one() -> None:
    pages = Pages()
    library = LibraryClient(pages, "lib")
    pages.updates = updates(3, 2, 1)
    pages.updates[-1] = pages.updates[-1].model_copy(update={"status": "open"})
    await library.updates()
    pages.updates = updates(3, 2, 1)

    assert {u.status for u in await library.updates()} == {"published"}
