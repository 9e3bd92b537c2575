"""The options that several commands share, each with its environment variable.

API keys are read from the environment only: every process of the machine can read a command line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

import click
from click.core import ParameterSource
from typing_extensions import override

from experience_store.library import DEFAULT_LIBRARY
from server.cli.number_types import Number, WholeNumber
from server.settings import (
    MIN_PROMPT_TOKENS,
    ModelSettings,
    Prices,
    Settings,
    default_database,
    is_header,
    secret_in,
)

Command: TypeAlias = Callable[..., None]
T = TypeVar("T")

AUTHOR = "cli"  # author of the changes that a command makes
ENVIRONMENT = "EXPERIENCE_MCP_"
KEY_NAMES = (f"{ENVIRONMENT}API_KEY", "OPENAI_API_KEY")
NO_KEY = "none"  # local model servers accept any
KEY_MISSING = (
    f"the model {{}} needs an API key: set {' or '.join(reversed(KEY_NAMES))} in the environment "
    "(for a host, in its entry for this server), or name another endpoint with --base-url"
)
_DEFAULT = Settings(database=Path())
_MODEL = ModelSettings("", "")


def shared(*names: str, **attributes: object) -> Callable[[Command], Command]:
    """An option that has one environment variable for all commands."""
    variable = ENVIRONMENT + names[0].lstrip("-").replace("-", "_").upper()
    attributes.setdefault("envvar", variable)
    return click.option(*names, show_envvar=True, **attributes)  # pyright: ignore[reportArgumentType]  # click's own


def option(*names: str, **attributes: object) -> Callable[[Command], Command]:
    """An option of one command, whose name is in the environment variable."""
    return click.option(*names, show_envvar=True, **attributes)  # pyright: ignore[reportArgumentType]  # click's own


def _database(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Path:
    if value is None:
        return default_database()
    text = value.removeprefix("sqlite:///")
    if not text or "://" in text:
        raise click.BadParameter("only SQLite is supported: give the path of a file")
    return Path(text).expanduser()


class _VersionNumber(click.IntRange):
    """The number of a version, from 0."""

    name = "version number"  # in errors


class _JsonObject(click.ParamType["dict[str, object]"]):
    """A JSON object, given as text."""

    name = "JSON object"

    @override
    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, object]:
        try:
            read: object = json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"is not JSON ({error}): write a JSON object in quotes", param, ctx)
        if not isinstance(read, dict):
            self.fail('must be a JSON object, such as \'{"name": "value"}\'', param, ctx)
        return cast("dict[str, object]", read)


VERSION = _VersionNumber(min=0)
JSON_OBJECT = _JsonObject()
database_option = shared(
    "--database",
    metavar="FILE",
    callback=_database,
    help="Database file.  [default: in the user's data directory]",
)
json_option = shared(
    "--json",
    "as_json",
    envvar=f"{ENVIRONMENT}JSON",
    is_flag=True,
    help="Print JSON instead of text.",
)


def max_tokens_option(purpose: str) -> Callable[[Command], Command]:
    """The token budget of the experiences served."""
    return shared(
        "--max-tokens",
        metavar="N",
        type=WholeNumber(min=0),
        default=_DEFAULT.max_tokens,
        show_default=True,
        help=purpose,
    )


def _library_flag(**attributes: object) -> Callable[[Command], Command]:
    """-l/--library; by default the environment's library or the default one."""
    by_default: dict[str, object] = {
        "metavar": "NAME",
        "default": DEFAULT_LIBRARY,
        "show_default": True,
        "help": "Library to use.",
    }
    return shared("--library", "-l", **{**by_default, **attributes})


library_option = _library_flag()
_SAME: dict[str, object] = {"help": "Same as LIBRARY."}


