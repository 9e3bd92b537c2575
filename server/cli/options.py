"""The options that several commands share, each with its twin in the environment.

Keys are read from the environment only: what stands on a command line can be read by every
process of the machine.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeAlias, TypeVar

import click

from experience_store.library import DEFAULT_LIBRARY
from server.settings import ModelSettings, Prices, Settings, default_database

Command: TypeAlias = Callable[..., None]
T = TypeVar("T")

AUTHOR = "cli"  # the author of changes made by a command
ENVIRONMENT = "EXPERIENCE_MCP_"
KEY_NAMES = (f"{ENVIRONMENT}API_KEY", "OPENAI_API_KEY")
NO_KEY = "none"  # what servers on the own machine are content with
NO_KEY_FOR = (
    f"the model {{}} needs a key: set {' or '.join(reversed(KEY_NAMES))} in the environment (that "
    "of the host's entry for this server, too), or name another endpoint with --base-url"
)
_DEFAULT = Settings(database=Path())
_MODEL = ModelSettings("", "")


def shared(*names: str, **attributes: object) -> Callable[[Command], Command]:
    """An option whose environment twin has the option's name alone, not the command's."""
    twin = ENVIRONMENT + names[0].lstrip("-").replace("-", "_").upper()
    attributes.setdefault("envvar", twin)
    return click.option(*names, show_envvar=True, **attributes)  # pyright: ignore[reportArgumentType]  # click's own


def option(*names: str, **attributes: object) -> Callable[[Command], Command]:
    """An option of one command, with click's environment twin in the help."""
    return click.option(*names, show_envvar=True, **attributes)  # pyright: ignore[reportArgumentType]  # click's own


def _database(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Path:
    if value is None:
        return default_database()
    text = value.removeprefix("sqlite:///")
    if "://" in text:
        raise click.BadParameter("give the path of a file: this release stores in SQLite only")
    return Path(text).expanduser()


database_option = shared(
    "--database",
    metavar="FILE",
    callback=_database,
    help="Database file.  [default: in the user's data directory]",
)
library_option = shared(
    "--library",
    "-l",
    metavar="NAME",
    default=DEFAULT_LIBRARY,
    show_default=True,
    help="Library to work with.",
)
json_option = shared(
    "--json", "as_json", envvar=f"{ENVIRONMENT}JSON", is_flag=True, help="Print JSON."
)
max_tokens_option = shared(
    "--max-tokens",
    metavar="N",
    type=click.IntRange(min=0),
    default=_DEFAULT.max_tokens,
    show_default=True,
    help="Token budget for experiences when the caller names none.",
)


def library_argument(command: Command) -> Command:
    """The library as an argument or as --library, whichever is given; passed on as `library`."""

    @wraps(command)
    def run(*, named: str | None, library: str, **given: object) -> None:
        command(library=named or library, **given)

    return click.argument("named", metavar="[LIBRARY]", required=False)(library_option(run))


def _model_option(
    purpose: str = "Model that learns. Without one, the hosts' models do.",
) -> Callable[[Command], Command]:
    return shared("--model", metavar="NAME", help=purpose)


_MODEL_OPTIONS = (
    shared(
        "--base-url",
        metavar="URL",
        envvar=[f"{ENVIRONMENT}BASE_URL", "OPENAI_BASE_URL"],
        help="OpenAI-compatible endpoint of the model.  [default: OpenAI's]",
    ),
    shared(
        "--concurrency",
        metavar="N",
        type=click.IntRange(min=1),
        default=_MODEL.concurrency,
        show_default=True,
        help="Maximum concurrent model calls.",
    ),
    shared(
        "--timeout",
        metavar="SECONDS",
        type=click.FloatRange(min=0, min_open=True),
        default=_MODEL.timeout,
        show_default=True,
        help="Timeout of one model call.",
    ),
    shared(
        "--retries",
        metavar="N",
        type=click.IntRange(min=0),
        default=_MODEL.retries,
        show_default=True,
        help="Retries on 429, 5xx and connection errors.",
    ),
    shared(
        "--price-prompt",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="Price of a million prompt tokens, in any currency.",
    ),
    shared(
        "--price-cached",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="Price of a million cached prompt tokens.  [default: as other prompt tokens]",
    ),
    shared(
        "--price-completion",
        metavar="PRICE",
        type=click.FloatRange(min=0),
        help="Price of a million completion tokens.",
    ),
)
_THRESHOLDS = (
    shared(
        "--learn-groups",
        metavar="N",
        type=click.IntRange(min=1),
        default=_MODEL.learn_groups,
        show_default=True,
        help="With a model, learning begins when so many groups wait …",
    ),
    shared(
        "--learn-after",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        default=_MODEL.learn_after,
        show_default=True,
        help="… or when one has waited so long.",
    ),
)


def model_options(
    *, thresholds: bool = False, needs_key: bool = True, purpose: str | None = None
) -> Callable[[Command], Command]:
    """The options of the model that learns; passed on as `model`, None if none is named.

    Args:
        thresholds: Whether the command learns in the background.
        needs_key: Whether a model without a key is an error; else its key is empty.
        purpose: What the command uses the model for, if not for learning.
    """
    more = _THRESHOLDS if thresholds else ()
    options = (_model_option(purpose) if purpose else _model_option(), *_MODEL_OPTIONS, *more)

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(**given: object) -> None:
            model = _model(given)
            if model and not model.api_key and needs_key:
                raise click.ClickException(NO_KEY_FOR.format(model.name))
            command(model=model, **given)

        complete: Command = run
        for add in reversed(options):
            complete = add(complete)
        return complete

    return decorated


def api_key() -> str | None:
    """The key for the model, from the environment."""
    return next((key for name in KEY_NAMES if (key := os.environ.get(name))), None)


def _model(given: dict[str, object]) -> ModelSettings | None:
    """Take the model's options out of a command's."""
    name = _taken(given, "model", str)
    base_url = _taken(given, "base_url", str)
    settings = ModelSettings(
        name=name or "",
        api_key=api_key() or (NO_KEY if base_url else ""),
        base_url=base_url,
        concurrency=_taken(given, "concurrency", int) or _MODEL.concurrency,
        timeout=_taken(given, "timeout", float) or _MODEL.timeout,
        retries=_or(_taken(given, "retries", int), _MODEL.retries),
        prices=_prices(given),
        learn_groups=_taken(given, "learn_groups", int) or _MODEL.learn_groups,
        learn_after=_or(_taken(given, "learn_after", float), _MODEL.learn_after),
    )
    return settings if settings.name else None


def _prices(given: dict[str, object]) -> Prices | None:
    prompt = _taken(given, "price_prompt", float)
    cached = _taken(given, "price_cached", float)
    completion = _taken(given, "price_completion", float)
    if prompt is None and cached is None and completion is None:
        return None
    return Prices(prompt or 0.0, _or(cached, prompt or 0.0), completion or 0.0)


def _taken(given: dict[str, object], name: str, kind: type[T]) -> T | None:
    value = given.pop(name, None)
    assert value is None or isinstance(value, kind), "click has converted it"
    return value


def _or(value: T | None, default: T) -> T:
    return default if value is None else value
