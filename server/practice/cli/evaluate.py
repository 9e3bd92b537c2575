"""`evaluate`: the gain of a library on tasks, with and without it."""

from __future__ import annotations

import click

from server.cli.option_sections import SectionedCommand
from server.cli.options import option
from server.practice.cli import run_command
from server.practice.cli.command_options import ATTEMPTS, COUNT, NOT_NEGATIVE, Options
from server.practice.cli.run_options import RunOptions, takes_run_options

_EVALUATION: Options = (
    option(
        "--k",
        metavar="K",
        type=COUNT,
        default=32,
        show_default=True,
        help="Attempts at each task, in each arm.",
    ),
    option(
        "--temperature",
        "eval_temperature",
        metavar="T",
        type=NOT_NEGATIVE,
        default=0.3,
        show_default=True,
        help="Temperature of the attempts.",
    ),
    option(
        "--arm",
        "arms",
        type=click.Choice(["without", "with"]),
        multiple=True,
        default=("without", "with"),
        show_default=True,
        help="Arm to measure: with the library, or without it.",
    ),
)


@click.command(cls=SectionedCommand)
@takes_run_options(attempts=ATTEMPTS, learning=(), evaluation=_EVALUATION)
def evaluate(options: RunOptions) -> None:
    """Measure what a library gains: the same tasks with and without it.

    Every task of --data is attempted K times by --model in each arm. The report gives Mean@K and
    Pass@K with intervals, and whether the gain is distinguishable from zero.

    All work is kept in --run: the same command resumes a run that was interrupted.
    """
    run_command.run(options)
