"""Authenticates requests: only those with a valid token pass, and health checks.

The token is checked before the body is read. Unknown and revoked tokens get the same response;
whoever has an expired one is told that it has expired.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import access
from server.http.auth.callers import (
    CALLER,
    AuthenticationUnavailableError,
    Authenticator,
    Caller,
    TokenRefusedError,
)
from server.http.auth.challenge import UNKNOWN_TOKEN, Challenge
from server.http.error_response import ErrorResponse
from server.http.request_limits import RateLimiter
from server.http.request_log import info_of

logger = logging.getLogger(__name__)

FAILURES_PER_MINUTE = 100  # per address, which many clients may share
MAX_TOKEN = 16_384  # characters
RETRY_SECONDS = 5.0  # while authentication is unavailable
_PUBLIC = frozenset({"/health", "/ready"})
_UNEXPANDED = "the name of a variable, for which the host has not put in its value"
_HOW = (
    "send the header 'Authorization: Bearer TOKEN' with a valid token. The operator of this server "
    "makes one with `experience-mcp token create NAME`"
)
_UNAVAILABLE = "tokens cannot be verified at the moment (the server's log says why); try again"
_METRICS = "metrics need a token with the scope administer for all libraries"


class SignIn:
    """Passes on requests with a valid token, with their caller in the scope."""

    def __init__(
        self,
        app: ASGIApp,
        authenticators: Sequence[Authenticator],
        per_minute: int,
        challenge: Challenge,
    ) -> None:
        """Wrap an app.

        Args:
            app: Gets authenticated requests only.
            authenticators: One for each kind of token.
            per_minute: Maximum requests per caller and minute; 0 disables the limit.
            challenge: Tells refused clients how to sign in.
        """
        self._app = app
        self._authenticators = authenticators
        self._requests = RateLimiter(per_minute)
        self._failures = RateLimiter(FAILURES_PER_MINUTE)
        self._challenge = challenge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _PUBLIC:
            await self._app(scope, receive, send)
            return
        token = _bearer_token(scope)
        admitted = await self._admit(scope, token)
        if isinstance(admitted, ErrorResponse):
            await admitted(scope, receive, send)
            return
        scope[CALLER] = admitted
        await self._app(scope, receive, _AuthorizedSend(self, scope, token, send))

    async def is_valid(self, token: str) -> bool:
        """Whether a token is still valid; False if that cannot be decided."""
        try:
            return await self._authenticate(token) is not None
        except (TokenRefusedError, AuthenticationUnavailableError):
            return False
        except Exception:
            logger.exception("cannot verify a token")
            return False

    def insufficient_scope(self, needed: access.Scope) -> dict[str, str]:
        """The header beside 403 for a caller whose token lacks a scope."""
        return {"www-authenticate": self._challenge.forbidden([needed])}

    async def _admit(self, scope: Scope, token: str) -> Caller | ErrorResponse:
        """The caller, or why the request is refused."""
        try:
            caller = await self._authenticate(token)
        except TokenRefusedError as error:
            return self._unauthorized(scope, token, str(error))
        except AuthenticationUnavailableError:
            return ErrorResponse(503, _UNAVAILABLE, retry_after=RETRY_SECONDS)
        except Exception:  # fail closed
            logger.exception("cannot verify a token")
            return ErrorResponse(503, _UNAVAILABLE, retry_after=1)
        if caller is None:
            why = _UNEXPANDED if token.startswith("$") else UNKNOWN_TOKEN
            return self._unauthorized(scope, token, why)
        info = info_of(scope)
        if info is not None:
            info.who = caller.access.who
        return self._refusal(scope, caller) or caller

    async def _authenticate(self, token: str) -> Caller | None:
        if 0 < len(token) <= MAX_TOKEN:
            for authenticator in self._authenticators:
                if caller := await authenticator.authenticate(token):
                    return caller
        return None

    def _unauthorized(self, scope: Scope, token: str, why: str) -> ErrorResponse:
        address = (scope.get("client") or ("",))[0]
        # a client without a token asks how to sign in, and must always be told
        if token and (wait := self._failures.wait(address)):
            return ErrorResponse(
                429, f"too many failed sign-ins from this address: {_HOW}", retry_after=wait
            )
        challenge = self._challenge.unauthorized(token_sent=bool(token), why=why)
        text = f"the token is {why}" if token else "authentication required"
        return ErrorResponse(401, f"{text}: {_HOW}", headers={"www-authenticate": challenge})

    def _refusal(self, scope: Scope, caller: Caller) -> ErrorResponse | None:
        """Why a known caller's request is refused, if it is."""
        if wait := self._requests.wait(caller.key):
            text = (
                "too many requests with this token: wait as long as Retry-After says, or ask the "
                "operator of this server for a higher --rate-limit"
            )
            return ErrorResponse(429, text, retry_after=wait)
        if scope["path"] == "/metrics":
            if access.Scope.ADMINISTER not in caller.access.scopes:
                headers = self.insufficient_scope(access.Scope.ADMINISTER)
                return ErrorResponse(403, _METRICS, headers=headers)
            if caller.access.libraries is not None:
                return ErrorResponse(403, _METRICS)
        return None


class _AuthorizedSend:
    """Sends the response to an authenticated caller."""

    def __init__(self, sign_in: SignIn, scope: Scope, token: str, send: Send) -> None:
        self._sign_in = sign_in
        self._scope = scope
        self._token = token
        self._send = send
        self._streaming = False
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            message = self._start(message)
        elif self._streaming and not await self._sign_in.is_valid(self._token):
            # a stream may outlive its token; it ends with the next message
            self._ended = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _start(self, message: Message) -> Message:
        headers = MutableHeaders(scope=message)
        self._streaming = headers.get("content-type", "").startswith("text/event-stream")
        info = info_of(self._scope)
        if info is None or info.missing_scope is None:
            return message
        headers.update(self._sign_in.insufficient_scope(info.missing_scope))
        return {**message, "status": 403}


def _bearer_token(scope: Scope) -> str:
    """The token; empty if there is none, or more than one."""
    values = Headers(scope=scope).getlist("authorization")
    kind, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() if kind.lower() == "bearer" else ""