def library_argument(
    *, before_required: bool = False, **attributes: object
) -> Callable[[Command], Command]:
    """The library as an argument or as -l/--library; the command gets it as `library`.

    Args:
        before_required: Whether required arguments follow LIBRARY. They are filled first, so that
            `rollback 3` and `rollback LIBRARY 3` both work. Otherwise LIBRARY is filled first.
        attributes: Attributes of --library that differ from the usual ones.
    """

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(
            *, named: str | tuple[str, ...] | None, library: str | None, **given: object
        ) -> None:
            first, *others = [named] if isinstance(named, str) else named or [None]
            if others:
                raise click.UsageError(f"Got unexpected extra argument ({others[-1]})")
            command(library=_one_library(first, library), **given)

        nargs = -1 if before_required else 1
        argument = click.argument("named", metavar="[LIBRARY]", nargs=nargs, required=False)
        return argument(_library_flag(**{**_SAME, **attributes})(run))

    return decorated


def leading_library(
    parameter: str, is_library: Callable[[tuple[str, ...]], bool]
) -> Callable[[Command], Command]:
    """The same for a command that takes any number of arguments, of which LIBRARY is the first.

    Args:
        parameter: The arguments; the command gets them without the library.
        is_library: Whether the first of these arguments, at least one, names a library.
    """

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(*, library: str, **given: object) -> None:
            arguments = given.pop(parameter)
            assert isinstance(arguments, tuple), "it has nargs=-1"
            values: tuple[str, ...] = arguments  # pyright: ignore[reportUnknownVariableType]
            first = values[0] if values and is_library(values) else None
            given[parameter] = values[1:] if first else values
            command(library=_one_library(first, library), **given)

        return _library_flag(**_SAME)(run)

    return decorated


def _one_library(argument: str | None, flag: str | None) -> str | None:
    """The library that was named; an argument goes before the environment.

    An empty name is an error: it is a variable of a script that was not set, as a rule.
    """
    if "" in (argument, flag):
        raise click.UsageError("the name of the LIBRARY is empty: give it, or leave it out")
    source = click.get_current_context().get_parameter_source("library")
    if argument and source is ParameterSource.COMMANDLINE and argument != flag:
        raise click.UsageError(
            f"LIBRARY is {argument!r}, but --library is {flag!r}: give one of them"
        )
    return argument or flag


def _model_option(
    purpose: str = "Model that does the learning; a server without one asks its host's model.",
) -> Callable[[Command], Command]:
    return shared("--model", metavar="NAME", help=purpose)


_MODEL_OPTIONS = (
    shared(
        "--base-url",
        metavar="URL",
        envvar=[f"{ENVIRONMENT}BASE_URL", "OPENAI_BASE_URL"],
        help="OpenAI-compatible endpoint of the model. Its API key is read from "
        f"{' or, if unset, '.join(KEY_NAMES)}; an endpoint named here may need none.  [default: "
        "OpenAI's]",
    ),
    shared(
        "--concurrency",
        metavar="N",
        type=WholeNumber(min=1),
        default=_MODEL.concurrency,
        show_default=True,
        help="Maximum concurrent model calls.",
    ),
    shared(
        "--timeout",
        metavar="SECONDS",
        type=Number(min=0, min_open=True),
        default=_MODEL.timeout,
        show_default=True,
        help="Timeout of a model call.",
    ),
    shared(
        "--retries",
        metavar="N",
        type=WholeNumber(min=0),
        default=_MODEL.retries,
        show_default=True,
        help="Retries on 429, 5xx and lost connections; a timeout is retried once.",
    ),
    shared(
        "--price-prompt",
        metavar="PRICE",
        type=Number(min=0),
        help="Price per million prompt tokens, in any currency.",
    ),
    shared(
        "--price-cached",
        metavar="PRICE",
        type=Number(min=0),
        help="Price per million cached prompt tokens.  [default: the prompt price]",
    ),
    shared(
        "--price-completion",
        metavar="PRICE",
        type=Number(min=0),
        help="Price per million completion tokens.",
    ),
    shared(
        "--model-headers",
        metavar="JSON",
        type=JSON_OBJECT,
        help='Additional HTTP headers of model calls: \'{"X-Team": "support"}\'.',
    ),
    shared(
        "--model-body",
        metavar="JSON",
        type=JSON_OBJECT,
        help="Additional fields of model calls, for what only this endpoint knows: "
        '\'{"reasoning_effort": "low"}\'.',
    ),
)
_PROMPT_TOKENS = shared(
    "--model-prompt-tokens",
    metavar="N",
    type=WholeNumber(min=MIN_PROMPT_TOKENS),
    help="Maximum tokens of the learner's prompts, for a model with a small context window: its "
    "size less 1,000 for the answer.  [default: up to 24,000]",
)
_THRESHOLDS = (
    shared(
        "--learn-groups",
        metavar="N",
        type=WholeNumber(min=1),
        default=_MODEL.learn_groups,
        show_default=True,
        help="With --model: start learning once N groups are waiting.",
    ),
    shared(
        "--learn-after",
        metavar="SECONDS",
        type=Number(min=0),
        default=_MODEL.learn_after,
        show_default=True,
        help="With --model: start learning once a group has waited SECONDS, even if fewer wait.",
    ),
)


