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

from server.cli.options import Command

Decorator: TypeAlias = Callable[[Command], Command]

GENERAL = "Options"  # heading of the options without a section
_TITLES: WeakKeyDictionary[click.Parameter, str] = WeakKeyDictionary()


class SectionedCommand(click.Command):
    """A command whose help lists its options by section, in the order of declaration."""

    @override
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(section_of(parameter), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def section_of(parameter: click.Parameter) -> str:
    """The heading that a parameter is listed under."""
    return _TITLES.get(parameter, GENERAL)


def section(title: str, *options: Decorator) -> Decorator:
    """A decorator that adds options under a heading; sections among them keep their own."""

    def decorated(command: Command) -> Command:
        known = set(_parameters(command))
        for add in reversed(options):
            command = add(command)
        for parameter in _parameters(command):
            if parameter not in known:
                _TITLES.setdefault(parameter, title)
        return command

    return decorated


def _parameters(command: Command) -> list[click.Parameter]:
    """The parameters that decorators have added so far."""
    return cast("list[click.Parameter]", getattr(command, "__click_params__", []))
