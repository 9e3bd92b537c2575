"""Nobody unknown gets further than this.

A request's token is looked at before its body is read. One without, with an unknown, an expired or
a revoked token get the same answer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.access import Access
from server.access import Scope as Right
from server.http.caller import KEY, Caller, Verifier, VerifierUnavailableError
from server.http.challenge import Challenge
from server.http.exchange import exchange_of
from server.http.limits import linger
from server.http.rates import Rates
from server.http.refusal import refusal

logger = logging.getLogger(__name__)

FAILURES_PER_MINUTE = 100  # of an address, which many clients may share
MAX_TOKEN = 16_384  # characters
UNAVAILABLE_SECONDS = 5.0  # before it is worth trying again
_OPEN = frozenset({"/health", "/ready"})
_UNKNOWN = (
    "sign in: send the header 'Authorization: Bearer TOKEN' with a valid token. Whoever runs the "
    "server makes one with `experience-mcp token create NAME`"
)
_UNCHECKED = "tokens cannot be checked at the moment, the server's log says why; try again"


class SignIn:
    """Passes on what comes with a valid token."""

    def __init__(
        self,
        app: ASGIApp,
        verifiers: Sequence[Verifier],
        per_minute: int,
        challenge: Challenge,
    ) -> None:
        """Stand before an app.

        Args:
            app: Is reached by known callers only, who are in the request's scope.
            verifiers: One for each kind of token.
            per_minute: Requests of one caller; 0 for any number.
            challenge: What those are told whom it does not let in.
        """
        self._app = app
        self._verifiers = verifiers
        self._rates = Rates(per_minute)
        self._failures = Rates(FAILURES_PER_MINUTE)
        self._challenge = challenge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller in its scope, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        token = _bearer(scope)
        try:
            caller = await self._caller(token)
        except VerifierUnavailableError:
            await linger(_later(503, _UNCHECKED, UNAVAILABLE_SECONDS), scope, receive, send)
            return
        except Exception:  # whatever it is, nobody gets in by it
            logger.exception("a token cannot be checked")
            await linger(_later(503, _UNCHECKED, 1), scope, receive, send)
            return
        exchange = exchange_of(scope)
        if caller is not None and exchange is not None:
            exchange.who = caller.access.who
        wrong = self._unknown(scope, token) if caller is None else self._wrong(scope, caller)
        if caller is None or wrong is not None:
            assert wrong is not None, "there is an answer to those who are unknown"
            await linger(wrong, scope, receive, send)
            return
        scope[KEY] = caller
        await self._app(scope, receive, _Answering(self, scope, token, send))

    async def is_valid(self, token: str) -> bool:
        """Whether a token is still valid; not if that cannot be told."""
        try:
            return await self._caller(token) is not None
        except VerifierUnavailableError:
            return False
        except Exception:
            logger.exception("a token cannot be checked")
            return False

    def told(self, needed: Right) -> dict[str, str]:
        """The header beside 403 for a known caller whose token lacks a scope."""
        return {"www-authenticate": self._challenge.forbidden([needed])}

    async def _caller(self, token: str) -> Caller | None:
        if 0 < len(token) <= MAX_TOKEN:
            for verifier in self._verifiers:
                if caller := await verifier.caller(token):
                    return caller
        return None

    def _wrong(self, scope: Scope, caller: Caller) -> Response | None:
        """What is wrong with a known caller's request, if anything is."""
        if wait := self._rates.wait(caller.key):
            text = "too many requests with this token: wait as long as Retry-After says"
            return _later(429, text, wait)
        if scope["path"] == "/metrics" and not _runs_the_server(caller.access):
            text = "a token for all libraries with scope administer may read this"
            lacks = Right.ADMINISTER not in caller.access.scopes
            return refusal(403, text, headers=self.told(Right.ADMINISTER) if lacks else None)
        return None

    def _unknown(self, scope: Scope, token: str) -> Response:
        address = (scope.get("client") or ("",))[0]
        # whoever sends none yet asks how to sign in, and must always be told
        if token and (wait := self._failures.wait(address)):
            return _later(429, f"too many failed sign-ins; {_UNKNOWN}", wait)
        said = self._challenge.unauthorized(token_sent=bool(token))
        return refusal(401, _UNKNOWN, close=True, headers={"www-authenticate": said})


class _Answering:
    """How an answer goes out to a known caller."""

    def __init__(self, sign_in: SignIn, scope: Scope, token: str, send: Send) -> None:
        self._sign_in = sign_in
        self._scope = scope
        self._token = token
        self._send = send
        self._streams = False
        self._ended = False

    async def __call__(self, message: Message) -> None:
        if self._ended:
            return
        if message["type"] == "http.response.start":
            message = self._start(message)
        elif self._streams and not await self._sign_in.is_valid(self._token):
            # a stream may outlive its token; nothing is heard from then on
            self._ended = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _start(self, message: Message) -> Message:
        headers = MutableHeaders(scope=message)
        self._streams = headers.get("content-type", "").startswith("text/event-stream")
        exchange = exchange_of(self._scope)
        if exchange is None or exchange.lacking is None:
            return message
        headers.update(self._sign_in.told(exchange.lacking))
        return {**message, "status": 403}


def _bearer(scope: Scope) -> str:
    """The token; empty if there is none, or more than one."""
    given = Headers(scope=scope).getlist("authorization")
    kind, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if kind.lower() == "bearer" else ""


def _later(status: int, text: str, seconds: float) -> Response:
    wait = {"retry-after": str(max(1, math.ceil(seconds)))}
    return refusal(status, text, close=True, headers=wait)


def _runs_the_server(access: Access) -> bool:
    return access.libraries is None and Right.ADMINISTER in access.scopes
