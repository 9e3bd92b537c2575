"""A new entry over an old one: what is not the way to the server stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from server.cli.hosts.catalogue import BRIDGE, BRIDGE_TOKEN
from server.cli.hosts.document import Document
from server.cli.hosts.plain import as_list, as_table

_OURS = ("type", "command", "args", "url", "headers", "bearer_token_env_var")
_OF_PROGRAMS = ("env", "env_vars", "cwd")
_OF_ONE_SERVER = ("bearer_token", "http_headers", "env_http_headers", "oauth", "oauth_resource")


def merge(
    document: Document,
    path: tuple[str, str],
    new: Mapping[str, object],
    given: Collection[str],
) -> None:
    """Put a new entry in place of the old one.

    Its environment, its limits, and what is switched off stay, but what lets one server in goes
    to no other one.

    Args:
        document: The host's file.
        path: Of the entry.
        new: The entry.
        given: The variables in the old one's `env` that were put there by us.
    """
    old = as_table(document.get(*path)) or {}
    elsewhere = old.get("url") != new.get("url")
    gone = [
        *_OURS,
        *(_OF_PROGRAMS if "url" in new else ()),
        *(_OF_ONE_SERVER if elsewhere else ()),
    ]
    for key in gone:
        if key in old and key not in new:
            document.remove(*path, key)
    if "url" not in new:
        _take_tokens(document, path, old, new, given)
    for key, value in new.items():
        variables = as_table(value)
        if variables is None or key != "env" or not as_table(document.get(*path, key)):
            _put(document, (*path, key), value)
            continue
        for variable, text in variables.items():
            _put(document, (*path, key, variable), text)


def _put(document: Document, path: tuple[str, ...], value: object) -> None:
    if document.get(*path) != value:
        document.set(*path, value=value)


def _take_tokens(
    document: Document,
    path: tuple[str, str],
    old: Mapping[str, object],
    new: Mapping[str, object],
    given: Collection[str],
) -> None:
    """Take out what is a token of the server before, also one put there by hand."""
    variables = as_table(old.get("env")) or {}
    stays = as_table(new.get("env")) or {}
    other = {BRIDGE_TOKEN} if _is_bridge(old) and old.get("args") != new.get("args") else set[str]()
    gone = [name for name in variables if name in {*given, *other} and name not in stays]
    for name in gone:
        document.remove(*path, "env", name)
    if gone and not document.get(*path, "env"):
        document.remove(*path, "env")


def _is_bridge(entry: Mapping[str, object]) -> bool:
    return BRIDGE[0] in (as_list(entry.get("args")) or [])
