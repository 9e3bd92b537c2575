"""LLM calls and prompt tokens to learn from recorded groups: ours beside the reference's.

    python benchmarks/learning_cost.py [--data ../shared/data]

Ours is run: a real store, the profile for models, batches of 8 groups, answers that are right in
form; every request that is put counts, with `token_estimate.estimate_tokens` of its prompt. (The
JSON schema that goes along as `response_format` is not counted: 150 tokens or so.)

The reference's is computed, from what its source says: TencentCloudADP/youtu-agent,
`utu/practice/experience_updater.py` and `utu/prompts/practice/experience.yaml`. For the same batch
of groups whose rewards differ it makes

- a summary call for each rollout: templates of 4,472 characters, the question, the ground truth
  and the whole trajectory, the `repr` of its messages without the system prompt
- an advantage call for each group: 3,281 characters, question, truth and all summaries
- an update call for each group: 4,131 characters, all existing experiences and the new ones
- one call for the batch: 4,513 characters, every experience with its operations

Assumed, each time in the reference's favour: 5 characters of a template make a token (its prose
has fewer); a summary has 400 tokens (it is asked for step by step); the lessons of one group, and
then the operations they become, have 120; its library is as large as ours at each moment; no call
fails or is repeated; an attempt that was recorded as plain output is one message.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recorded import Recorded, arguments_or_exit, lessons, recorded, right_answer, verdict

from experience_store import open_store
from experience_store.index_cache import IndexCache
from experience_store.library import Policy
from experience_store.operations import Add
from experience_store.store import GivenAnswer, Store
from experience_store.token_estimate import estimate_tokens
from experience_store.update_runner import UpdateRunner

BATCH = 8
BUDGET = 0.5
SIZES = (10, 1_000, 10_000)
FLAT = 1.1  # what 10,000 experiences may cost of what 10 cost

CHARACTERS_PER_TOKEN = 5
SUMMARISE, ADVANTAGE, GROUP_UPDATE, BATCH_UPDATE = (
    characters // CHARACTERS_PER_TOKEN for characters in (4_472, 3_281, 4_131, 4_513)
)
SUMMARY_TOKENS = 400
NEW_TOKENS = 120


@dataclass(frozen=True)
class Cost:
    """Calls and prompt tokens."""

    calls: int = 0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.calls + other.calls, self.tokens + other.tokens)


def main() -> int:
    """Print the tables."""
    data: Path = arguments_or_exit(__doc__).data
    groups = recorded(data)
    asyncio.run(_compare(groups))
    asyncio.run(_grow(groups, lessons(data, max(SIZES))))
    return 0


async def _compare(groups: dict[str, list[Recorded]]) -> None:
    print(f"{'':12}{'':7}{'calls per group':^27}{'prompt tokens per group':^27}")
    columns = f"{'ours':>9}{'theirs':>9}{'ratio':>7}  "
    print(f"{'data set':12}{'groups':>7}{columns}{columns}budget {BUDGET}")
    ours, theirs = Cost(), Cost()
    for name, members in groups.items():
        one, other = await _both(members)
        _report(name, len(members), one, other)
        ours, theirs = ours + one, theirs + other
    _report("all", sum(map(len, groups.values())), ours, theirs)


def _report(name: str, count: int, ours: Cost, theirs: Cost) -> None:
    calls, tokens = ours.calls / theirs.calls, ours.tokens / theirs.tokens
    print(
        f"{name:12}{count:7}"
        f"{ours.calls / count:9.2f}{theirs.calls / count:9.2f}{calls:7.2f}  "
        f"{ours.tokens / count:9.0f}{theirs.tokens / count:9.0f}{tokens:7.2f}  "
        f"{verdict(calls, BUDGET)}, {verdict(tokens, BUDGET)}"
    )


async def _both(groups: Sequence[Recorded]) -> tuple[Cost, Cost]:
    """What learning a data set costs in batches, ours and the reference's."""
    ours, theirs = Cost(), Cost()
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "cost.db")
        try:
            await store.libraries.ensure("cost")
            for start in range(0, len(groups), BATCH):
                batch = groups[start : start + BATCH]
                theirs += reference(batch, await _library_tokens(store))
                ours += await _learn(store, batch)
        finally:
            await store.close()
    return ours, theirs


