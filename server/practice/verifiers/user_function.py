"""A verifier of the user's own: `module:function`."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from threading import Thread
from traceback import extract_tb, format_exception
from types import ModuleType
from typing import ParamSpec, TypeAlias, cast

from typing_extensions import override

from experience_store.errors import BadInputError
from experience_store.submissions.clean_text import clean
from server.practice.records import Rollout, Score, Task
from server.practice.verifiers.function_results import read_result
from server.practice.verifiers.protocol import AnswerVerifier, VerifierError, shortened

TIME_LIMIT = 120.0  # seconds for one call, unless said otherwise
MAX_HANGING = 32  # calls that were given up and still run, each taking a share of the machine
OURS = Path(__file__).parents[2]
_INSTALLED = {"site-packages", "dist-packages"}

Function: TypeAlias = Callable[[Task, Rollout], object]
P = ParamSpec("P")


class UserFunction(AnswerVerifier):
    """What a function of the user's says.

    Called as `function(task, rollout)`, with a `Task` and a `Rollout` of `server.practice.records`.
    It returns what `read_result` can read: a reward, or one with feedback; None leaves the attempt
    unscored. What its `Score` says that it `spent` counts in the run's budget. One that is not
    async works in a thread. One that raises leaves the attempt unscored, and the error says where.
    A call that does not end in time is given up, and the attempt stays unscored.
    """

    def __init__(
        self,
        name: str,
        function: Function,
        time_limit: float = TIME_LIMIT,
        code: str | None = None,
    ) -> None:
        """Use a function.

        Args:
            name: How it was asked for.
            function: Scores.
            time_limit: Seconds for one call.
            code: A mark that changes with its code, if that can be known.
        """
        self.code = code
        self.name = name
        self._function = function
        self._time_limit = time_limit
        self._threads = DaemonThreads()

    @override
    async def score(self, task: Task, rollout: Rollout) -> Score:
        if (hanging := self._threads.hanging) >= MAX_HANGING:
            raise VerifierError(f"{hanging} calls of {self.name} do not end; no more are started")
        clock = asyncio.timeout(self._time_limit)
        try:
            async with clock:
                return read_result(self.name, await self._called(task, rollout))
        except VerifierError:
            raise
        except (asyncio.CancelledError, SystemExit) as error:
            if _is_being_cancelled():
                raise
            raise self._raised(error) from error  # it is the function's own
        except Exception as error:
            if clock.expired():
                late = f"gave no verdict within {self._time_limit:g} seconds"
                raise VerifierError(f"{self.name} {late} (--verifier-seconds)") from error
            raise self._raised(error) from error

    async def _called(self, task: Task, rollout: Rollout) -> object:
        if _is_async(self._function):
            result = self._function(task, rollout)
        else:
            outcome = await self._threads.call(self._function, task, rollout)
            if outcome.error is not None:
                raise self._raised(outcome.error) from outcome.error
            result = outcome.value
        return await result if inspect.isawaitable(result) else result

    def _raised(self, error: BaseException) -> VerifierError:
        if isinstance(error, VerifierError):
            return error
        place = _place(error, self._function)
        what = f"{self.name} raised {type(error).__name__}{place and f' in {place}'}: {error}"
        return VerifierError(what, traceback=clean("".join(format_exception(error))))


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _place(error: BaseException, function: Callable[..., object]) -> str:
    """File and line of the innermost frame in the user's own code, or else of the innermost."""
    frames = [
        frame for frame in extract_tb(error.__traceback__) if not _is_below(frame.filename, OURS)
    ]
    folders = [Path.cwd(), *(path.parent for path in _files_of(function))]
    own = [f for f in frames if any(_is_below(f.filename, folder) for folder in folders)]
    if not (chosen := own or frames):
        return ""
    path, line = Path(chosen[-1].filename), chosen[-1].lineno
    return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{line}"


def _is_below(file: str, folder: Path) -> bool:
    """Whether a file is in a folder, and not in a package that is installed there."""
    path = Path(file)
    return path.is_relative_to(folder) and not _INSTALLED & set(path.relative_to(folder).parts)


def load_function(spec: str, time_limit: float = TIME_LIMIT) -> UserFunction:
    """Import `module:function`, from the current directory or wherever Python finds it.

    Args:
        spec: Its name.
        time_limit: Seconds for one call.

    Raises:
        BadInputError: If there is no such function, or it cannot be called with task and rollout.
    """
    module_name, _, name = spec.partition(":")
    if not module_name or not name.isidentifier():
        raise BadInputError(f"{spec!r}: write module:function")
    try:
        with _current_directory():
            module = import_module(module_name)
    except Exception as error:
        said = shortened(f"{type(error).__name__}: {error}")
        raise BadInputError(
            f"{spec}: {module_name} cannot be imported from {Path.cwd()} ({said})"
        ) from error
    names = dir(module)
    if name not in names:
        close = get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise BadInputError(f"{spec}: {module_name} has no {name!r}{hint}")
    function = _callable(spec, getattr(module, name))
    return UserFunction(spec, function, time_limit, _mark_of(module, function))


def _mark_of(module: ModuleType, function: Function) -> str | None:
    """The files in which the function is named and written, and a mark that changes with them.

    They are taken as a whole: what scores may be a helper beside the function.
    """
    files = _files_of(module, inspect.unwrap(function), type(function))
    if not files:
        return None
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]
    return f"{', '.join(path.name for path in files)} ({digest})"


def _files_of(*items: object) -> list[Path]:
    """The files in which these are written, as far as they are."""
    paths: set[Path] = set()
    for item in items:
        with suppress(TypeError):  # what is built in has none
            if found := inspect.getsourcefile(cast("ModuleType", item)):
                paths.add(Path(found))
    return sorted(path for path in paths if path.is_file())


def _callable(spec: str, value: object) -> Function:
    if not callable(value):
        raise BadInputError(f"{spec}: is a {type(value).__name__}, not a function")
    try:
        inspect.signature(value).bind("task", "rollout")
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"{spec}: must be callable as function(task, rollout) ({error})"
        ) from error
    if inspect.isgeneratorfunction(value) or inspect.isasyncgenfunction(value):
        raise BadInputError(f"{spec}: is a generator: it says yield where it must return")
    return cast("Function", value)


def _is_async(function: Callable[..., object]) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004  # of an instance
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


@contextmanager
def _current_directory() -> Generator[None]:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of a call: a value, or what it raised."""

    value: object = None
    error: BaseException | None = None


class DaemonThreads:
    """Runs calls in daemon threads, which neither a timeout nor the end of the program waits for.

    A thread cannot be killed: one that still runs after its caller gave it up is left alone, and
    counted.
    """

    def __init__(self) -> None:
        self._left: set[Thread] = set()

    @property
    def hanging(self) -> int:
        """How many calls were given up and still run."""
        self._left = {thread for thread in self._left if thread.is_alive()}
        return len(self._left)

    async def call(
        self, function: Callable[P, object], *arguments: P.args, **named: P.kwargs
    ) -> CallOutcome:
        """Call a function; cancelling this gives the call up."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[CallOutcome] = loop.create_future()

        def tell(outcome: CallOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        def work() -> None:
            try:
                outcome = CallOutcome(function(*arguments, **named))
            except BaseException as error:  # noqa: BLE001  # the caller decides
                outcome = CallOutcome(error=error)
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(tell, outcome)

        # not a pool's: the interpreter waits for those when it ends
        thread = Thread(target=copy_context().run, args=(work,), daemon=True)
        thread.start()
        try:
            return await future
        except asyncio.CancelledError:
            self._left.add(thread)
            raise
