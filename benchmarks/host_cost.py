"""What a host's model reads to learn from a group, through the MCP server itself.

    python benchmarks/host_cost.py [--data ../shared/data]

Each recorded group with signal is submitted to a library of its own and learned from, with answers
that are right in form. Counted is everything that `update_experiences` and `submit_answers`
return until the version is published: of each result the larger of its text and its structured
content, because a host shows its model one of them. Then six groups at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from mcp import Client
from mcp_types import CallToolResult, TextContent
from recorded import Recorded, arguments_or_exit, recorded, right_answer, verdict

from experience_store.token_estimate import estimate_tokens
from server.mcp.build import build_server
from server.settings import Settings

MAX_READ = 7_000
MAX_PROMPT = 6_000
MAX_RESULT = 25_000
AT_ONCE = 6


@dataclass
class Reading:
    """What the host's model was given, in tokens."""

    results: list[int] = field(default_factory=list[int])
    prompts: list[int] = field(default_factory=list[int])
    status: str = ""

    def take(self, result: CallToolResult) -> dict[str, Any]:
        """Count a result; its structured content."""
        content = result.structured_content
        if result.is_error or content is None:
            raise SystemExit(f"the server refused: {_text(result)[:500]}")
        structured = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        self.results.append(max(estimate_tokens(_text(result)), estimate_tokens(structured)))
        self.prompts += [estimate_tokens(r["prompt"]) for r in content.get("requests", ())]
        self.status = content["status"]
        return content


def main() -> int:
    """Print the tables."""
    arguments = arguments_or_exit(__doc__)
    asyncio.run(_measure(recorded(arguments.data)))
    return 0


async def _measure(groups: dict[str, list[Recorded]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Client(build_server(Settings(Path(folder) / "host.db"))) as client:
            _report("data set", None)
            everything: list[Reading] = []
            for name, members in groups.items():
                alone = [
                    await _learn(client, f"{name}-{number}", [group])
                    for number, group in enumerate(members)
                ]
                _report(name, alone)
                everything += alone
            _report("all", everything)
            _verdicts(everything)
            six = groups["tau-bench"][:AT_ONCE]
            _report_six(await _learn(client, "six", six))


async def _learn(client: Client, library: str, groups: Sequence[Recorded]) -> Reading:
    """Submit groups and answer until the update is closed."""
    for group in groups:
        receipt = await client.call_tool("submit_group", group.arguments(library))
        if receipt.is_error:
            raise SystemExit(f"the group was refused: {_text(receipt)[:500]}")
    reading = Reading()
    state = reading.take(await client.call_tool("update_experiences", {"library": library}))
    while state["status"] == "awaiting_answers":
        answers = [
            {
                "request_id": r["request_id"],
                "answer": right_answer(r["request_id"], r["prompt"]),
            }
            for r in state["requests"]
        ]
        sent = {"update_id": state["update_id"], "answers": answers}
        state = reading.take(await client.call_tool("submit_answers", sent))
    return reading


def _text(result: CallToolResult) -> str:
    return "\n".join(c.text for c in result.content if isinstance(c, TextContent))


def _report(name: str, readings: Sequence[Reading] | None) -> None:
    if readings is None:
        print(f"{name:12}{'groups':>7}{'published':>11}{'median':>8}{'max':>8}{'prompt max':>12}")
        return
    totals = [sum(r.results) for r in readings]
    published = sum(r.status == "published" for r in readings)
    prompt = max(p for r in readings for p in r.prompts)
    print(
        f"{name:12}{len(readings):7}{published:11}{median(totals):8.0f}{max(totals):8}{prompt:12}"
    )


def _verdicts(readings: Sequence[Reading]) -> None:
    most = max(sum(r.results) for r in readings)
    prompt = max(p for r in readings for p in r.prompts)
    print(f"\ntokens read for one group: at most {most}, budget {MAX_READ}: ", end="")
    print(verdict(most, MAX_READ))
    print(f"largest prompt: {prompt}, budget {MAX_PROMPT}: {verdict(prompt, MAX_PROMPT)}")


def _report_six(six: Reading) -> None:
    print(
        f"{AT_ONCE} tau-bench groups at once: {six.status} after {len(six.results)} calls, "
        f"{len(six.prompts)} requests, {sum(six.results)} tokens; largest result "
        f"{max(six.results)}, budget {MAX_RESULT}: {verdict(max(six.results), MAX_RESULT)}"
    )


if __name__ == "__main__":
    sys.exit(main())
