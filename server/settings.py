"""Settings: what the command line and the environment say, read once and passed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from experience_store.library import DEFAULT_LIBRARY
from server import APP

MILLION = 1_000_000
DEFAULT_MAX_BODY = 16
DEFAULT_RATE_LIMIT = 600
DEFAULT_SCOPE_PREFIX = "experience:"
DEFAULT_LIBRARIES_CLAIM = "experience_libraries"


def default_database() -> Path:
    """The database file in the user's data directory."""
    return Path(platformdirs.user_data_dir(APP, appauthor=False)) / "experience.db"


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model costs, in any currency per million tokens."""

    prompt: float = 0.0
    cached: float = 0.0
    completion: float = 0.0


def cost_of(prices: Prices | None, prompt: int, cached: int, completion: int) -> float | None:
    """What tokens cost; None without prices.

    Args:
        prices: Of the model.
        prompt: Prompt tokens, of which `cached` were cached.
        cached: See above.
        completion: Completion tokens.
    """
    if prices is None:
        return None
    fresh = prompt - cached
    spent = fresh * prices.prompt + cached * prices.cached + completion * prices.completion
    return spent / MILLION


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """An OpenAI-compatible endpoint for background learning.

    Attributes:
        concurrency: Calls in flight at once.
        timeout: Seconds for one call.
        retries: Repetitions of a call that met 429, 5xx, a time-out or a lost connection.
        learn_groups: Learning starts when so many groups wait ...
        learn_after: ... or one has waited so many seconds.
    """

    name: str
    api_key: str
    base_url: str | None = None
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 5
    prices: Prices | None = None
    learn_groups: int = 4
    learn_after: float = 300.0


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """An authorization server whose tokens are accepted over HTTP, and what they say.

    Attributes:
        issuer: Its URL, exactly as its tokens name it (`iss`).
        resource: This server's own URL as clients know it, for which tokens must be meant (`aud`).
        jwks_url: Of its public keys; None finds them by its metadata.
        scope_prefix: Before `read`, `submit`, `learn` and `administer` in a token's scopes.
        libraries_claim: The claim that lists the libraries a token reaches; `*` is all.
        all_libraries: Whether a token without that claim reaches all, instead of none.
    """

    issuer: str
    resource: str
    jwks_url: str | None = None
    scope_prefix: str = DEFAULT_SCOPE_PREFIX
    libraries_claim: str = DEFAULT_LIBRARIES_CLAIM
    all_libraries: bool = False


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """How clients sign in: with tokens of the server's own, and with those of `oauth`.

    Attributes:
        rate_limit: Requests of one caller a minute; 0 for any number.
    """

    oauth: OAuthSettings | None = None
    rate_limit: int = DEFAULT_RATE_LIMIT


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where a server over HTTP listens.

    Attributes:
        port: 0 takes a free one.
        max_body: Megabytes of one request.
        sign_in: None where everybody who can connect may do everything.
        allowed_hosts: Names in `Host` headers besides the server's own addresses.
        allowed_origins: Of pages, besides the server's own.
        tls: Files of the certificate chain and its key.
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
    """Everything a server needs to know.

    Attributes:
        administration: Whether there are tools to look after libraries.
    """

    database: Path
    library: str = DEFAULT_LIBRARY
    max_tokens: int = 1_000
    model: ModelSettings | None = None
    administration: bool = False
