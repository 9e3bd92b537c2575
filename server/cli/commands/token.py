"""`token`: create, list and revoke access tokens for HTTP clients."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import click

from experience_store.errors import BadInputError, NotFoundError
from experience_store.library import check_library_name
from experience_store.store import Token, digest_of, new_token
from server import APP
from server.access import DEFAULT_SCOPES, Scope
from server.cli.open_database import existing, missing, opened
from server.cli.options import database_option, json_option, option
from server.cli.output import local_date, local_time, print_json, table, wrapped

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@click.group()
def token() -> None:
    """Create, list and revoke access tokens for HTTP clients.

    `serve --http … --sign-in` requires one. Changes apply at once to all servers on the database.
    """


def _expiry(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None or value == "never":
        return None
    found = _SPAN.fullmatch(value)
    if found is None:
        raise click.BadParameter("give hours, days or weeks, such as 12h, 90d or 4w, or never")
    return datetime.now(UTC) + int(found[1]) * _UNITS[found[2]]


@token.command()
@click.argument("name")
@option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([str(scope) for scope in Scope]),
    default=[str(scope) for scope in DEFAULT_SCOPES],
    show_default=True,
    help="Permission of the token. May be repeated.",
)
@option(
    "--library",
    "-l",
    "libraries",
    metavar="NAME",
    multiple=True,
    help="Library that the token gives access to, existing or not. May be repeated.  "
    "[default: all]",
)
@option(
    "--expires",
    metavar="SPAN",
    callback=_expiry,
    help="Lifetime in hours, days or weeks: 12h, 90d, 4w.  [default: never]",
)
@database_option
@json_option
def create(
    *,
    name: str,
    scopes: tuple[str, ...],
    libraries: tuple[str, ...],
    expires: datetime | None,
    database: Path,
    as_json: bool,
) -> None:
    """Create a token and print it.

    Only its hash is stored, so it cannot be shown again.
    """
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:80]!r} is not a valid token name: use 1 to 64 letters, digits, '.', '_', '@' "
            "or '-', with a letter or digit first"
        )
    made = Token(
        id=f"t-{secrets.token_hex(4)}",
        name=name,
        scopes=frozenset(scopes),
        libraries=frozenset(map(check_library_name, libraries)) if libraries else None,
        created_at=datetime.now(UTC),
        expires_at=expires,
    )
    secret = new_token()
    warnings = asyncio.run(_add(database, made, secret))
    if as_json:
        print_json({"token": secret, **_as_json(made)})
    else:
        click.echo(secret)
        click.echo(wrapped(_explanation(made)), err=True)
    for warning in warnings:
        click.echo(wrapped(warning), err=True)


@token.command("list")
@database_option
@json_option
def list_(*, database: Path, as_json: bool) -> None:
    """List the tokens and their permissions, not the secrets."""
    found = asyncio.run(_all(database))
    if as_json:
        print_json({"tokens": [_as_json(t) for t in found]})
        return
    if not found:
        click.echo("There are no tokens. `experience-mcp token create NAME` creates one.")
        return
    header = ("id", "name", "scopes", "created", "expires", "libraries")
    click.echo(table(header, [_row(t) for t in found]))


@token.command()
@click.argument("name", metavar="NAME|ID")
@database_option
def revoke(*, name: str, database: Path) -> None:
    """Revoke a token, at once and for good."""
    revoked = asyncio.run(_revoke(database, name))
    click.echo(f"Token {revoked.name} ({revoked.id}) is revoked.")


async def _add(database: Path, made: Token, secret: str) -> list[str]:
    """Store a token; return a warning for each of its libraries that does not exist."""
    async with opened(database) as store:
        await store.tokens.add(made, digest_of(secret))
        return [
            f"Warning: {error}"
            for library in sorted(made.libraries or ())
            if (error := await missing(store, library))
        ]


async def _all(database: Path) -> Sequence[Token]:
    async with existing(database) as store:
        return await store.tokens.all()


async def _revoke(database: Path, name: str) -> Token:
    async with existing(database) as store:
        try:
            return await store.tokens.revoke(name)
        except NotFoundError as error:
            names = [t.name for t in await store.tokens.all()]
            close = get_close_matches(name, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"`{APP} token list` lists them"
            raise NotFoundError(f"{error}; {hint}") from error


def _explanation(made: Token) -> str:
    if made.libraries is None:
        access = "Libraries: ALL (--library NAME limits them)."
    else:
        names = ", ".join(sorted(made.libraries))
        access = f"Libraries: {names}."
    expires = local_time(made.expires_at) if made.expires_at else "never"
    return (
        f"Created token {made.name}. Copy it now: it is not shown again. Scopes: {_scopes(made)}. "
        f"Expires: {expires}. {access} Clients send it as `Authorization: Bearer TOKEN`."
    )


def _scopes(made: Token) -> str:
    return ", ".join(str(scope) for scope in Scope if scope in made.scopes)


def _row(made: Token) -> tuple[str, ...]:
    expired = made.expires_at is not None and made.expires_at <= datetime.now(UTC)
    expires = local_date(made.expires_at) or "never"
    return (
        made.id,
        made.name,
        _scopes(made),
        local_date(made.created_at),
        f"{expires} (expired)" if expired else expires,
        "all" if made.libraries is None else ", ".join(sorted(made.libraries)),
    )


def _as_json(made: Token) -> dict[str, object]:
    return {
        "id": made.id,
        "name": made.name,
        "scopes": [str(scope) for scope in Scope if scope in made.scopes],
        "libraries": None if made.libraries is None else sorted(made.libraries),
        "created_at": made.created_at,
        "expires_at": made.expires_at,
    }
