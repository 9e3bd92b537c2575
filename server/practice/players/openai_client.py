"""The player's endpoint: a client of the `openai` package, and its errors in our words."""

from __future__ import annotations

import openai

from server.learning.models.completions import is_quota_spent
from server.learning.models.endpoint import FORBIDDEN, REFUSED
from server.practice.errors import EndpointRefusedError, QuotaSpentError
from server.practice.players import BrokenOffError
from server.settings import ModelSettings


def client_of(model: ModelSettings) -> openai.AsyncOpenAI:
    """A client that retries on 429, 5xx and connection errors."""
    return openai.AsyncOpenAI(
        api_key=model.api_key,
        base_url=model.base_url,
        timeout=model.timeout,
        max_retries=model.retries,
    )


def broken_off(status: int | None, name: str, error: Exception, body: object = None) -> Exception:
    """What an error of the endpoint means for a try.

    Args:
        status: Its HTTP status; None if there was no answer.
        name: The model's name.
        error: As the client raised it.
        body: The error's body, decoded.
    """
    if is_quota_spent(status, body):
        return QuotaSpentError(f"the model {name!r}", error)
    if status in FORBIDDEN:
        return EndpointRefusedError(f"the endpoint refuses the model {name!r}: {_short(error)}")
    return BrokenOffError(f"{name}: {_short(error)}", refused=status in REFUSED)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
