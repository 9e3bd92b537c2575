"""The command line `experience-mcp`.

Hosts start it, so it starts fast: the module of a command is imported when the command runs, and
`--help` lists the commands from the table below.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from io import TextIOWrapper
from keyword import iskeyword

import click

from experience_store.errors import ExperienceError
from server import APP
from server.cli import INTERRUPTED

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Set up": {
        "demo": "Watch a library learn: offline, no key, recorded attempts and answers of a real "
        "model.",
        "install": "Add the server to a host's configuration.",
        "doctor": "Check the setup and suggest fixes.",
        "serve": "Run the MCP server on stdin and stdout, or over HTTP.",
        "token": "Create, list and revoke access tokens for HTTP clients.",
    },
    "Learn": {
        "submit": "Store attempts from files.",
        "learn": "Learn now from all waiting groups, with the configured model.",
        "practice": "Practise on a dataset, learn from the attempts, and measure the gain.",
        "evaluate": "Measure a library's effect: the same tasks with and without it.",
    },
    "Inspect and audit": {
        "libraries": "List the libraries, their size and what is waiting.",
        "show": "Show the experiences of a library, or those that fit a task.",
        "history": "Show the changes of a library, version by version.",
        "diff": "Compare two versions of a library.",
        "why": "Trace an experience back to the attempts that led to it.",
    },
    "Change and roll back": {
        "describe": "Show or set the objectives and the policy of a library.",
        "edit": "Add, revise or retire experiences by hand.",
        "review": "Publish or reject learned changes that are awaiting review.",
        "rollback": "Restore an older version of a library, as a new version.",
        "delete": "Delete a library with everything in it.",
    },
    "Export, import and back up": {
        "export": "Export a library with its history to a file, or as an Agent Skill.",
        "import": "Import a library, or experiences written elsewhere, from a file.",
        "backup": "Copy the whole database to FILE, while servers use it.",
        "restore": "Put the backup FILE in place of the database, which no server may have open.",
    },
}
SUMMARIES = {name: text for commands in SECTIONS.values() for name, text in commands.items()}
_PRACTICE = {"practice", "evaluate"}


def _module(command: str) -> str:
    """The module of a command: of the same name, but for those of practice."""
    if command in _PRACTICE:
        return "server.practice.cli.commands"
    return f"server.cli.commands.{_attribute(command)}"


def _attribute(command: str) -> str:
    return f"{command}_" if iskeyword(command) else command


class Commands(click.Group):
    """Imports a command when it runs, and reports known errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the table."""
        del ctx
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in SUMMARIES:
            return None
        command = getattr(import_module(_module(cmd_name)), _attribute(cmd_name))
        assert isinstance(command, click.Command), f"{cmd_name} is in its module"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command; the error for a misspelt one suggests a known one."""
        if args[0] not in SUMMARIES:
            from difflib import get_close_matches  # noqa: PLC0415  # only for this

            if close := get_close_matches(args[0], SUMMARIES, n=1):
                ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        width = max(len(name) for name in SUMMARIES)
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command, serve if the program is started by a host and not in a terminal."""
        if not args and not sys.stdin.isatty():
            args = ["serve"]
        elif args and args[0].startswith("-") and args[0] not in {"--help", "-h", "--version"}:
            if command := next((arg for arg in args if arg in SUMMARIES), None):
                raise click.UsageError(
                    f"put options after the command: {APP} {command} {args[0]} …", ctx
                )
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; known errors are one line, not a traceback."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")  # for terminals without UTF-8
        try:
            return super().invoke(ctx)
        except ExperienceError as error:
            raise click.ClickException(str(error)) from error
        except UnicodeEncodeError as error:  # Python decodes other bytes to half surrogates
            text = "an argument has bytes that are not UTF-8 text"
            raise click.ClickException(text) from error
        except (KeyboardInterrupt, click.Abort) as error:
            raise click.exceptions.Exit(INTERRUPTED) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(_reason(error)) from error
        except ExceptionGroup as group:  # a closed pipe may end a command amid its tasks
            if group.split(BrokenPipeError)[1] is not None:
                raise
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from group


def _reason(error: OSError) -> str:
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
    epilog="Every option has an environment variable, shown in the help of its command.",
)
@click.version_option(package_name=APP, message="%(package)s %(version)s", allow_from_autoenv=False)
def main() -> None:
    """A memory of what works, for any agent.

    MCP hosts start `experience-mcp serve`, or `experience-mcp` alone. The other commands are for
    you: submit attempts, learn, and see what was learned and why.
    """
