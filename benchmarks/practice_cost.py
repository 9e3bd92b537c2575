"""What a run of practice spent on learning: ours beside the reference's, on the same rollouts.

    python benchmarks/practice_cost.py [RUN [--database FILE]] [--words 300]

RUN is the folder of a finished run of `experience-mcp practice`; the library that it learned into
is in FILE, the default one unless named. Without a run one is made: 12 tasks, 5 attempts of
`--words` words each, 3 epochs, against an endpoint in this process that is right three times in
five and answers the learner in the right form. What it shows then is the arithmetic of the two
procedures and not any model's.

Ours are the calls that were answered, answers that could not be used among them, each with
`token_estimate.estimate_tokens` of its prompt. Beside it stands what the endpoint counted.
The reference's are computed for the same groups, one batch a step, as `learning_cost.py` says: a
summary of every attempt, an advantage and an update for every group whose rewards differ, and an
update of the batch. Its failures and repetitions are not counted, ours are.

What the attempts themselves cost is the same in both and left out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path

from learning_cost import BUDGET, Cost, reference
from recorded import Recorded, verdict

from experience_store import open_store
from experience_store.errors import ExperienceError
from experience_store.store import Store, UpdateRecord
from experience_store.testing import Asked, Said, ScriptedEndpoint, sensible_answer
from experience_store.token_estimate import estimate_tokens
from experience_store.trajectory import Group, Message
from server.practice.records import StepLearning
from server.practice.run.journal import FILE, open_journal
from server.practice.run.run_start import RunStart
from server.settings import default_database

TASKS, GROUP_SIZE, EPOCHS = 12, 5, 3
LIBRARY = "practice-cost"
WORKING = "First count the coins of one bag, then the bags, and add them up bag by bag."


@dataclass
class Step:
    """What one step of practice took, in both procedures."""

    name: str
    groups: int = 0
    attempts: int = 0
    ours: Cost = field(default_factory=Cost)
    theirs: Cost = field(default_factory=Cost)
    counted: int = 0
    refused: int = 0


def main() -> int:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="folder of a finished run")
    parser.add_argument("--database", type=Path, default=default_database())
    parser.add_argument("--words", type=int, default=300, help="of an attempt that is made up")
    arguments = parser.parse_args()
    needed = [] if arguments.run is None else [arguments.run / FILE, arguments.database]
    if missing := [str(path) for path in needed if not path.is_file()]:
        parser.error(f"there is no {' and no '.join(missing)}")
    try:
        steps = asyncio.run(_measure(arguments))
    except ExperienceError as error:
        print(error, file=sys.stderr)
        return 2
    _print(steps)
    return 0


async def _measure(arguments: Namespace) -> list[Step]:
    if arguments.run is not None:
        return await _steps(arguments.run, arguments.database)
    with tempfile.TemporaryDirectory() as folder:
        run, database = Path(folder) / "run", Path(folder) / "cost.db"
        await _practise(run, database, arguments.words)
        return await _steps(run, database)


async def _steps(run: Path, database: Path) -> list[Step]:
    with open_journal(run) as journal:
        beginning = journal.get("run", RunStart)
        learned = list(journal.all("steps/*/learned", StepLearning))
    assert beginning is not None, "the first record of every run"
    library = str(beginning.settings["library"])
    store = await open_store(database)
    try:
        return [await _step(store, library, key.split("/")[1], done) for key, done in learned]
    finally:
        await store.close()


async def _step(store: Store, library: str, name: str, done: StepLearning) -> Step:
    updates = [await store.updates.get(id_) for id_ in done.updates]
    state = await store.libraries.state(library, done.before)
    known = estimate_tokens("\n".join(f"[{e.id}]. {e.line()}" for e in state.experiences))
    groups = {g.group.id: g.group for update in updates for g in update.groups}
    batch = [_recorded(group) for group in groups.values()]
    step = Step(name.lstrip("0"), len(batch), sum(len(g.trajectories) for g in batch))
    if batch:
        step.theirs = reference(batch, known)
    for update in updates:
        step.ours += _ours(update)
        step.counted += update.usage.prompt_tokens
        step.refused += sum(answer.refused is not None for answer in update.answers)
    return step


def _ours(update: UpdateRecord) -> Cost:
    prompts = {request.id: estimate_tokens(request.prompt) for request in update.requests}
    tokens = sum(prompts[answer.request] for answer in update.answers)
    return Cost(len(update.answers), tokens)


def _recorded(group: Group) -> Recorded:
    """A group as the reference's cost is computed from it."""
    trajectories = [
        {"reward": t.reward, "messages": [_message(m) for m in t.messages]}
        for t in group.trajectories
    ]
    return Recorded("practice", group.task, group.ground_truth or "", trajectories)


