"""`evaluate`: what a library is worth on tasks, with and without it."""

from __future__ import annotations

import click

from server.cli.options import option
from server.practice.cli import run_command as practising
from server.practice.cli.command_options import DATA, PLAYING, RUN, TEACHER, Options
from server.practice.cli.run_options import RunOptions, given

_EVALUATION: Options = (
    option(
        "--k",
        metavar="K",
        type=click.IntRange(min=1),
        default=32,
        show_default=True,
        help="Attempts at each task, in each arm.",
    ),
    option(
        "--temperature",
        "eval_temperature",
        metavar="T",
        type=click.FloatRange(min=0),
        default=0.3,
        show_default=True,
        help="Of the attempts.",
    ),
    option(
        "--arm",
        "arms",
        type=click.Choice(["without", "with"]),
        multiple=True,
        default=("without", "with"),
        show_default=True,
        help="What to measure.",
    ),
)


@click.command()
@given(DATA, _EVALUATION, PLAYING, TEACHER, RUN)
def evaluate(options: RunOptions) -> None:
    """Measure what a library is worth: the same tasks with and without it.

    Every task of --data is attempted K times by --model in each arm. Mean@K and Pass@K are given
    with intervals, and the gain with whether it can be told from nothing.

    Whatever was done is kept in --run: interrupt it, and the same command goes on.
    """
    practising.run(options)
