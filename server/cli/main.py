"""The command line `experience-mcp`.

Hosts start it, so what a command does not need is not imported: a command's module is loaded when
it runs, and the list of commands in `--help` comes from the table below.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import TextIOWrapper

import click

from experience_store.errors import ExperienceError
from server import APP
from server.cli import INTERRUPTED


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is and what `--help` says about it."""

    module: str
    attribute: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "serve": Entry(
        "server.cli.commands.serve",
        "serve",
        "Run the MCP server on stdin and stdout, or over HTTP.",
    ),
    "submit": Entry(
        "server.cli.commands.submit", "submit", "Store groups of attempts from JSON lines."
    ),
    "learn": Entry(
        "server.cli.commands.learn",
        "learn",
        "Learn now from all groups that wait, with the configured model.",
    ),
    "practice": Entry(
        "server.practice.cli.practice",
        "practice",
        "Practise on tasks until the library knows how, and measure the gain.",
    ),
    "evaluate": Entry(
        "server.practice.cli.evaluate",
        "evaluate",
        "Measure what a library is worth: the same tasks with and without it.",
    ),
    "show": Entry(
        "server.cli.commands.show",
        "show",
        "Show the experiences of a library, or those that fit a task.",
    ),
    "libraries": Entry(
        "server.cli.commands.libraries",
        "libraries",
        "List the libraries: what they hold and what waits.",
    ),
    "history": Entry(
        "server.cli.commands.history",
        "history",
        "Show what changed in a library, version by version.",
    ),
    "diff": Entry("server.cli.commands.diff", "diff", "Compare two versions of a library."),
    "rollback": Entry(
        "server.cli.commands.rollback", "rollback", "Go back to an older version of a library."
    ),
    "why": Entry(
        "server.cli.commands.why", "why", "Show what led to an experience, back to the attempts."
    ),
    "describe": Entry(
        "server.cli.commands.describe",
        "describe",
        "Show or set what a library is for and how it learns.",
    ),
    "edit": Entry("server.cli.commands.edit", "edit", "Change experiences by hand."),
    "review": Entry(
        "server.cli.commands.review",
        "review",
        "Publish or reject what was learned and waits for review.",
    ),
    "delete": Entry(
        "server.cli.commands.delete", "delete", "Erase a library with everything in it."
    ),
    "export": Entry(
        "server.cli.commands.export",
        "export",
        "Write a library with its whole history to a file, or as an Agent Skill.",
    ),
    "import": Entry("server.cli.commands.import_", "import_", "Read a library from a file."),
    "install": Entry(
        "server.cli.commands.install", "install", "Put the server into a host's configuration."
    ),
    "token": Entry(
        "server.cli.commands.token",
        "token",
        "Make, list and revoke the tokens that clients sign in with over HTTP.",
    ),
    "doctor": Entry(
        "server.cli.commands.doctor", "doctor", "Look for what is wrong with the set-up."
    ),
    "demo": Entry(
        "server.cli.commands.demo",
        "demo",
        "Watch a library learn: offline, no key, recorded attempts and answers of a real model.",
    ),
}


class Commands(click.Group):
    """A group that loads a command when it runs, and says errors in a line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands that are installed, in the order of the table."""
        del ctx
        return [name for name, entry in COMMANDS.items() if find_spec(entry.module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        if entry is None or not find_spec(entry.module):
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command), "the table names commands"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; a misspelt one gets a suggestion."""
        if args[0] not in COMMANDS:
            from difflib import get_close_matches  # noqa: PLC0415  # only for this

            if close := get_close_matches(args[0], COMMANDS, n=1):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].summary) for name in self.list_commands(ctx)])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Serve when a host starts the program without a command."""
        if not args and not sys.stdin.isatty():
            args = ["serve"]
        elif args and args[0].startswith("-") and args[0] not in {"--help", "-h", "--version"}:
            if later := next((arg for arg in args if arg in COMMANDS), None):
                raise click.UsageError(
                    f"options stand after the command: {APP} {later} {args[0]} …", ctx
                )
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what goes wrong in a known way is a line, not a traceback."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # terminals of a lesser encoding
        try:
            return super().invoke(ctx)
        except ExperienceError as error:
            raise click.ClickException(str(error)) from error
        except (KeyboardInterrupt, click.Abort) as error:
            raise click.exceptions.Exit(INTERRUPTED) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(_said(error)) from error


def _said(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


@click.group(
    cls=Commands,
    context_settings={
        "auto_envvar_prefix": "EXPERIENCE_MCP",
        "help_option_names": ["-h", "--help"],
        "color": False if os.environ.get("NO_COLOR") else None,
        "max_content_width": 100,
    },
    epilog="Every option can also be given in the environment, see the help of its command.",
)
@click.version_option(package_name=APP, message="%(package)s %(version)s", allow_from_autoenv=False)
def main() -> None:
    """A memory of what works, for any agent.

    An MCP host starts `experience-mcp serve`, also when no command is given. The other commands
    are for you: hand in attempts, learn, and see what was learned and why.
    """
