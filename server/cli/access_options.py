"""Options of `serve --http` for sign-in, OAuth, allowed hosts and origins, and TLS."""

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
    """Who may call, and by which names."""

    sign_in: SignInSettings | None
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    tls: tuple[Path, Path] | None

    def settings(self, address: tuple[str, int], max_body: int) -> HttpSettings:
        """The settings for a server that listens at an address."""
        return HttpSettings(*address, max_body, self.sign_in, self.hosts, self.origins, self.tls)


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    shared(
        "--sign-in",
        is_flag=True,
        help="With --http: require a token, see `experience-mcp token create`.",
    ),
    shared(
        "--rate-limit",
        metavar="N",
        type=click.IntRange(min=0),
        default=DEFAULT_RATE_LIMIT,
        show_default=True,
        help="With sign-in: maximum requests per minute and caller; 0 for no limit.",
    ),
    shared(
        "--allowed-host",
        metavar="NAME",
        multiple=True,
        help="With --http: also accept this Host header, NAME or NAME:PORT. May be repeated.",
    ),
    shared(
        "--allowed-origin",
        metavar="URL",
        multiple=True,
        help="With --http: let pages of this origin call the server (CORS). May be repeated.",
    ),
    shared("--tls-cert", metavar="FILE", type=_FILE, help="With --http: TLS certificate chain."),
    shared("--tls-key", metavar="FILE", type=_FILE, help="With --tls-cert: its private key."),
    shared(
        "--oauth-issuer",
        metavar="URL",
        help="With --http: accept access tokens of this OAuth authorization server.",
    ),
    shared(
        "--resource-url",
        metavar="URL",
        help="With --oauth-issuer: URL by which clients reach this server; its tokens' audience.",
    ),
    shared(
        "--oauth-jwks-url",
        metavar="URL",
        help="With --oauth-issuer: URL of its public keys.  [default: from its metadata]",
    ),
    shared(
        "--oauth-scope-prefix",
        metavar="TEXT",
        default=DEFAULT_SCOPE_PREFIX,
        show_default=True,
        help="With --oauth-issuer: prefix of read, submit, learn and administer in its scopes.",
    ),
    shared(
        "--oauth-libraries-claim",
        metavar="NAME",
        default=DEFAULT_LIBRARIES_CLAIM,
        show_default=True,
        help="With --oauth-issuer: claim with the libraries that a token can access; * is all.",
    ),
    shared(
        "--oauth-all-libraries",
        is_flag=True,
        help="With --oauth-issuer: tokens without that claim can access all libraries, not none.",
    ),
)


def access_options(command: Command) -> Command:
    """Add the options; the command gets them as `access`."""

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
                    "--oauth-issuer needs --resource-url: the URL by which clients reach this "
                    "server, such as https://experience.example.com/mcp"
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
            raise click.UsageError("--tls-cert and --tls-key belong together: give both")
        tls = (tls_cert, tls_key) if tls_cert and tls_key else None
        signing_in = SignInSettings(oauth, rate_limit) if sign_in or oauth else None
        access = HttpAccess(signing_in, allowed_host, allowed_origin, tls)
        command(access=access, **given)

    complete: Command = run
    for add in reversed(_OPTIONS):
        complete = add(complete)
    return complete
