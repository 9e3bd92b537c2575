"""What `practice` and `evaluate` do: start or resume a run, and report."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager, redirect_stdout
from pathlib import Path
from threading import current_thread, main_thread
from typing import TextIO, TypeVar

import click
import httpx2

from experience_store.errors import ExperienceError
from experience_store.library import check_library_name
from server.cli.output import print_json, printable
from server.logs import warn_on_stderr
from server.practice.cli.assembly import RunObserver, assemble, make_plan
from server.practice.cli.run_options import RunOptions
from server.practice.records import Arm, Run
from server.practice.report import check_available, summary_lines, write_report
from server.practice.report.json_report import RunReport
from server.practice.run.forecast import Forecast, forecast
from server.practice.run.phase import PhaseProgress
from server.practice.run.private_files import VERIFIER_ERRORS
from server.practice.run.runner import Runner, RunPlan
from server.practice.run_errors import BudgetSpentError, RunStoppedError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOPPED = 3  # exit code of a run that can be resumed
NOTHING = 4  # exit code of a complete run that learned nothing, or had nothing to compare
T = TypeVar("T")
ARMS: tuple[Arm, ...] = ("without", "with")


def run(options: RunOptions) -> None:
    """Start a run or resume it; write its report and print it."""
    options.check()
    warn_on_stderr()
    log = options.folder / VERIFIER_ERRORS
    earlier = _size(log)
    try:
        _run_to_its_end(options)
    except ExperienceError as error:  # perhaps of an endpoint, which may repeat a key
        raise click.ClickException(options.redactor.text(str(error))) from error
    finally:
        if _size(log) > earlier:
            click.echo(f"Tracebacks of the verifier: {printable(str(log))}", err=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _run_to_its_end(options: RunOptions) -> None:
    check_library_name(options.library)
    plan = make_plan(options)
    planned = forecast(plan, options.assumptions)
    if options.dry_run:
        with _prints_apart():
            options.check_verifier()
        _show_forecast(options, planned)
        return
    check_available()
    try:
        with _prints_apart():
            done, report = asyncio.run(_until_interrupted(_run(options, plan, planned)))
    except httpx2.HTTPError as error:  # ends the client, and with it the run, in the middle
        gone = f"Stopped: the server does not answer: {error}. Run the same command to continue."
        click.echo(printable(options.redactor.text(gone)), err=True)
        raise click.exceptions.Exit(STOPPED) from error
    if options.as_json:
        written = options.folder / "report.json"
        print_json(json.loads(written.read_text(encoding="utf-8")))
    else:
        for line in summary_lines(done, report):
            click.echo(printable(line) if line.strip() else "")
        click.echo(f"\nReport: {options.folder / 'report.html'}")
    if done.stopped is not None:
        click.echo(f"Stopped: {printable(done.stopped)}", err=True)
        raise click.exceptions.Exit(STOPPED)
    if report.nothing is not None:
        raise click.exceptions.Exit(NOTHING)


def _prints_apart() -> redirect_stdout[TextIO]:
    """What a verifier of the user's own prints goes to stderr: it is no part of the result."""
    return redirect_stdout(sys.stderr)


def _show_forecast(options: RunOptions, planned: Forecast) -> None:
    if options.as_json:
        print_json(planned.as_json)
        return
    for line in planned.lines:
        click.echo(line)
    click.echo(printable(f"Nothing was called. The folder of the run is {options.folder}."))


async def _until_interrupted(work: Coroutine[object, object, T]) -> T:
    """Run it; SIGTERM and Ctrl-C stop it gracefully."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    try:
        with _on_first_signal(lambda: loop.call_soon_threadsafe(task.cancel)):
            return await task
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    except BaseExceptionGroup as group:  # clients run in task groups, which wrap what passes
        raise _only(group) from group


@contextmanager
def _on_first_signal(end: Callable[[], object]) -> Generator[None]:
    """Call `end` at the first signal that is to end the program; a second one ends it at once.

    Not through the event loop, which a verifier may hold up.
    """
    if current_thread() is not main_thread():  # who else gets signals
        yield
        return

    def first(*_: object) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        end()

    before = {number: signal.signal(number, first) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is first:  # what comes after the first signal stays
                signal.signal(number, handler)


def _only(error: BaseException) -> BaseException:
    """The one error in a group of one; else the error itself."""
    while isinstance(error, BaseExceptionGroup):
        first, *others = error.exceptions  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # of anything
        if others:
            break
        error = first  # pyright: ignore[reportUnknownVariableType]  # an exception all the same
    return error  # pyright: ignore[reportUnknownVariableType]  # see above


async def _run(options: RunOptions, plan: RunPlan, planned: Forecast) -> tuple[Run, RunReport]:
    async with AsyncExitStack() as stack:
        redactor = options.redactor
        observer = RunObserver(_show_progress, lambda reason: _say_held_up(redactor.text(reason)))
        runner = None
        try:
            runner = await assemble(options, plan, observer, stack)
            if not runner.is_complete:
                before = f"; {runner.progress} before" if runner.done else ""
                click.echo(f"{planned.line}{before}", err=True)
            stopped = await _do(options, runner)
            done = await runner.result(stopped)
            return done, write_report(done, options.folder)
        except asyncio.CancelledError:
            progress = "" if runner is None else f" ({runner.progress})"
            below = "\n" if sys.stderr.isatty() else ""  # the line of the progress
            click.echo(f"{below}Stopped; the same command goes on{progress}", err=True)
            raise


async def _do(options: RunOptions, runner: Runner) -> str | None:
    """Do the whole run; the reason if it stops early."""
    try:
        if options.epochs:
            await runner.practise()
        else:
            for arm in ARMS:
                if arm in options.arms or runner.is_evaluated(arm):  # perhaps in an earlier session
                    await runner.evaluate(arm)
    except (BudgetSpentError, RunStoppedError) as error:
        return f"{str(error).removesuffix('.')} ({runner.progress})"
    return None


def _say_held_up(reason: str) -> None:
    click.echo(printable(f"Learning is paused and will be retried: {reason}"), err=True)


def _show_progress(progress: PhaseProgress) -> None:
    """Show how far a phase is: in place on a terminal, at its end elsewhere."""
    mean = "" if progress.mean is None else f", mean reward {progress.mean:.3g}"
    unscored = f", {progress.unscored} unscored" if progress.unscored else ""
    line = f"{progress.what}: {progress.done} of {progress.of} attempts{mean}{unscored}"
    last = progress.done == progress.of
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line}", err=True, nl=last)
    elif last:
        click.echo(line, err=True)
