"""All updates of a library, of which its server shows a page at a time.

What was shown once is kept, so that a look goes no further back than to what may have changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from server.practice.shown import UpdateShown, UpdatesShown


class UpdatesSeen:
    """The updates that were shown so far, each as it was shown last."""

    def __init__(self) -> None:
        self._seen: dict[str, UpdateShown] = {}

    async def look(self, page_of: Callable[[str], Awaitable[UpdatesShown]]) -> list[UpdateShown]:
        """All updates as they are now.

        Args:
            page_of: Reads a page; its argument is what stands behind the library in the URI.
        """
        where = "updates"
        under_way = {id_ for id_, update in self._seen.items() if update.status == "open"}
        while True:
            page = await page_of(where)
            new = {u.id: u for u in page.updates if u.id not in self._seen}
            self._seen |= {u.id: u for u in page.updates}
            under_way -= {u.id for u in page.updates}
            if page.next is None or not (new or under_way):
                return list(self._seen.values())
            where = f"updates?before={page.updates[-1].id}"