def _message(message: Message) -> dict[str, object]:
    plain: dict[str, object] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        plain["tool_calls"] = [asdict(call) for call in message.tool_calls]
    return plain


def _print(steps: Sequence[Step]) -> None:
    print(f"{'':24}{'calls':^27}{'prompt tokens':^29}")
    columns = f"{'ours':>9}{'theirs':>9}{'ratio':>7}  "
    print(f"{'step':6}{'groups':>8}{'attempts':>9} {columns}{columns}budget {BUDGET}")
    for step in [*steps, _total(steps)]:
        _print_step(step)
    total = _total(steps)
    print(f"\nanswers of the teacher that could not be used: {total.refused} of {total.ours.calls}")
    if total.counted:
        print(f"prompt tokens of ours as the endpoint counted them: {total.counted:,}")


def _total(steps: Sequence[Step]) -> Step:
    total = Step("all")
    for step in steps:
        total.groups += step.groups
        total.attempts += step.attempts
        total.ours += step.ours
        total.theirs += step.theirs
        total.counted += step.counted
        total.refused += step.refused
    return total


def _print_step(step: Step) -> None:
    line = f"{step.name:6}{step.groups:8}{step.attempts:9} "
    ours, theirs = step.ours, step.theirs
    if not theirs.calls:
        print(f"{line} nothing to learn from")
        return
    calls, tokens = ours.calls / theirs.calls, ours.tokens / theirs.tokens
    print(
        f"{line}{ours.calls:9}{theirs.calls:9}{calls:7.2f}  "
        f"{ours.tokens:9}{theirs.tokens:9}{tokens:7.2f}  "
        f"{verdict(calls, BUDGET)}, {verdict(tokens, BUDGET)}"
    )


# A run that is made up


async def _practise(run: Path, database: Path, words: int) -> None:
    """A run of practice with an endpoint of this process for player and teacher."""
    data = run.parent / "tasks.jsonl"
    tasks = [f"How many coins are {n} bags of {n + 3} coins?" for n in range(2, 2 + TASKS)]
    truths = [n * (n + 3) for n in range(2, 2 + TASKS)]
    lines = [json.dumps({"task": t, "answer": a}) for t, a in zip(tasks, truths, strict=True)]
    data.write_text("\n".join(lines), encoding="utf-8")
    player = _Player(dict(zip(tasks, truths, strict=True)), words)
    async with ScriptedEndpoint(player.say) as endpoint:
        done = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from server.cli.main import main; main()", "practice"),
            *("--library", LIBRARY, "--database", str(database), "--run", str(run)),
            *("--data", str(data), "--verifier", "number", "--group-size", str(GROUP_SIZE)),
            *("--epochs", str(EPOCHS), "--model", "scripted", "--base-url", endpoint.base_url),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await done.communicate()
    if done.returncode:
        raise ExperienceError(f"the made-up run failed: {said.decode(errors='replace')[-500:]}")


@dataclass
class _Player:
    """Attempts tasks at some length, right three times in five; and answers the learner."""

    truths: dict[str, int]
    words: int
    calls: int = 0

    def say(self, asked: Asked) -> Said:
        truth = self.truths.get(asked.prompt.partition("\n\n")[0])
        if truth is None:
            return Said(sensible_answer(asked.prompt))
        self.calls += 1
        answer = truth if self.calls % GROUP_SIZE < 3 else truth + 1
        working = " ".join(islice(cycle(WORKING.split()), self.words))
        return Said(f"{working}\nThe answer is {answer}")


if __name__ == "__main__":
    sys.exit(main())
