"""Help with headings: a command with many options lists them in sections."""

from __future__ import annotations

from collections.abc import Mapping

import click

GENERAL = "Options"


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections.

    Args:
        sections: Headings by the first option of each section: `{"--model": "Model"}`. Options
            before the first section, --json and --help are listed as "Options".
    """

    def __init__(self, *args: object, sections: Mapping[str, str], **attributes: object) -> None:
        super().__init__(*args, **attributes)  # pyright: ignore[reportArgumentType]  # click's own
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section."""
        records: dict[str, list[tuple[str, str]]] = {GENERAL: []}
        heading = GENERAL
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is None or not isinstance(option, click.Option):
                continue
            heading = self.sections.get(option.opts[0], heading)
            is_general = not {"--json", "--help"}.isdisjoint(option.opts)
            records.setdefault(GENERAL if is_general else heading, []).append(record)
        for title, options in records.items():
            with formatter.section(title):
                formatter.write_dl(options)
