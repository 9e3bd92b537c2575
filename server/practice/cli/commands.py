"""The commands `practice`, the paper's whole loop, and `evaluate`, the gain of a library."""

from __future__ import annotations

import click

from experience_store.submissions.read_submission import MAX_ATTEMPTS
from server.cli.number_types import Number, WholeNumber
from server.cli.option_sections import SectionedCommand, section
from server.cli.options import option
from server.practice.cli import run_command
from server.practice.cli.command_options import (
    ATTEMPTS,
    COUNT,
    TEACHER_PROMPT_TOKENS,
    TEMPERATURE,
    Options,
    run_options,
    teacher_options,
)
from server.practice.cli.run_options import RunOptions, takes_run_options

_HELD_OUT: Options = (
    option(
        "--eval-data",
        metavar="DATA",
        help="Held-out tasks: never practised on, they measure the gain.",
    ),
    option(
        "--eval-task-field",
        metavar="FIELD",
        help="Field with the task in --eval-data.  [default: as --task-field]",
    ),
    option(
        "--eval-truth-field",
        metavar="FIELD",
        help="Field with the ground truth in --eval-data.  [default: as --truth-field]",
    ),
    option(
        "--hold-out",
        metavar="SHARE",
        type=Number(0, 1, min_open=True, max_open=True),
        help="Share of --data to hold out, such as 0.3, instead of --eval-data.",
    ),
)
_TEMPERATURE: Options = (
    option(
        "--temperature",
        metavar="T",
        type=TEMPERATURE,
        default=0.7,
        show_default=True,
        help="Temperature of the attempts to learn from; none leaves it to the endpoint.",
    ),
)
_LEARNING: Options = (
    option(
        "--epochs",
        metavar="N",
        type=COUNT,
        default=3,
        show_default=True,
        help="How often all tasks are practised.",
    ),
    option(
        "--group-size",
        metavar="G",
        type=WholeNumber(min=1, max=MAX_ATTEMPTS),
        default=5,
        show_default=True,
        help="Attempts at each task, compared with one another; 1 learns from single attempts (the "
        "paper's ablation).",
    ),
    option(
        "--batch-size",
        metavar="N",
        type=COUNT,
        default=100,
        show_default=True,
        help="Tasks in a step; the library learns once after each step.",
    ),
    option(
        "--from-step",
        metavar="N",
        type=COUNT,
        help="Redo the steps of the run from step N on; omit it to resume afterwards.",
    ),
    option(
        "--no-ground-truth",
        is_flag=True,
        help="Learn without rewards and ground truth (the paper's ablation).",
    ),
    option(
        "--direct",
        metavar="N",
        type=COUNT,
        help="Let the teacher write N experiences without practice (the paper's ablation).",
    ),
)
_EVALUATION: Options = (
    option(
        "--k",
        metavar="K",
        type=COUNT,
        default=4,
        show_default=True,
        help="Attempts at each held-out task.",
    ),
    option(
        "--eval-temperature",
        metavar="T",
        type=TEMPERATURE,
        default=0.3,
        show_default=True,
        help="Temperature of the attempts at held-out tasks, or none.",
    ),
)
_ARMS: Options = (
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
        type=TEMPERATURE,
        default=0.3,
        show_default=True,
        help="Temperature of the attempts; none leaves it to the endpoint.",
    ),
    option(
        "--arm",
        "arms",
        type=click.Choice(["without", "with"]),
        multiple=True,
        default=("without", "with"),
        show_default=True,
        help="Arm to measure: with the library, or without it. May be repeated.",
    ),
)


@click.command(cls=SectionedCommand)
@takes_run_options(
    attempts=(*_TEMPERATURE, *ATTEMPTS),
    learning=section(
        "Learning and judging",
        *_LEARNING,
        *teacher_options("Model that learns, and judges with --verifier judge."),
        *TEACHER_PROMPT_TOKENS,
    ),
    evaluation=(*_HELD_OUT, *_EVALUATION),
    run_folder=run_options("runs/LIBRARY"),
)
def practice(options: RunOptions) -> None:
    """Practise on a dataset, learn from the attempts, and measure the gain.

    --model attempts every task several times, --verifier scores the attempts, and the library
    learns what the better ones did differently. Tasks held out (--hold-out or --eval-data) measure
    the gain: they are attempted without the library and with what it has learned.

    All work is kept in --run: the same command resumes an interrupted run. At the end the folder
    has report.html and report.json.

    Exit code 3 if the run stopped early and can be resumed, 4 if nothing was learned.
    """
    run_command.run(options)


@click.command(cls=SectionedCommand)
@takes_run_options(
    attempts=ATTEMPTS,
    learning=section("Judging", *teacher_options("Model that judges with --verifier judge.")),
    evaluation=_ARMS,
    run_folder=run_options("runs/LIBRARY-evaluate-DATA"),
)
def evaluate(options: RunOptions) -> None:
    """Measure a library's effect: the same tasks with and without it.

    --model attempts every task of --data K times in each arm, without the library and with it. The
    report gives Mean@K (the mean reward of K attempts) and Pass@K (the share of tasks of which one
    in K attempts passed) with intervals, and says whether the gain is distinguishable from zero.

    All work is kept in --run: the same command resumes an interrupted run.

    Exit code 3 if the run stopped early and can be resumed, 4 if there was nothing to compare.
    """
    run_command.run(options)
