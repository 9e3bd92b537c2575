"""Help in sections, for commands with many options.

@click.command(cls=SectionedCommand)
@section("Dataset", option("--data", help="..."), option("--limit", help="..."))
@section("Output", json_option)
def command(...): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast
from weakref import WeakKeyDictionary

import click
from typing_extensions import override

Command: TypeAlias = Callable[..., None]
Decorator: TypeAlias = Callable[[Command], Command]

OTHER = "Other options"
_TITLES: WeakKeyDictionary[click.Parameter, str] = WeakKeyDictionary()


class SectionedCommand(click.Command):
    """A command whose help lists its options by section, in the order of declaration."""

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                sections.setdefault(_TITLES.get(parameter, OTHER), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def section(title: str, *options: Decorator) -> Decorator:
    """A decorator that adds options under a heading."""

    def decorated(command: Command) -> Command:
        known = set(_parameters(command))
        for add in reversed(options):
            command = add(command)
        for parameter in _parameters(command):
            if parameter not in known:
                _TITLES[parameter] = title
        return command

    return decorated


def _parameters(command: Command) -> list[click.Parameter]:
    """The parameters that decorators have added so far."""
    return cast("list[click.Parameter]", getattr(command, "__click_params__", []))