def model_options(
    *, thresholds: bool = False, needs_key: bool = True, purpose: str | None = None
) -> Callable[[Command], Command]:
    """The options of the model that learns; the command gets them as `model`, None if unnamed.

    Args:
        thresholds: Whether to add the options of learning in the background.
        needs_key: Whether a missing API key is an error; otherwise the key is empty.
        purpose: Help text of --model, if the model does not learn.
    """
    more = (*(() if purpose else (_PROMPT_TOKENS,)), *(_THRESHOLDS if thresholds else ()))
    options = (_model_option(purpose) if purpose else _model_option(), *_MODEL_OPTIONS, *more)

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(**given: object) -> None:
            model = _model(given)
            if model and not model.api_key and needs_key:
                raise click.ClickException(KEY_MISSING.format(model.name))
            command(model=model, **given)

        complete: Command = run
        for add in reversed(options):
            complete = add(complete)
        return complete

    return decorated


def api_key() -> str | None:
    """The API key of the model, from the environment."""
    return next((key for name in KEY_NAMES if (key := secret_in(name))), None)


def _headers(given: dict[str, object]) -> dict[str, str]:
    headers = {name: str(value) for name, value in _object(given, "model_headers").items()}
    for name, value in headers.items():
        if not (name and is_header(name) and is_header(value)):
            raise click.UsageError(f"--model-headers: {name!r} is no header that can be sent")
    return headers


def _model(given: dict[str, object]) -> ModelSettings | None:
    """The model that the options describe, which are removed from `given`."""
    name = _pop(given, "model", str)
    base_url = _pop(given, "base_url", str)
    settings = ModelSettings(
        name=name or "",
        api_key=api_key() or (NO_KEY if base_url else ""),
        base_url=base_url,
        concurrency=_pop(given, "concurrency", int) or _MODEL.concurrency,
        timeout=_pop(given, "timeout", float) or _MODEL.timeout,
        retries=_default(_pop(given, "retries", int), _MODEL.retries),
        prices=_prices(given),
        headers=_headers(given),
        extra_body=_object(given, "model_body"),
        learn_groups=_pop(given, "learn_groups", int) or _MODEL.learn_groups,
        learn_after=_default(_pop(given, "learn_after", float), _MODEL.learn_after),
        prompt_tokens=_pop(given, "model_prompt_tokens", int),
    )
    return settings if settings.name else None


def _prices(given: dict[str, object]) -> Prices | None:
    prompt = _pop(given, "price_prompt", float)
    cached = _pop(given, "price_cached", float)
    completion = _pop(given, "price_completion", float)
    if prompt is None and cached is None and completion is None:
        return None
    return Prices(prompt or 0.0, _default(cached, prompt or 0.0), completion or 0.0)


def _pop(given: dict[str, object], name: str, kind: type[T]) -> T | None:
    value = given.pop(name, None)
    assert value is None or isinstance(value, kind), "click converted it"
    return value


def _object(given: dict[str, object], name: str) -> dict[str, object]:
    return cast("dict[str, object] | None", given.pop(name, None)) or {}


def _default(value: T | None, default: T) -> T:
    return default if value is None else value
