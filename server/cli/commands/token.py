"""`token`: make, list and revoke the tokens that clients sign in with over HTTP."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from experience_store.errors import BadInputError
from experience_store.library import check_library_name
from experience_store.store import Token
from experience_store.store.tokens import digest_of, new_token
from server.access import DEFAULT_SCOPES, Scope
from server.cli.database import existing, opened
from server.cli.options import database_option, json_option, option
from server.cli.output import count, day, print_json, table, when, wrapped

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@click.group()
def token() -> None:
    """Make, list and revoke the tokens that clients sign in with over HTTP.

    `serve --http … --sign-in` asks for one. What is changed here holds at once in every server on
    the database.
    """


def _expiry(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None or value == "never":
        return None
    found = _SPAN.fullmatch(value)
    if found is None:
        raise click.BadParameter("give a number of hours, days or weeks: 12h, 90d, 4w; or never")
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
    help="What it may do. May be repeated.",
)
@option(
    "--library",
    "-l",
    "libraries",
    metavar="NAME",
    multiple=True,
    help="A library that it reaches, existing or not. May be repeated.  [default: all]",
)
@option(
    "--expires",
    metavar="SPAN",
    callback=_expiry,
    help="After hours, days or weeks: 12h, 90d, 4w.  [default: never]",
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
    """Make a token and print it, this once.

    It is stored as a hash only, so nobody can print it again.
    """
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name[:80]!r} is no name for a token: use 1 to 64 letters, digits, '.', '_', '@' or "
            "'-', with a letter or digit first"
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
    asyncio.run(_add(database, made, secret))
    if as_json:
        print_json({"token": secret, **_plain(made)})
        return
    click.echo(secret)
    click.echo(wrapped(_explained(made)), err=True)


@token.command("list")
@database_option
@json_option
def list_(*, database: Path, as_json: bool) -> None:
    """List the tokens: what each may do, never the tokens themselves."""
    found = asyncio.run(_all(database))
    if as_json:
        print_json({"tokens": [_plain(t) for t in found]})
        return
    if not found:
        click.echo("There are no tokens. `experience-mcp token create NAME` makes one.")
        return
    header = ("id", "name", "scopes", "created", "expires", "libraries")
    click.echo(table(header, [_row(t) for t in found]))


@token.command()
@click.argument("name", metavar="NAME|ID")
@database_option
def revoke(*, name: str, database: Path) -> None:
    """Make a token worthless, at once and for good."""
    gone = asyncio.run(_revoke(database, name))
    click.echo(f"Token {gone.name} ({gone.id}) is revoked.")


async def _add(database: Path, made: Token, secret: str) -> None:
    async with opened(database) as store:
        await store.tokens.add(made, digest_of(secret))


async def _all(database: Path) -> Sequence[Token]:
    async with existing(database) as store:
        return await store.tokens.all()


async def _revoke(database: Path, name: str) -> Token:
    async with existing(database) as store:
        return await store.tokens.revoke(name)


def _explained(made: Token) -> str:
    if made.libraries is None:
        reach = "It reaches EVERY library of the database (--library NAME would limit it)."
    else:
        names = ", ".join(sorted(made.libraries))
        reach = f"It reaches {count(len(made.libraries), 'library', 'libraries')}: {names}."
    until = f"until {when(made.expires_at)}" if made.expires_at else "until it is revoked"
    return (
        f"This is the token {made.name}, shown this once: keep it where secrets are kept. It may "
        f"{_scopes(made)}, {until}. {reach} Clients send it as `Authorization: Bearer TOKEN`."
    )


def _scopes(made: Token) -> str:
    return ", ".join(str(scope) for scope in Scope if scope in made.scopes)


def _row(made: Token) -> tuple[str, ...]:
    over = made.expires_at is not None and made.expires_at <= datetime.now(UTC)
    expires = day(made.expires_at) or "never"
    return (
        made.id,
        made.name,
        _scopes(made),
        day(made.created_at),
        f"{expires} (over)" if over else expires,
        "all" if made.libraries is None else ", ".join(sorted(made.libraries)),
    )


def _plain(made: Token) -> dict[str, object]:
    return {
        "id": made.id,
        "name": made.name,
        "scopes": [str(scope) for scope in Scope if scope in made.scopes],
        "libraries": None if made.libraries is None else sorted(made.libraries),
        "created_at": made.created_at,
        "expires_at": made.expires_at,
    }
