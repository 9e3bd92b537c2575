"""`practice`: the paper's whole loop, from a dataset to a measured gain."""

from __future__ import annotations

import click

from experience_store.submissions.read_submission import MAX_ATTEMPTS
from server.cli import practising
from server.cli.options import option
from server.cli.practice_given import Given, given
from server.cli.practice_options import DATA, PLAYING, RUN, TEACHER, Options

_PRACTICE: Options = (
    option(
        "--epochs",
        metavar="N",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Times that all tasks are gone through.",
    ),
    option(
        "--group-size",
        metavar="G",
        type=click.IntRange(1, MAX_ATTEMPTS),
        default=5,
        show_default=True,
        help="Attempts at a task. 1: learn from single attempts (the paper's ablation).",
    ),
    option(
        "--batch-size",
        metavar="N",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        help="Tasks of a step; the library learns after each.",
    ),
    option(
        "--temperature",
        metavar="T",
        type=click.FloatRange(min=0),
        default=0.7,
        show_default=True,
        help="Of the attempts to learn from.",
    ),
    option("--eval-data", metavar="DATA", help="Held-out tasks: compare before and after."),
    option(
        "--eval-task-field",
        metavar="FIELD",
        help="Field of the task in --eval-data.  [default: as --task-field]",
    ),
    option(
        "--eval-truth-field",
        metavar="FIELD",
        help="Field of the right answer in --eval-data.  [default: as --truth-field]",
    ),
    option(
        "--hold-out",
        metavar="SHARE",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Hold out this share of --data instead.",
    ),
    option(
        "--k",
        metavar="K",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        help="Attempts at a held-out task.",
    ),
    option(
        "--eval-temperature",
        metavar="T",
        type=click.FloatRange(min=0),
        default=0.3,
        show_default=True,
        help="Of the attempts at held-out tasks.",
    ),
    option(
        "--no-ground-truth",
        is_flag=True,
        help="Learn without rewards and right answers (the paper's ablation).",
    ),
    option(
        "--direct",
        metavar="N",
        type=click.IntRange(min=1),
        help="Do not practise: have N experiences written directly (the paper's ablation).",
    ),
    option(
        "--from-step",
        metavar="N",
        type=click.IntRange(min=1),
        help="Do the run's steps anew from this one. Once: leave it out to go on with them.",
    ),
)


@click.command()
@given(DATA, _PRACTICE, PLAYING, TEACHER, RUN)
def practice(options: Given) -> None:
    """Practise on tasks until the library knows how, and measure the gain.

    Every task is attempted several times by --model, the attempts are scored by --verifier, and
    the library learns from what the better ones did otherwise. With held-out tasks it is measured
    what that was worth: without the library before, with it after.

    Whatever was done is kept in --run: interrupt it, and the same command goes on. At the end
    there are report.html and report.json in it.
    """
    practising.run(options)
