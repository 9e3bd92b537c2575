"""The files of skills as resources, each under its address."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import Resource

from experience_store.library import Library
from server.mcp.skills.folder import MAIN, REFERENCES, description_of
from server.mcp.skills.naming import skill_name
from server.mcp.skills.served import MARKDOWN, SCHEME, ServedSkills, uri_of


def add_skill_resources(server: MCPServer[Any], skills: ServedSkills) -> None:
    """Register the templates."""

    @server.resource(
        f"{SCHEME}{{skill}}/{MAIN}",
        name="skill",
        title="A library as an Agent Skill",
        description="How to do a kind of work, from what was learned about it.",
        mime_type=MARKDOWN,
    )
    async def main(skill: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(skills, skill, MAIN)

    @server.resource(
        f"{SCHEME}{{skill}}/{REFERENCES}/{{file}}",
        name="skill-reference",
        title="A part of a skill",
        description="What a long library holds about one topic.",
        mime_type=MARKDOWN,
    )
    async def reference(skill: str, file: str) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
        return await _read(skills, skill, f"{REFERENCES}/{file}")


def skill_resource(library: Library) -> Resource:
    """A library as a skill, by the skill's main file."""
    return Resource(
        uri=uri_of(skill_name(library.name)),
        name=skill_name(library.name),
        description=description_of(library),
        mime_type=MARKDOWN,
    )


async def _read(skills: ServedSkills, name: str, path: str) -> str:
    file = await skills.file(name, path)
    if file is None:
        raise ResourceNotFoundError(f"no skill has a file at {uri_of(name, path)[:200]}")
    return file.data.decode()
