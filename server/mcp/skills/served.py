"""The skills that a caller is served: one for each library it sees that holds an experience."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

from experience_store.errors import NotFoundError
from experience_store.library import Library
from server.access import Scope, current_access
from server.app import App
from server.mcp.skills.folder import MAIN, REFERENCES, File, Skill, skill_of
from server.mcp.skills.naming import is_derived, skill_name

SCHEME = "skill://"
MARKDOWN = "text/markdown"
_KEPT = 8  # of a megabyte each where libraries are large


def uri_of(skill: str, path: str = MAIN) -> str:
    """The address of a file of a skill."""
    return f"{SCHEME}{skill}/{path}"


class ServedSkills:
    """Skills as they are now. What was made last is kept, by the very state it was made from."""

    def __init__(self, app: Callable[[], App]) -> None:
        """With a way to the app as the caller sees it, which is asked anew for every call."""
        self._app = app
        self._made: OrderedDict[Library, Skill] = OrderedDict()

    async def libraries(self) -> Sequence[Library]:
        """Those that are skills, by name; none for callers who may not read."""
        if Scope.READ not in current_access.get().scopes:
            return []
        return [lib for lib in await self._app().store.libraries.all() if lib.size]

    async def find(self, name: str) -> Skill | None:
        """The skill of this name, if there is one for the caller."""
        library = await self._library(name)
        return await self.of(library) if library else None

    async def of(self, library: Library) -> Skill | None:
        """A library as a skill; None if it has gone meanwhile."""
        if library not in self._made:
            try:
                state = await self._app().store.libraries.state(library.name, library.head)
            except NotFoundError:
                return None
            # in a thread: a library of 10,000 takes a quarter of a second
            self._made[library] = await asyncio.to_thread(skill_of, library, state)
        self._made.move_to_end(library)
        skill = self._made[library]
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return skill

    async def file(self, name: str, path: str) -> File | None:
        """A file of a skill, if there is one for the caller."""
        skill = await self.find(name)
        return skill.file(path) if skill else None

    async def _library(self, name: str) -> Library | None:
        if Scope.READ not in current_access.get().scopes:
            return None
        if is_derived(name):
            found = [lib for lib in await self.libraries() if skill_name(lib.name) == name]
            return found[0] if found else None
        try:
            library = await self._app().store.libraries.get(name)
        except NotFoundError:
            return None
        return library if library.size and skill_name(library.name) == name else None


def split_uri(uri: str) -> tuple[str, str] | None:
    """Name and path that an address of a skill's file or directory means; "" is the root."""
    if not uri.startswith(SCHEME):
        return None
    name, _, path = uri.removeprefix(SCHEME).partition("/")
    return name, path


def children(skill: Skill, directory: str) -> Sequence[File | str] | None:
    """What lies in a directory of a skill: files, and names of directories. None if it is none."""
    references = [f for f in skill.files if f.path.startswith(f"{REFERENCES}/")]
    if directory == "":
        return [
            *(f for f in skill.files if f not in references),
            *([REFERENCES] * bool(references)),
        ]
    return references if directory == REFERENCES and references else None
