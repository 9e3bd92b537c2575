"""Skills over MCP (SEP-2640): which skills exist, and the digests of their files.

The files themselves are resources. An entry has the digests of one version; a file is read at the
current version. If one was published in between, the digest does not match and the host fetches the
entry again, as the specification requires. Entries are private to the caller, since not every
caller sees every library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, PaginatedRequestParams, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from server.app import App
from server.mcp.skills.folder import MAIN, File, Skill
from server.mcp.skills.served import (
    MARKDOWN,
    SCHEME,
    ServedSkills,
    children,
    split_uri,
    uri_of,
)

EXTENSION = "io.modelcontextprotocol/skills"
SETTINGS = {"directoryRead": True}
PAGE = 50
DIRECTORY = "inode/directory"
_ENVELOPE = {
    "resultType": "complete",
    "ttlMs": 0,  # a version may be published at any time
    "cacheScope": "private",
}

_FORM = f"the URI of a skill is {uri_of('NAME')}"

_Context: TypeAlias = ServerRequestContext[Any, Any]


class SkillParams(RequestParams):
    """Parameters of `skills/get`."""

    uri: str


class DirectoryParams(PaginatedRequestParams):
    """Parameters of `resources/directory/read`."""

    uri: str


class SkillsExtension(Extension):
    """The methods of the extension, for both protocol eras."""

    identifier = EXTENSION

    def __init__(self, app: Callable[[], App]) -> None:
        """`app` returns the app as the current caller sees it."""
        self.skills = ServedSkills(app)

    def settings(self) -> dict[str, Any]:
        """The extension's settings, for the server's capabilities."""
        return SETTINGS

    def methods(self) -> Sequence[MethodBinding]:
        """The required methods, and the optional one."""
        return (
            MethodBinding("skills/list", PaginatedRequestParams, self._list),
            MethodBinding("skills/get", SkillParams, self._get),
            MethodBinding("resources/directory/read", DirectoryParams, self._read_directory),
        )

    async def _list(self, ctx: _Context, params: PaginatedRequestParams) -> dict[str, Any]:
        after = _library_after(params.cursor)
        rest = [lib for lib in await self.skills.libraries() if lib.name > after]
        made = [await self.skills.of(library) for library in rest[:PAGE]]
        more = {"nextCursor": rest[PAGE - 1].name} if len(rest) > PAGE else {}
        entries = [_entry(skill) for skill in made if skill]
        return {"skills": entries, **more, **_envelope(ctx)}

    async def _get(self, ctx: _Context, params: SkillParams) -> dict[str, Any]:
        name, path = split_uri(params.uri) or ("", "")
        skill = await self.skills.find(name) if path == MAIN else None
        if skill is None:
            why = await self.skills.why_missing(name) if path == MAIN else _FORM
            raise MCPError(INVALID_PARAMS, f"{params.uri[:200]} is not a skill: {why}")
        return {"skill": _entry(skill), **_envelope(ctx)}

    async def _read_directory(self, ctx: _Context, params: DirectoryParams) -> dict[str, Any]:
        name, path = split_uri(params.uri) or ("", "")
        skill = await self.skills.find(name)
        found = children(skill, path) if skill else None
        if skill is None or found is None or params.uri.endswith("/"):
            why = "" if skill else f": {await self.skills.why_missing(name)}"
            raise MCPError(INVALID_PARAMS, f"{params.uri[:200]} is not a directory resource{why}")
        if params.cursor is not None:
            raise MCPError(INVALID_PARAMS, "invalid cursor: directories are listed on one page")
        return {"resources": [_resource(skill, c) for c in found], **_envelope(ctx)}


async def declare_in_handshake(ctx: _Context, call_next: CallNext) -> HandlerResult:
    """Middleware: declare the extension in a handshake too.

    The SDK declares extensions only in revisions that define them, but hosts of the handshake
    revisions look for this one all the same.
    """
    result = await call_next(ctx)
    if ctx.method == "initialize" and isinstance(result, dict):
        capabilities = result.setdefault("capabilities", {})
        capabilities.setdefault("extensions", {}).setdefault(EXTENSION, SETTINGS)
    return result


def _envelope(ctx: _Context) -> dict[str, Any]:
    """The fields that results carry in revisions that have them."""
    return _ENVELOPE if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS else {}


def _library_after(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        return check_library_name(cursor)
    except BadInputError as error:
        raise MCPError(INVALID_PARAMS, "invalid cursor: list again without a cursor") from error


def _entry(skill: Skill) -> dict[str, Any]:
    return {
        "uri": uri_of(skill.name),
        "frontmatter": skill.frontmatter,
        "resources": [
            {"uri": uri_of(skill.name, f.path), "digest": f.digest, "size": len(f.data)}
            for f in skill.files
        ],
    }


def _resource(skill: Skill, child: File | str) -> dict[str, Any]:
    if isinstance(child, str):
        return {"uri": f"{SCHEME}{skill.name}/{child}", "name": child, "mimeType": DIRECTORY}
    about: dict[str, str] = {"name": child.path.rpartition("/")[2]}
    if child.path == MAIN:
        about = {"name": skill.name, "description": skill.description}
    return {
        "uri": uri_of(skill.name, child.path),
        **about,
        "mimeType": MARKDOWN,
        "size": len(child.data),
    }
