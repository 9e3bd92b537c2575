"""Settings from the command line and the environment, read once and passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from experience_store.errors import BadInputError
from experience_store.library import DEFAULT_LIBRARY
from server import APP

MILLION = 1_000_000
DEFAULT_MAX_BODY = 16
MAX_LINE = 64_000_000  # bytes of a message over stdio
DEFAULT_RATE_LIMIT = 600
DEFAULT_SCOPE_PREFIX = "experience:"
DEFAULT_LIBRARIES_CLAIM = "experience_libraries"


def default_database() -> Path:
    """The default database file, in the user's data directory."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "experience.db"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a model per million tokens, in any currency."""

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0


def cost_of(prices: Prices | None, prompt: int, cached: int, completion: int) -> float | None:
    """The cost of tokens; None without prices.

    Args:
        prices: Prices of the model.
        prompt: Number of prompt tokens, including cached ones.
        cached: Number of cached prompt tokens.
        completion: Number of completion tokens.
    """
    if prices is None:
        return None
    fresh = prompt - cached
    spent = fresh * prices.prompt + cached * prices.cached + completion * prices.completion
    return spent / MILLION


def address_of(url: str | None) -> str | None:
    """An endpoint's address without what may be secret: a name and password, a query."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl().rstrip("/")


def secret_in(variable: str) -> str | None:
    """The key or token in an environment variable; None if there is none.

    Raises:
        BadInputError: If it cannot be sent in an HTTP header.
    """
    secret = os.environ.get(variable, "").strip()
    if not is_header(secret):
        raise BadInputError(f"{variable} has characters that no key has: copy it again")
    return secret or None


def is_header(text: str) -> bool:
    """Whether a text can be the value of an HTTP header."""
    return text.isascii() and text.isprintable()


MIN_PROMPT_TOKENS = 2_500  # see `model_budget`


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """An OpenAI-compatible endpoint for background learning.

    Attributes:
        concurrency: Maximum concurrent calls.
        timeout: Timeout of a call, in seconds.
        retries: Retries on 429, 5xx and lost connections; a timeout is retried once.
        headers: Headers of every request, beside the client's own.
        extra_body: Fields of every request, beside its own; they take precedence.
        learn_groups: Number of waiting groups that starts learning.
        learn_after: Seconds of waiting that start learning with fewer groups.
        prompt_tokens: Maximum tokens of the learner's prompts; None for the usual limits.
    """

    name: str
    api_key: str
    base_url: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 5
    prices: Prices | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    extra_body: Mapping[str, object] = field(default_factory=dict[str, object])
    learn_groups: int = 4
    learn_after: float = 300.0
    prompt_tokens: int | None = None

    @property
    def public_url(self) -> str:
        """The endpoint's address without what may be secret; empty for OpenAI's own."""
        return address_of(self.base_url) or ""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """An OAuth authorization server whose access tokens are accepted over HTTP.

    Attributes:
        issuer: Its URL, exactly as in its tokens (`iss`).
        resource: URL by which clients reach this server, the audience of tokens (`aud`).
        jwks_url: URL of its public keys; None discovers it from its metadata.
        scope_prefix: Prefix of `read`, `submit`, `learn` and `administer` in a token's scopes.
        libraries_claim: Claim with the libraries that a token can access; `*` is all.
        all_libraries: Whether a token without that claim can access all libraries, not none.
    """

    issuer: str
    resource: str
    jwks_url: str | None = None
    scope_prefix: str = DEFAULT_SCOPE_PREFIX
    libraries_claim: str = DEFAULT_LIBRARIES_CLAIM
    all_libraries: bool = False


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """How clients sign in: with the server's own tokens, and with those of `oauth` if given.

    Attributes:
        rate_limit: Maximum requests per minute and caller; 0 for no limit.
    """

    oauth: OAuthSettings | None = None
    rate_limit: int = DEFAULT_RATE_LIMIT


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where an HTTP server listens, and what it accepts.

    Attributes:
        port: Port; 0 takes a free one.
        max_body: Maximum size of a request, in megabytes.
        sign_in: How clients sign in; None lets everyone who can connect do everything.
        allowed_hosts: Accepted `Host` headers besides the server's own addresses.
        allowed_origins: Accepted origins of web pages besides the server's own.
        tls: Files of the certificate chain and of the private key.
    """

    host: str
    port: int
    max_body: int = DEFAULT_MAX_BODY
    sign_in: SignInSettings | None = None
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    tls: tuple[Path, Path] | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a server.

    Attributes:
        library: Library for callers that name none.
        max_tokens: Token budget for experiences, unless the caller sets one.
        model: The model that learns in the background; None if the hosts' models learn.
        administration: Whether to offer the administration tools.
    """

    database: Path
    library: str = DEFAULT_LIBRARY
    max_tokens: int = 1_000
    model: ModelSettings | None = None
    administration: bool = False
