"""The options that `practice` and `evaluate` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from server.cli.options import (
    ENVIRONMENT,
    Command,
    option,
)
from server.mcp.next_steps import MAX_SERVED_TOKENS
from server.practice.spending import RolloutLimits
from server.practice.verifiers import TIME_LIMIT

TEACHER_KEY = f"{ENVIRONMENT}TEACHER_API_KEY"
_POSITIVE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)
_DEFAULT = RolloutLimits()

Options = Sequence[Callable[[Command], Command]]

DATA: Options = (
    option(
        "--data",
        metavar="DATA",
        required=True,
        help="Tasks: a file of JSON lines, or reasoning-gym:FAMILY?size=50&seed=1.",
    ),
    option("--task-field", metavar="FIELD", help="Field of the task.  [default: task, question …]"),
    option(
        "--truth-field",
        metavar="FIELD",
        help="Field of the right answer.  [default: ground_truth, answer …]",
    ),
    option("--skip", metavar="N", type=click.IntRange(min=0), default=0, help="Leave out N tasks."),
    option("--limit", metavar="N", type=_COUNT, help="Take at most N tasks."),
    option(
        "--verifier",
        metavar="V",
        help=(
            "exact, match, number[:TOLERANCE], math, judge, reasoning-gym, or MODULE:FUNCTION.  "
            "[default: what the data brings]"
        ),
    ),
    option(
        "--verifier-seconds",
        metavar="SECONDS",
        type=_POSITIVE,
        default=TIME_LIMIT,
        show_default=True,
        help="Time of one call of MODULE:FUNCTION.",
    ),
    option("--allow-overlap", is_flag=True, help="Evaluate on tasks that were practised on, too."),
)
PLAYING: Options = (
    option(
        "--instructions",
        metavar="TEXT",
        help="System message of the agent; @FILE reads it from a file.",
    ),
    option(
        "--tools",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="MCP servers whose tools the agent has, as hosts' mcp.json.",
    ),
    option("--answer-tokens", metavar="N", type=_COUNT, help="Bound of one answer of the model."),
    option(
        "--experience-tokens",
        metavar="N",
        type=click.IntRange(0, MAX_SERVED_TOKENS),
        help="Budget of the experiences in a prompt.  [default: the server's]",
    ),
    option(
        "--max-turns",
        metavar="N",
        type=_COUNT,
        default=_DEFAULT.turns,
        show_default=True,
        help="Answers of the model in one rollout.",
    ),
    option("--rollout-tokens", metavar="N", type=_COUNT, help="Tokens of one rollout."),
    option(
        "--rollout-seconds",
        metavar="SECONDS",
        type=_POSITIVE,
        default=_DEFAULT.seconds,
        show_default=True,
        help="Time of one rollout.",
    ),
    option("--rollout-cost", metavar="COST", type=_POSITIVE, help="Cost of one rollout."),
    option(
        "--tries",
        metavar="N",
        type=_COUNT,
        default=3,
        show_default=True,
        help="How often a rollout that breaks off is started.",
    ),
    option(
        "--accept-failures",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Attempts of a phase that may stay unscored because of an outage.",
    ),
    option("--seed", metavar="N", type=int, default=0, show_default=True, help="Of the run."),
    option("--send-seed", is_flag=True, help="Ask the endpoint with a seed for each attempt."),
)
TEACHER: Options = (
    option("--teacher", metavar="NAME", help="Model that learns and judges.  [default: --model]"),
    option(
        "--teacher-url",
        metavar="URL",
        help=f"Its endpoint, with the key in {TEACHER_KEY}.  [default: --base-url]",
    ),
    option(
        "--teacher-price-prompt",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="As --price-prompt.  [default: the same, for the same model]",
    ),
    option(
        "--teacher-price-cached",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="As --price-cached.",
    ),
    option(
        "--teacher-price-completion",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="As --price-completion.",
    ),
)
RUN: Options = (
    option(
        "--server",
        metavar="URL",
        help="A running server's MCP address.  [default: one of the run's own, on --database]",
    ),
    option("--max-cost", metavar="COST", type=_POSITIVE, help="Stop when so much is spent."),
    option("--max-tokens", metavar="N", type=_COUNT, help="Stop when so many tokens are spent."),
    option(
        "--run",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the run; the same command goes on with it.  [default: runs/LIBRARY]",
    ),
)
