"""What a run will take, before it takes it: attempts, model calls, and about how many tokens.

Cheap and rough on purpose. Prompts are known; what models answer is not, so its length is an
assumption that is said with the figures. For what is learned the figures are upper bounds: a group
whose rewards do not differ needs no call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from experience_store.learning.inputs import PromptBudget
from experience_store.token_estimate import estimate_tokens
from server.practice.metrics.formatting import money
from server.practice.records import Arm, Spent, Task, total
from server.practice.run.runner import RunPlan
from server.practice.spending import priced
from server.settings import Prices
from server.text import count

ANSWER_TOKENS = 500  # of an answer; reasoning models write several times as much
TURNS = 4  # completions of an agent with tools
_TOOL_RESULT = 200  # tokens
_INSTRUCTIONS = 1_200  # tokens of a request of the learner's besides the attempts
_COMPARISON, _CONSOLIDATION, _PER_GROUP = 400, 600, 150  # tokens of answers; of a group's proposals
_JUDGE_PROMPT, _JUDGEMENT = 500, 150


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the figures rest on.

    Attributes:
        answer_tokens: Limit of one answer; None for none.
        instructions: The system message.
        experience_tokens: Tokens of the experiences in a prompt.
        tools: Whether an attempt is an agent's, with several calls.
        judged: Whether a model scores the attempts.
        prices: The model's prices.
        teacher_prices: The prices of the one that learns and judges.
        teacher_budget: Limits on the learner's prompts.
    """

    answer_tokens: int | None
    instructions: str | None
    experience_tokens: int
    tools: bool
    judged: bool
    prices: Prices | None
    teacher_prices: Prices | None
    teacher_budget: PromptBudget

    @property
    def answer(self) -> int:
        """Assumed tokens of an answer."""
        return min(ANSWER_TOKENS, self.answer_tokens or ANSWER_TOKENS)

    @property
    def turns(self) -> int:
        """Assumed calls of an attempt."""
        return TURNS if self.tools else 1

    def __str__(self) -> str:
        """For people."""
        turns = f" and {self.turns} calls an attempt" if self.tools else ""
        return f"assuming {self.answer:,} tokens an answer{turns}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run is likely to take.

    Attributes:
        what: The tasks and attempts, in words.
        attempts: How many attempts.
        parts: The model calls by purpose.
        assumptions: What the figures rest on.
    """

    what: str
    attempts: int
    parts: dict[str, Spent]
    assumptions: Assumptions

    @property
    def line(self) -> str:
        """All of it, in one line."""
        said = f"{self.what}: {count(self.attempts, 'attempt')}, {_amount(self.whole)}"
        return f"{said} ({self.assumptions})"

    @property
    def lines(self) -> list[str]:
        """All of it, by purpose."""
        bound = "; learning is at most that much" if self.parts["learning"].calls else ""
        parts = [f"  {name}: {_amount(spent)}" for name, spent in self.parts.items() if spent.calls]
        return [
            f"{self.what}: {count(self.attempts, 'attempt')}",
            *parts,
            f"  together: {_amount(self.whole)}",
            f"These are estimates, {self.assumptions}{bound}.",
        ]

    @property
    def as_json(self) -> dict[str, object]:
        """All of it, for programs."""
        parts = {**self.parts, "together": self.whole}
        return {
            "what": self.what,
            "attempts": self.attempts,
            "about": {
                name: spent.model_dump(
                    include={"calls", "prompt_tokens", "completion_tokens", "cost"}
                )
                for name, spent in parts.items()
            },
            "assumptions": str(self.assumptions),
        }

    @property
    def whole(self) -> Spent:
        """All purposes together."""
        return total(self.parts.values())


def forecast(plan: RunPlan, assumptions: Assumptions) -> Forecast:
    """What a run is likely to take from its beginning."""
    steps = [] if plan.direct else plan.batches()
    practice = [
        _attempts(tasks, plan.group_size, assumptions, served=number > 0)
        for number, (_, tasks) in enumerate(steps)
    ]
    evaluation = [
        _attempts(plan.held_out, plan.k, assumptions, served=arm == "with") for arm in plan.arms
    ]
    learning = [_learning(tasks, plan.group_size, assumptions) for _, tasks in steps]
    if plan.direct:
        learning = [_priced(assumptions.teacher_prices, 1, 2_000, 60 * plan.direct)]
    judged = [(tasks, plan.group_size) for _, tasks in steps]
    judged += [(plan.held_out, plan.k)] * len(plan.arms)
    return Forecast(
        what="; ".join(_what(plan)),
        attempts=plan.attempts,
        parts={
            "attempts in practice": total(practice),
            "learning": total(learning),
            "attempts in evaluation": total(evaluation),
            "judging": total(_judging(judged, assumptions) if assumptions.judged else []),
        },
        assumptions=assumptions,
    )


def _what(plan: RunPlan) -> Iterator[str]:
    if plan.direct:
        yield f"{count(plan.direct, 'experience')} written without practice"
    elif plan.tasks:
        yield (
            f"Practice on {count(len(plan.tasks), 'task')} x {count(plan.group_size, 'attempt')} x "
            f"{count(plan.epochs, 'epoch')}"
        )
    if plan.held_out:
        yield (
            f"{'evaluation' if plan.tasks else 'Evaluation'} on "
            f"{count(len(plan.held_out), 'task')} x {count(plan.k, 'attempt')}, "
            f"{_arms(plan.arms)} the library"
        )
    else:
        yield "no held-out tasks, so no gain is measured"


def _arms(arms: Sequence[Arm]) -> str:
    return " and ".join(arms)


def _amount(spent: Spent) -> str:
    """`about 46 calls and 21,000 tokens, cost about 0.12`."""
    cost = "" if spent.cost is None else f", cost about {money(spent.cost)}"
    return (
        f"about {count(_rounded(spent.calls), 'call')} and {_rounded(spent.tokens):,} tokens{cost}"
    )


def _rounded(number: int) -> int:
    """With two digits that count: more would pretend to be known; small numbers are exact."""
    digits = len(str(number)) - 2
    return number if digits <= 1 else round(number, -digits)


def _attempts(tasks: Sequence[Task], size: int, assumptions: Assumptions, *, served: bool) -> Spent:
    """Attempts at tasks; each turn of an agent reads all that was said before."""
    turns, answer = assumptions.turns, assumptions.answer
    beside = estimate_tokens(assumptions.instructions or "")
    beside += assumptions.experience_tokens if served else 0
    again = (answer + _TOOL_RESULT) * turns * (turns - 1) // 2
    prompts = sum((_size(task.prompt) + beside) * turns + again for task in tasks)
    calls = len(tasks) * size * turns
    return _priced(assumptions.prices, calls, prompts * size, calls * answer)


def _learning(tasks: Sequence[Task], size: int, assumptions: Assumptions) -> Spent:
    """One comparison for each group, after summaries of long attempts; and one consolidation."""
    said = assumptions.turns * (assumptions.answer + (_TOOL_RESULT if assumptions.tools else 0))
    budget = assumptions.teacher_budget
    room = budget.compare_tokens - _INSTRUCTIONS
    prompt = completion = calls = 0
    for task in tasks:
        attempts = size * said
        if attempts > room:
            calls += size
            prompt += size * (
                min(said, budget.summarise_tokens) + _INSTRUCTIONS + _size(task.prompt)
            )
            completion += size * _COMPARISON
        calls += 1
        prompt += (
            _INSTRUCTIONS + min(room, attempts + _size(task.prompt)) + budget.experience_tokens
        )
        completion += _COMPARISON
    if len(tasks) > 1:
        calls += 1
        prompt += _INSTRUCTIONS + _PER_GROUP * len(tasks)
        completion += _CONSOLIDATION
    return _priced(assumptions.teacher_prices, calls, prompt, completion)


def _judging(groups: Iterable[tuple[Sequence[Task], int]], assumptions: Assumptions) -> list[Spent]:
    beside = _JUDGE_PROMPT + assumptions.answer
    return [
        _priced(
            assumptions.teacher_prices,
            len(tasks) * size,
            sum(_size(task.prompt) + beside for task in tasks) * size,
            len(tasks) * size * _JUDGEMENT,
        )
        for tasks, size in groups
    ]


def _priced(prices: Prices | None, calls: int, prompt: int, completion: int) -> Spent:
    return priced(prices, calls=calls, prompt=prompt, cached=0, completion=completion)


@lru_cache(maxsize=100_000)  # a task is in every epoch
def _size(prompt: str) -> int:
    return estimate_tokens(prompt)
