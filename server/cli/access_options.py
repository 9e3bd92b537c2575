"""The options of `serve --http` that say who may call, under which names, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from server.cli.options import Command, shared
from server.settings import (
    DEFAULT_LIBRARIES_CLAIM,
    DEFAULT_RATE_LIMIT,
    DEFAULT_SCOPE_PREFIX,
    HttpSettings,
    OAuthSettings,
    SignInSettings,
)


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """Who may call, under which names."""

    sign_in: SignInSettings | None
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    tls: tuple[Path, Path] | None

    def settings(self, address: tuple[str, int], max_body: int) -> HttpSettings:
        """Together with where to listen."""
        return HttpSettings(*address, max_body, self.sign_in, self.hosts, self.origins, self.tls)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    shared(
        "--sign-in",
        is_flag=True,
        help="With --http: callers need a token, see `experience-mcp token create`.",
    ),
    shared(
        "--rate-limit",
        metavar="N",
        type=click.IntRange(min=0),
        default=DEFAULT_RATE_LIMIT,
        show_default=True,
        help="With sign-in: requests of one token a minute; 0 for any number.",
    ),
    shared(
        "--allowed-host",
        metavar="NAME",
        multiple=True,
        help="With --http: a name (or NAME:PORT) under which clients reach it. May be repeated.",
    ),
    shared(
        "--allowed-origin",
        metavar="URL",
        multiple=True,
        help="With --http: an origin whose pages may call it. May be repeated.",
    ),
    shared("--tls-cert", metavar="FILE", type=_FILE, help="With --http: its certificate chain."),
    shared("--tls-key", metavar="FILE", type=_FILE, help="With --tls-cert: the key."),
    shared(
        "--oauth-issuer",
        metavar="URL",
        help="With --http: callers may sign in with tokens of this authorization server.",
    ),
    shared(
        "--resource-url",
        metavar="URL",
        help="With --oauth-issuer: this server's URL for clients, the audience of its tokens.",
    ),
    shared(
        "--oauth-jwks-url",
        metavar="URL",
        help="Keys of the authorization server.  [default: as its metadata say]",
    ),
    shared(
        "--oauth-scope-prefix",
        metavar="TEXT",
        default=DEFAULT_SCOPE_PREFIX,
        show_default=True,
        help="What stands before read, submit, learn and administer in its scopes.",
    ),
    shared(
        "--oauth-libraries-claim",
        metavar="NAME",
        default=DEFAULT_LIBRARIES_CLAIM,
        show_default=True,
        help="The claim of its tokens that lists the libraries they reach; * is all.",
    ),
    shared(
        "--oauth-all-libraries",
        is_flag=True,
        help="Its tokens without that claim reach all libraries; else none.",
    ),
)


def access_options(command: Command) -> Command:
    """Who may call; passed on as `access`."""

    @wraps(command)
    def run(  # noqa: PLR0913  # one for each option
        *,
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
        oauth = None
        if oauth_issuer is not None:
            if resource_url is None:
                raise click.UsageError(
                    "--oauth-issuer needs --resource-url: the URL of this server as clients know "
                    "it, such as https://experience.example.com/mcp"
                )
            oauth = OAuthSettings(
                oauth_issuer,
                resource_url,
                oauth_jwks_url,
                oauth_scope_prefix,
                oauth_libraries_claim,
                oauth_all_libraries,
            )
        if (tls_cert is None) != (tls_key is None):
            raise click.UsageError("--tls-cert and --tls-key belong together")
        tls = (tls_cert, tls_key) if tls_cert and tls_key else None
        signing_in = SignInSettings(oauth, rate_limit) if sign_in or oauth else None
        access = HttpAccess(signing_in, allowed_host, allowed_origin, tls)
        command(access=access, **given)

    complete: Command = run
    for add in reversed(_OPTIONS):
        complete = add(complete)
    return complete
