"""Options of `serve` alone: logging, HTTP, and who may call over HTTP."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click
from click.core import ParameterSource

from experience_store.errors import BadInputError
from server.cli.option_sections import section, section_of
from server.cli.options import Command, shared
from server.settings import (
    DEFAULT_LIBRARIES_CLAIM,
    DEFAULT_MAX_BODY,
    DEFAULT_RATE_LIMIT,
    DEFAULT_SCOPE_PREFIX,
    HttpSettings,
    OAuthSettings,
    SignInSettings,
)

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
HTTP_SECTIONS = _HTTP, _HTTP_ACCESS, _TLS, _OAUTH = ("HTTP", "HTTP access", "TLS", "OAuth")
_HOST = re.compile(r"[^\s/*]+")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/*]+|null")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Log:
    """Level and format of the log; None for the default of the transport."""

    level: str | None
    format: str | None


administration_option = shared(
    "--administration",
    is_flag=True,
    help="Also offer tools to describe, edit, review, roll back and delete libraries.",
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
        help="Minimum log level; logs go to stderr.  [default: warning, with --http info]",
    )(complete)


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


def _hosts(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if not _HOST.fullmatch(value):
            raise click.BadParameter(
                f"{value!r} is not a host: give a name without scheme and path, such as "
                "lessons.example or lessons.example:8443"
            )
    return values


def _origins(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if not _ORIGIN.fullmatch(value):
            raise click.BadParameter(
                f"{value!r} is not an origin: give scheme and host, without a path, such as "
                "https://app.example"
            )
    return values


_add_listening = section(
    _HTTP,
    shared(
        "--http",
        metavar="[HOST:]PORT",
        callback=_address,
        help="Serve over HTTP at /mcp instead of stdin and stdout; port 0 picks a free one.",
    ),
    shared(
        "--max-body",
        metavar="MB",
        type=click.IntRange(min=1),
        default=DEFAULT_MAX_BODY,
        show_default=True,
        help="With --http: maximum request size in megabytes.",
    ),
)
_add_access = section(
    _HTTP_ACCESS,
    shared(
        "--sign-in",
        is_flag=True,
        help="With --http: require an access token; `experience-mcp token create` makes one.",
    ),
    shared(
        "--rate-limit",
        metavar="N",
        type=click.IntRange(min=0),
        default=DEFAULT_RATE_LIMIT,
        show_default=True,
        help="With sign-in: maximum requests per caller and minute; 0 disables the limit.",
    ),
    shared(
        "--allowed-host",
        metavar="NAME",
        multiple=True,
        callback=_hosts,
        help="With --http: also accept this Host header, NAME or NAME:PORT. May be repeated.",
    ),
    shared(
        "--allowed-origin",
        metavar="URL",
        multiple=True,
        callback=_origins,
        help="With --http: allow web pages of this origin to call (CORS). May be repeated.",
    ),
)
_add_tls = section(
    _TLS,
    shared(
        "--tls-cert", metavar="FILE", type=_FILE, help="With --http: TLS certificate chain (PEM)."
    ),
    shared("--tls-key", metavar="FILE", type=_FILE, help="With --tls-cert: its private key (PEM)."),
)
_add_oauth = section(
    _OAUTH,
    shared(
        "--oauth-issuer",
        metavar="URL",
        help="With --http: accept access tokens issued by this OAuth authorization server.",
    ),
    shared(
        "--resource-url",
        metavar="URL",
        help="With --oauth-issuer: public URL of this server, the audience of its tokens.",
    ),
    shared(
        "--oauth-jwks-url",
        metavar="URL",
        help="With --oauth-issuer: URL of its key set (JWKS).  [default: from its metadata]",
    ),
    shared(
        "--oauth-scope-prefix",
        metavar="TEXT",
        default=DEFAULT_SCOPE_PREFIX,
        show_default=True,
        help="With --oauth-issuer: prefix of the scopes read, submit, learn and administer.",
    ),
    shared(
        "--oauth-libraries-claim",
        metavar="NAME",
        default=DEFAULT_LIBRARIES_CLAIM,
        show_default=True,
        help="With --oauth-issuer: claim that lists the libraries a token may access; * for all.",
    ),
    shared(
        "--oauth-all-libraries",
        is_flag=True,
        help="With --oauth-issuer: tokens without that claim may access all libraries, not none.",
    ),
)


def http_options(command: Command) -> Command:
    """Add the options for HTTP; the command gets them as `http`, None for stdio."""

    @wraps(command)
    def run(  # noqa: PLR0913  # one for each option
        *,
        http: tuple[str, int] | None,
        max_body: int,
        sign_in: bool,
        rate_limit: int,
        allowed_host: tuple[str, ...],
        allowed_origin: tuple[str, ...],
        tls_cert: Path | None,
        tls_key: Path | None,
        oauth_issuer: str | None,
        resource_url: str | None,
        oauth_jwks_url: str | None,
        oauth_scope_prefix: str,
        oauth_libraries_claim: str,
        oauth_all_libraries: bool,
        **given: object,
    ) -> None:
        if http is None:
            _refuse_without_http()
        oauth = None
        if oauth_issuer is not None:
            oauth = OAuthSettings(
                oauth_issuer,
                _required(resource_url),
                oauth_jwks_url,
                oauth_scope_prefix,
                oauth_libraries_claim,
                oauth_all_libraries,
            )
        access = SignInSettings(oauth, rate_limit) if sign_in or oauth else None
        tls = _certificate(tls_cert, tls_key)
        settings = None
        if http is not None:
            _check(http[0], access)
            settings = HttpSettings(*http, max_body, access, allowed_host, allowed_origin, tls)
        command(http=settings, **given)

    return _add_listening(_add_access(_add_tls(_add_oauth(run))))


def _refuse_without_http() -> None:
    """Refuse options of a server over HTTP if there is none: they would do nothing.

    Variables of the environment are for all servers of a machine, so they are no error.
    """
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if section_of(option) in HTTP_SECTIONS and source is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[0]} has no effect without --http: add --http PORT"
            )


def _required(resource_url: str | None) -> str:
    if resource_url is None:
        raise click.UsageError(
            "--oauth-issuer needs --resource-url: the URL by which clients reach this server, "
            "such as https://experience.example.com/mcp"
        )
    return resource_url


def _certificate(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if (cert is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together: give both")
    return (cert, key) if cert and key else None


def _check(host: str, access: SignInSettings | None) -> None:
    from server.http.address import check_oauth, check_sign_in  # noqa: PLC0415  # start-up

    try:
        check_sign_in(host, sign_in=access is not None)
    except BadInputError as error:
        raise click.BadParameter(str(error), param_hint="'--http'") from error
    if access is not None and access.oauth is not None:
        try:
            check_oauth(access.oauth)
        except BadInputError as error:
            raise click.UsageError(str(error)) from error
