"""How a host is told to start the server."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from experience_store.library import DEFAULT_LIBRARY
from server import APP
from server.child_process import cli_command
from server.cli.options import KEY_NAMES, NO_KEY
from server.settings import ModelSettings, default_database

HOST_VARIABLES = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
_DATA_HOME = "XDG_DATA_HOME"


def program() -> list[str]:
    """The absolute command that starts this very program."""
    beside = Path(sys.executable).with_name(APP)
    found = shutil.which(APP) or (str(beside) if beside.exists() else None)
    if found is None:
        return cli_command()
    return [str(Path(found).absolute())]


def database_of_host() -> Path:
    """The database that a child uses which is given nothing but what hosts pass on."""
    kept = os.environ.pop(_DATA_HOME, None)
    try:
        return default_database()
    finally:
        if kept is not None:
            os.environ[_DATA_HOME] = kept


def launch(*, shared: bool = False) -> list[str]:
    """The command for a host's configuration that starts this program.

    From a package index it is asked for by name, so that it is found after an upgrade, too; uvx
    itself by its path, because hosts with windows often do not have the shell's PATH. From
    anywhere else it is this very program.

    Args:
        shared: For a file that goes to other machines: without uvx's path.
    """
    uvx = shutil.which("uvx")
    if uvx is None:
        return program()
    runner = "uvx" if shared else str(Path(uvx).absolute())
    origin = distribution(APP).read_text("direct_url.json")  # PEP 610: none from an index
    if origin is None:
        return [runner, APP]
    if _may_be_cleared():
        url = urlsplit(str(json.loads(origin)["url"]))
        return [
            runner,
            "--from",
            url2pathname(url.path) if url.scheme == "file" else url.geturl(),
            APP,
        ]
    return program()


def _may_be_cleared() -> bool:
    """Whether this program runs in a cache, as `uvx --from FILE` does it."""
    return any((parent / "CACHEDIR.TAG").exists() for parent in Path(sys.prefix).parents)


def serve_arguments(database: Path, library: str) -> list[str]:
    """`serve` with the options that differ from what a host's child would take by itself."""
    arguments = ["serve"]
    if database != database_of_host():
        arguments += ["--database", str(database.absolute())]
    if library != DEFAULT_LIBRARY:
        arguments += ["--library", library]
    return arguments


def host_entry(database: Path, library: str, model: ModelSettings | None) -> dict[str, object]:
    """The block for a host's `mcp.json` that means the same as the settings here."""
    command, *arguments = [*launch(), *serve_arguments(database, library)]
    entry: dict[str, object] = {"command": command, "args": arguments}
    if model is not None:
        arguments += ["--model", model.name]
        if model.base_url:
            arguments += ["--base-url", model.base_url]
        if model.api_key != NO_KEY:
            entry["env"] = {KEY_NAMES[-1]: "<your key>"}
    return {"mcpServers": {"experience": entry}}
