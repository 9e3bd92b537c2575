"""The skills served to a caller, as resources: one per accessible library that is not empty."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Resource

from experience_store.errors import NotFoundError
from experience_store.library import Library
from server.access import Scope, current_access
from server.app import App
from server.mcp.skills.folder import (
    MAIN,
    REFERENCES,
    File,
    Skill,
    description_of,
    is_derived,
    skill_name,
    skill_of,
)

SCHEME = "skill://"
MARKDOWN = "text/markdown"
_KEPT = 8  # up to a megabyte each


def uri_of(skill: str, path: str = MAIN) -> str:
    """The URI of a skill's file."""
    return f"{SCHEME}{skill}/{path}"


class ServedSkills:
    """The current skills; the most recent ones are cached by library state."""

    def __init__(self, app: Callable[[], App]) -> None:
        """`app` returns the app as the current caller sees it."""
        self._app = app
        self._made: OrderedDict[Library, Skill] = OrderedDict()

    async def libraries(self) -> Sequence[Library]:
        """The libraries that are served as skills, by name; none without the scope `read`."""
        if Scope.READ not in current_access.get().scopes:
            return []
        return [lib for lib in await self._app().store.libraries.all() if lib.size]

    async def find(self, name: str) -> Skill | None:
        """The skill with this name, if the caller is served one."""
        library = await self._library(name)
        return await self.of(library) if library else None

    async def of(self, library: Library) -> Skill | None:
        """A library as a skill; None if it was deleted meanwhile."""
        if library not in self._made:
            try:
                state = await self._app().store.libraries.state(library.name, library.head)
            except NotFoundError:
                return None
            # in a thread: 10,000 experiences take a quarter of a second
            self._made[library] = await asyncio.to_thread(skill_of, library, state)
        self._made.move_to_end(library)
        skill = self._made[library]
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return skill

    async def why_missing(self, name: str) -> str:
        """Why the caller is served no skill with this name, or not the file that it wants."""
        if await self.find(name):
            return f"skill {name[:80]!r} has no such file"
        try:
            await self._app().store.libraries.get(name)
        except NotFoundError as error:
            return str(error)
        return f"library {name[:80]!r} has no experiences yet, so it is not a skill"

    async def file(self, name: str, path: str) -> File | None:
        """A file of a skill, if the caller is served one."""
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
    """Skill name and path in the URI of a file or directory; the root's path is empty."""
    if not uri.startswith(SCHEME):
        return None
    name, _, path = uri.removeprefix(SCHEME).partition("/")
    return name, path


def children(skill: Skill, directory: str) -> Sequence[File | str] | None:
    """Files and directory names in a directory of a skill; None if it is not a directory."""
    references = [f for f in skill.files if f.path.startswith(f"{REFERENCES}/")]
    if directory == "":
        return [
            *(f for f in skill.files if f not in references),
            *([REFERENCES] * bool(references)),
        ]
    return references if directory == REFERENCES and references else None


def add_skill_resources(server: MCPServer[Any], skills: ServedSkills) -> None:
    """Register the resource templates of skills."""

    @server.resource(
        f"{SCHEME}{{skill}}/{MAIN}",
        name="skill",
        title="Agent Skill of a library",
        description="How to do a kind of work, from what was learned about it.",
        mime_type=MARKDOWN,
    )
    async def main(skill: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(skills, skill, MAIN)

    @server.resource(
        f"{SCHEME}{{skill}}/{REFERENCES}/{{file}}",
        name="skill-reference",
        title="Topic of a skill",
        description="The experiences of a long library on one topic.",
        mime_type=MARKDOWN,
    )
    async def reference(skill: str, file: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(skills, skill, f"{REFERENCES}/{file}")


def skill_resource(library: Library) -> Resource:
    """The resource of a library's skill: its main file."""
    return Resource(
        uri=uri_of(skill_name(library.name)),
        name=skill_name(library.name),
        description=description_of(library),
        mime_type=MARKDOWN,
    )


async def _read(skills: ServedSkills, name: str, path: str) -> str:
    file = await skills.file(name, path)
    if file is None:
        why = await skills.why_missing(name)
        raise ResourceNotFoundError(f"no skill has a file at {uri_of(name, path)[:200]}: {why}")
    return file.data.decode()
