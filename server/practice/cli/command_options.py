"""The options that `practice` and `evaluate` share, by section of the help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from typing_extensions import override

from server.cli.number_types import LARGEST, Number, WholeNumber
from server.cli.option_sections import Decorator
from server.cli.options import ENVIRONMENT, JSON_OBJECT, option
from server.mcp.next_steps import MAX_SERVED_TOKENS
from server.practice.client.connection import TOKEN
from server.practice.spending import RolloutLimits
from server.practice.verifiers import TIME_LIMIT
from server.settings import MIN_PROMPT_TOKENS

TEACHER_KEY = f"{ENVIRONMENT}TEACHER_API_KEY"
POSITIVE = Number(min=0, min_open=True)
NOT_NEGATIVE = Number(min=0)


class _Temperature(click.ParamType["float | None"]):
    """A temperature, or none: then no temperature is sent."""

    name = "number or none"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        if isinstance(value, str) and value.strip().lower() == "none":
            return None
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a number nor none", param, ctx)
        return NOT_NEGATIVE.convert(number, param, ctx)


TEMPERATURE = _Temperature()
COUNT = WholeNumber(min=1)
_DEFAULT = RolloutLimits()

Options = Sequence[Decorator]

DATASET: Options = (
    option(
        "--data",
        metavar="DATA",
        required=True,
        help="Tasks: a file (JSON, JSON Lines, CSV, TSV or Parquet, perhaps compressed with gzip), "
        "or generated ones: reasoning-gym:FAMILY?size=50&seed=1.",
    ),
    option(
        "--task-field",
        metavar="FIELD",
        help="Field with the task, as text or chat messages; may have dots.  [default: the "
        "first of task, prompt, question, problem, query, messages]",
    ),
    option(
        "--truth-field",
        metavar="FIELD",
        help="Field with the ground truth: the correct answer, or several; may have dots.  "
        "[default: the first of ground_truth, answer, solution, target, answers, "
        "reward_model.ground_truth]",
    ),
    option("--skip", metavar="N", type=WholeNumber(), default=0, help="Skip the first N tasks."),
    option("--limit", metavar="N", type=COUNT, help="Maximum number of tasks."),
    option(
        "--verifier",
        metavar="V",
        help=(
            "How attempts are scored: exact, match, number[:TOLERANCE], math, judge, "
            "reasoning-gym, or MODULE:FUNCTION.  [default: the scorer of generated tasks]"
        ),
    ),
    option(
        "--verifier-seconds",
        metavar="SECONDS",
        type=POSITIVE,
        default=TIME_LIMIT,
        show_default=True,
        help="Timeout of one call of MODULE:FUNCTION.",
    ),
    option(
        "--allow-overlap", is_flag=True, help="Allow evaluation on tasks that were practised on."
    ),
)
ATTEMPTS: Options = (
    option(
        "--instructions",
        metavar="TEXT",
        help="System message of the agent; @FILE reads it from a file.",
    ),
    option(
        "--tools",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="MCP servers whose tools the agent may call, in the form of mcp.json.",
    ),
    option(
        "--tools-seconds",
        metavar="SECONDS",
        type=POSITIVE,
        default=60.0,
        show_default=True,
        help="Maximum time for a server of --tools to start.",
    ),
    option(
        "--answer-tokens",
        metavar="N",
        type=COUNT,
        help="Maximum tokens of one answer of the model; an answer that is cut stays unscored.  "
        "[default: the endpoint's]",
    ),
    option(
        "--experience-tokens",
        metavar="N",
        type=WholeNumber(max=MAX_SERVED_TOKENS),
        help="Token budget for experiences in a prompt.  [default: the server's, 1000]",
    ),
    option(
        "--max-turns",
        metavar="N",
        type=COUNT,
        default=_DEFAULT.turns,
        show_default=True,
        help="Maximum model calls in one attempt.",
    ),
    option("--rollout-tokens", metavar="N", type=COUNT, help="Maximum tokens of one attempt."),
    option(
        "--rollout-seconds",
        metavar="SECONDS",
        type=POSITIVE,
        default=_DEFAULT.seconds,
        show_default=True,
        help="Timeout of one attempt.",
    ),
    option(
        "--rollout-cost",
        metavar="COST",
        type=POSITIVE,
        help="Maximum cost of one attempt; needs prices.",
    ),
    option(
        "--tries",
        metavar="N",
        type=COUNT,
        default=3,
        show_default=True,
        help="How often to start an attempt that an outage breaks off; --retries is for single "
        "model calls.",
    ),
    option(
        "--accept-failures",
        metavar="N",
        type=WholeNumber(),
        default=0,
        show_default=True,
        help="Attempts that may stay unscored after an outage, in each step of practice and each "
        "arm of the evaluation.",
    ),
    option(
        "--seed",
        metavar="N",
        type=WholeNumber(min=-LARGEST),
        default=0,
        show_default=True,
        help="Seed for the order of tasks and for attempts.",
    ),
    option("--send-seed", is_flag=True, help="Send the endpoint a seed with each attempt."),
)


def teacher_options(purpose: str) -> Options:
    """The options of a model that learns or judges.

    Args:
        purpose: Help text of --teacher.
    """
    return (
        option("--teacher", metavar="NAME", help=f"{purpose}  [default: --model]"),
        option(
            "--teacher-url",
            metavar="URL",
            help=f"Endpoint of the teacher; its API key is read from {TEACHER_KEY}. Without that, "
            "the key of --model is used at the same endpoint, and none elsewhere.  [default: "
            "--base-url]",
        ),
        option(
            "--teacher-body",
            metavar="JSON",
            type=JSON_OBJECT,
            help="Additional fields of the teacher's calls, as --model-body.  [default: the same, "
            "if it is the same model]",
        ),
        option(
            "--teacher-price-prompt",
            metavar="PRICE",
            type=NOT_NEGATIVE,
            help="Price of the teacher, as --price-prompt.  [default: the same, if it is the same "
            "model]",
        ),
        option(
            "--teacher-price-cached",
            metavar="PRICE",
            type=NOT_NEGATIVE,
            help="Price of the teacher, as --price-cached.",
        ),
        option(
            "--teacher-price-completion",
            metavar="PRICE",
            type=NOT_NEGATIVE,
            help="Price of the teacher, as --price-completion.",
        ),
    )


TEACHER_PROMPT_TOKENS: Options = (
    option(
        "--teacher-prompt-tokens",
        metavar="N",
        type=WholeNumber(min=MIN_PROMPT_TOKENS),
        help="Maximum tokens of the teacher's prompts, for a small context window: its size less "
        "1,000 for the answer.  [default: up to 24,000]",
    ),
)
BUDGETS: Options = (
    option(
        "--max-cost",
        metavar="COST",
        type=POSITIVE,
        help="Stop the run once it has cost this much; needs prices.",
    ),
    option(
        "--max-tokens",
        metavar="N",
        type=COUNT,
        help="Stop the run once it has used N tokens in total, of attempts, judging and learning.",
    ),
)
SERVER: Options = (
    option(
        "--server",
        metavar="URL",
        help="URL of a running MCP server, such as http://127.0.0.1:8765/mcp; a token for it is "
        f"read from {TOKEN}.  [default: an embedded server on --database]",
    ),
)


def run_options(folder: str) -> Options:
    """The options on where a run is kept.

    Args:
        folder: The default of --run.
    """
    return (
        option(
            "--run",
            metavar="DIR",
            type=click.Path(path_type=Path, file_okay=False),
            help=f"Folder of the run; the same command resumes it.  [default: {folder}]",
        ),
        option(
            "--dry-run",
            is_flag=True,
            help="Say what would be done, with about how many calls and tokens, and stop.",
        ),
    )
