"""The command that starts this server, for a host's configuration."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from experience_store.library import DEFAULT_LIBRARY
from server import APP
from server.child_process import cli_command
from server.cli.options import KEY_NAMES, NO_KEY
from server.installation import installed_from
from server.settings import ModelSettings, default_database

HOST_VARIABLES = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
_DATA_HOME = "XDG_DATA_HOME"


def program() -> list[str]:
    """The absolute command that starts this program."""
    beside = Path(sys.executable).with_name(APP)
    found = shutil.which(APP) or (str(beside) if beside.exists() else None)
    if found is None:
        return cli_command()
    return [str(Path(found).absolute())]


def database_of_host() -> Path:
    """The default database of a child process that gets only the variables hosts pass on."""
    kept = os.environ.pop(_DATA_HOME, None)
    try:
        return default_database()
    finally:
        if kept is not None:
            os.environ[_DATA_HOME] = kept


def launch_command(*, shared: bool = False) -> list[str]:
    """The command for a host's configuration that starts this program.

    Installed from a package index, the program is started by name, so that upgrades are found; uvx
    by its path, because desktop applications often lack the shell's PATH. Installed from anywhere
    else, it is this program by its path.

    Args:
        shared: Whether the file goes to other machines, where uvx has another path.
    """
    uvx = shutil.which("uvx")
    if uvx is None:
        return program()
    runner = "uvx" if shared else str(Path(uvx).absolute())
    source = installed_from()
    if source is None:
        return [runner, APP]
    if _may_be_cleared():
        return [runner, "--from", source, APP]
    return program()


def _may_be_cleared() -> bool:
    """Whether this program runs from a cache, as with `uvx --from FILE`."""
    return any((parent / "CACHEDIR.TAG").exists() for parent in Path(sys.prefix).parents)


def serve_arguments(database: Path, library: str) -> list[str]:
    """`serve` with the options that differ from its defaults in a host."""
    arguments = ["serve"]
    if database != database_of_host():
        arguments += ["--database", str(database.absolute())]
    if library != DEFAULT_LIBRARY:
        arguments += ["--library", library]
    return arguments


def host_entry(database: Path, library: str, model: ModelSettings | None) -> dict[str, object]:
    """The block for a host's `mcp.json` with the same meaning as these settings."""
    command, *arguments = [*launch_command(), *serve_arguments(database, library)]
    entry: dict[str, object] = {"command": command, "args": arguments}
    if model is not None:
        arguments += ["--model", model.name]
        if model.base_url:
            arguments += ["--base-url", model.base_url]
        if model.api_key != NO_KEY:
            entry["env"] = {KEY_NAMES[-1]: "<your key>"}
    return {"mcpServers": {"experience": entry}}