async def _learn(store: Store, batch: Sequence[Recorded]) -> Cost:
    """Our procedure on one batch, as a worker drives it."""
    for group in batch:
        await store.groups.submit("cost", group.submission())
    runner = UpdateRunner(store, IndexCache(store))
    update_id = await runner.begin("cost", "model", BATCH)
    assert update_id, "the groups have signal"
    work = await runner.resume(update_id)
    cost = Cost()
    while work.is_open:
        while requests := await runner.ask(work):
            for request in requests:
                cost += Cost(1, estimate_tokens(request.prompt))
                answer = GivenAnswer(request.id, right_answer(request.id, request.prompt))
                work = await runner.keep(work, answer)
        work = await runner.finish(work, author="benchmark")
    assert work.record.status != "failed", work.record.reason
    return cost


def reference(batch: Sequence[Recorded], library: int) -> Cost:
    """The reference procedure on one batch, with a library of so many tokens."""
    tokens = calls = 0
    for group in batch:
        given = estimate_tokens(group.task) + estimate_tokens(group.ground_truth)
        for attempt in group.trajectories:
            tokens += SUMMARISE + given + estimate_tokens(_as_told(attempt))
        tokens += ADVANTAGE + given + SUMMARY_TOKENS * len(group.trajectories)
        tokens += GROUP_UPDATE + library + NEW_TOKENS
        calls += len(group.trajectories) + 2
    return Cost(calls + 1, tokens + BATCH_UPDATE + library + NEW_TOKENS * len(batch))


def _as_told(attempt: dict[str, Any]) -> str:
    """A trajectory as the reference puts it into a prompt."""
    messages: list[dict[str, Any]] = attempt.get("messages") or [
        {"role": "assistant", "content": attempt["output"]}
    ]
    return repr([m for m in messages if m["role"] != "system"])


async def _library_tokens(store: Store) -> int:
    state = await store.libraries.state("cost")
    return estimate_tokens("\n".join(f"[{e.id}]. {e.line()}" for e in state.experiences))


async def _grow(groups: dict[str, list[Recorded]], adds: Sequence[Add]) -> None:
    """Print what a group costs with libraries of growing size."""
    sizes = "".join(f"{size:>9,}" for size in SIZES)
    print(f"\nprompt tokens per group with so many experiences (a batch of {BATCH}):")
    print(f"{'data set':12}{'':7}{sizes}  last/first, at most {FLAT}; theirs at the last")
    for name, members in groups.items():
        batch = members[:BATCH]
        costs = [await _with_library(batch, adds[:size]) for size in SIZES]
        ours = [cost.tokens / BATCH for cost, _ in costs]
        grown = ours[-1] / ours[0]
        print(
            f"{name:12}{'ours':7}{''.join(f'{tokens:9.0f}' for tokens in ours)}"
            f"  {grown:.2f} {verdict(grown, FLAT)}; {costs[-1][1].tokens / BATCH:,.0f}",
            flush=True,
        )


async def _with_library(batch: Sequence[Recorded], adds: Sequence[Add]) -> tuple[Cost, Cost]:
    """Ours and theirs for one batch on a library that holds something already."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "cost.db")
        try:
            await store.libraries.describe(
                "cost",
                agent_objective=None,
                learning_objective=None,
                policy=Policy(max_experiences=2 * max(SIZES)),
            )
            await store.libraries.edit("cost", adds, author="benchmark", note="filled")
            theirs = reference(batch, await _library_tokens(store))
            return await _learn(store, batch), theirs
        finally:
            await store.close()


if __name__ == "__main__":
    sys.exit(main())
