"""Options of `serve` alone: transport and logging."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps

import click

from experience_store.errors import BadInputError
from server.cli.access_options import HttpAccess, access_options
from server.cli.options import Command, shared
from server.settings import DEFAULT_MAX_BODY

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")


@dataclass(frozen=True, slots=True)
class Log:
    """Level and format of the log; None for the default of the transport."""

    level: str | None
    format: str | None


administration_option = shared(
    "--administration",
    is_flag=True,
    help="Also offer tools to describe, edit, roll back and delete libraries.",
)


def log_options(command: Command) -> Command:
    """Add the options for logging; the command gets them as `log`."""

    @wraps(command)
    def run(*, log_level: str | None, log_format: str | None, **given: object) -> None:
        command(log=Log(log_level, log_format), **given)

    complete = shared(
        "--log-format",
        type=click.Choice(FORMATS, case_sensitive=False),
        help="Log format.  [default: text, with --http json]",
    )(run)
    return shared(
        "--log-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        help="Minimum level to log, to stderr.  [default: warning, with --http info]",
    )(complete)


def http_options(command: Command) -> Command:
    """Add the options for HTTP; the command gets them as `http`, None for stdio."""

    @wraps(command)
    def run(
        *,
        http: tuple[str, int] | None,
        max_body: int,
        access: HttpAccess,
        **given: object,
    ) -> None:
        if http is not None:
            _check(http[0], access)
        command(http=access.settings(http, max_body) if http else None, **given)

    complete = shared(
        "--max-body",
        metavar="MB",
        type=click.IntRange(min=1),
        default=DEFAULT_MAX_BODY,
        show_default=True,
        help="With --http: maximum size of a request in megabytes.",
    )(access_options(run))
    return shared(
        "--http",
        metavar="[HOST:]PORT",
        callback=_address,
        help="Serve over HTTP at /mcp instead of stdin and stdout; port 0 takes a free one.",
    )(complete)


def _check(host: str, access: HttpAccess) -> None:
    from server.http.address import check_oauth, check_sign_in  # noqa: PLC0415  # start-up

    try:
        check_sign_in(host, sign_in=access.sign_in is not None)
    except BadInputError as error:
        raise click.BadParameter(str(error), param_hint="'--http'") from error
    if access.sign_in is not None and access.sign_in.oauth is not None:
        try:
            check_oauth(access.sign_in.oauth)
        except BadInputError as error:
            raise click.UsageError(str(error)) from error


def _address(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    if value is None:
        return None
    from server.http.address import read_address  # noqa: PLC0415  # only for HTTP: start-up

    try:
        return read_address(value)
    except BadInputError as error:
        raise click.BadParameter(str(error)) from error
