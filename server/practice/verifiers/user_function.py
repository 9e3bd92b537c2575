"""A verifier of the user's own: `module:function`."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import math
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from numbers import Real
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import ParamSpec, TypeAlias, cast

from typing_extensions import override

from experience_store.errors import BadInputError
from experience_store.submissions.clean_text import clean
from server.practice.records import Rollout, Score, Spent, Task
from server.practice.verifiers.protocol import Verifier, VerifierError, shortened

TIME_LIMIT = 120.0  # seconds for one call, unless said otherwise
MAX_HANGING = 32  # calls that were given up and still run, each taking a share of the machine
MAX_SPENT = 10**12  # of anything, by one call

Result: TypeAlias = float | bool | tuple[float | None, str] | Score | None
Function: TypeAlias = Callable[[Task, Rollout], Result | Awaitable[Result]]
P = ParamSpec("P")


class UserFunction(Verifier):
    """What a function of the user's says.

    Called as `function(task, rollout)`, with a `Task` and a `Rollout` of `server.practice.records`.
    It returns a reward (any finite number, or a bool), a tuple of reward and feedback, a whole
    `Score`, or None, which leaves the attempt unscored. What its `Score` says that it `spent`
    counts in the run's budget. One that is not async works in a thread.
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
    async def verify(self, task: Task, rollout: Rollout) -> Score:
        if (hanging := self._threads.hanging) >= MAX_HANGING:
            raise VerifierError(f"{hanging} calls of {self.name} do not end; no more are started")
        clock = asyncio.timeout(self._time_limit)
        try:
            async with clock:
                return self._score(await self._called(task, rollout))
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
        return VerifierError(f"{self.name} raised {type(error).__name__}: {error}")

    def _score(self, result: object) -> Score:
        match result:
            case Score():
                self._check_reward(result.reward)
                self._check_spent(result.spent)
                return result
            case None:
                return Score(reward=None, failure=f"{self.name} gave no reward")
            case tuple():
                reward, feedback = self._pair(cast("tuple[object, ...]", result))
                failure = f"{self.name} gave no reward" if reward is None else None
                text = clean(feedback)
                return Score(reward=reward, feedback=text, failure=failure)
            case _:
                return Score(reward=self._number(result))

    def _pair(self, result: tuple[object, ...]) -> tuple[float | None, str]:
        match result:
            case (reward, str(feedback)):
                return self._number(reward), feedback
            case _:
                raise self._wrong_type(f"tuple of {len(result)} that is not (number, feedback)")

    def _number(self, value: object) -> float | None:
        if value is None:
            return None
        if not isinstance(value, Real):
            raise self._wrong_type(type(value).__name__)
        try:
            return self._check_reward(float(value))
        except OverflowError as error:
            raise VerifierError(
                f"{self.name} gave a reward that is too large; it must be finite as a float"
            ) from error

    def _wrong_type(self, what: str) -> VerifierError:
        return VerifierError(
            f"{self.name} returned a {what}; it must return a number, a bool, None, "
            "(number, feedback) or a Score"
        )

    def _check_reward(self, reward: float | None) -> float | None:
        if reward is not None and not math.isfinite(reward):
            raise VerifierError(f"{self.name} gave {reward} for a reward; it must be finite")
        return reward

    def _check_spent(self, spent: Spent) -> None:
        counts = (spent.calls, spent.prompt_tokens, spent.cached_tokens, spent.completion_tokens)
        counts = (*counts, spent.estimated, spent.cost or 0.0)
        if not all(0 <= count <= MAX_SPENT for count in counts):
            raise VerifierError(
                f"{self.name} reports impossible spending: {spent!r}; each must be from 0 to "
                f"{MAX_SPENT:g}"
            )


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


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
    paths: set[Path] = set()
    for item in (module, inspect.unwrap(function), type(function)):
        with suppress(TypeError):  # what is built in has none
            if found := inspect.getsourcefile(item):
                paths.add(Path(found))
    files = sorted(path for path in paths if path.is_file())
    if not files:
        return None
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:12]
    return f"{', '.join(path.name for path in files)} ({digest})"


def _callable(spec: str, value: object) -> Function:
    if not callable(value):
        raise BadInputError(f"{spec}: is a {type(value).__name__}, not a function")
    try:
        inspect.signature(value).bind("task", "rollout")
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{spec}: must be callable as function(task, rollout)") from error
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
