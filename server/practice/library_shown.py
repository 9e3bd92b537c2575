"""A library as its server shows it to a client: what it holds, when it was made, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from mcp import Client
from pydantic import BaseModel

from server.mcp.results import LibrariesOut, LibraryOut
from server.practice.calls import call as tool_call
from server.practice.calls import read as look
from server.practice.calls import read_text
from server.practice.errors import RunStoppedError
from server.practice.shown import GroupsShown, HistoryShown, VersionShown

T = TypeVar("T", bound=BaseModel)


class LibraryShown:
    """What can be seen of a library."""

    def __init__(self, client: Client, library: str) -> None:
        """Look by an open client; `library` is its name."""
        self.client = client
        self.library = library

    async def standing(self) -> LibraryOut:
        """The library's version, size and what waits in it.

        Raises:
            RunStoppedError: If there is no such library.
        """
        found = await self.found()
        if found is None:
            raise RunStoppedError(f"the server has no library {self.library!r}")
        return found

    async def found(self) -> LibraryOut | None:
        """Likewise; None if there is no such library yet."""
        listed, after = LibrariesOut(libraries=[], next_step="", omitted=1), ""
        while listed.omitted and after < self.library:
            listed = await self.call("list_libraries", {"after": after}, LibrariesOut)
            after = listed.libraries[-1].name if listed.libraries else self.library
            for one in listed.libraries:
                if one.name == self.library:
                    return one
        return None

    async def made(self) -> str | None:
        """When it was made; None if there is no such library yet."""
        if await self.found() is None:
            return None
        (first,) = (await self.read("history?before=1", HistoryShown)).versions
        return first.created_at

    async def holds_what_it_held(self, version: int) -> bool:
        """Whether the current version is an older one, or equal to it."""
        current = (await self.standing()).version
        return current == version or await self._content(current) == await self._content(version)

    async def _content(self, version: int) -> str:
        """The experiences of a version, without its number."""
        text = await read_text(self.client, self.library, f"versions/{version}")
        return text.partition("\n")[2]

    async def tasks(self) -> list[str]:
        """The tasks that the library has groups of."""
        if not await self.found():
            return []
        tasks: list[str] = []
        while page := (await self.read(f"groups?after={len(tasks)}", GroupsShown)).listed:
            tasks += [group.task for group in page]
        return tasks

    async def versions_since(self, since: int) -> list[VersionShown]:
        """The versions after one, the latest first."""
        versions: list[VersionShown] = []
        page = (await self.read("history", HistoryShown)).versions
        while page:
            versions += [version for version in page if version.version > since]
            if (oldest := page[-1].version) <= since:
                break
            page = (await self.read(f"history?before={oldest}", HistoryShown)).versions
        return versions

    async def call(self, tool: str, arguments: Mapping[str, object], form: type[T]) -> T:
        """What a tool answers."""
        return await tool_call(self.client, tool, arguments, form)

    async def read(self, what: str, form: type[T]) -> T:
        """What a resource below it says."""
        return await look(self.client, self.library, what, form)
