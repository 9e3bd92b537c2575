"""What an agent uses, metered while it works."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import copy

from pydantic import JsonValue
from pydantic_ai.usage import RunUsage

from server.learning.models import Reply
from server.learning.models.completions import estimated, plausible
from server.practice.records import Spent
from server.practice.spending import UsageMeter, priced, spent_of
from server.settings import Prices


class AgentUsage:
    """The usage of one try."""

    def __init__(self, meter: UsageMeter, prices: Prices | None, usage: RunUsage) -> None:
        """Begin with nothing.

        Args:
            meter: Counts what is used.
            prices: The model's prices.
            usage: Kept up to date by the agent.
        """
        self._meter = meter
        self._prices = prices
        self._usage = usage
        self._settled = copy(usage)

    def settle(self, conversation: Sequence[dict[str, JsonValue]]) -> None:
        """Meter what was used since the last call.

        Args:
            conversation: Until now, for an estimate where the endpoint reports no tokens.
        """
        usage, before = self._usage, self._settled
        self._settled = copy(usage)
        calls = usage.requests - before.requests
        since = priced(
            self._prices,
            calls=calls,
            prompt=usage.input_tokens - before.input_tokens,
            cached=usage.cache_read_tokens - before.cache_read_tokens,
            completion=usage.output_tokens - before.output_tokens,
        )
        if calls and not plausible(since.prompt_tokens, since.completion_tokens):
            since = self._estimated(conversation)
        if since != Spent(cost=since.cost):
            self._meter.pay(since)

    def _estimated(self, conversation: Sequence[dict[str, JsonValue]]) -> Spent:
        answered = bool(conversation) and conversation[-1]["role"] == "assistant"
        asked = conversation[:-1] if answered else conversation
        said = _text(conversation[-1:]) if answered else ""
        return spent_of(Reply(said, estimated(_text(asked), said, self._prices), estimated=True))


def _text(messages: Sequence[dict[str, JsonValue]]) -> str:
    """What of messages a model reads or writes."""
    return "\n".join(
        f"{message.get('content', '')}{json.dumps(message['tool_calls'])}"
        if "tool_calls" in message
        else str(message.get("content", ""))
        for message in messages
    )
