"""How a host is told to start the server."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from experience_store.library import DEFAULT_LIBRARY
from server.cli import APP
from server.cli.options import KEY_NAMES, NO_KEY
from server.settings import ModelSettings, default_database

HOST_VARIABLES = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
_DATA_HOME = "XDG_DATA_HOME"


def program() -> list[str]:
    """The absolute command that starts this very program."""
    beside = Path(sys.executable).with_name(APP)
    found = shutil.which(APP) or (str(beside) if beside.exists() else None)
    if found is None:
        return [sys.executable, "-m", "server.cli"]
    return [str(Path(found).absolute())]


def database_of_host() -> Path:
    """The database that a child uses which is given nothing but what hosts pass on."""
    kept = os.environ.pop(_DATA_HOME, None)
    try:
        return default_database()
    finally:
        if kept is not None:
            os.environ[_DATA_HOME] = kept


def host_entry(database: Path, library: str, model: ModelSettings | None) -> dict[str, object]:
    """The block for a host's `mcp.json` that means the same as the settings here."""
    command, *arguments = program()
    arguments.append("serve")
    if database != database_of_host():
        arguments += ["--database", str(database.absolute())]
    if library != DEFAULT_LIBRARY:
        arguments += ["--library", library]
    entry: dict[str, object] = {"command": command, "args": arguments}
    if model is not None:
        arguments += ["--model", model.name]
        if model.base_url:
            arguments += ["--base-url", model.base_url]
        if model.api_key != NO_KEY:
            entry["env"] = {KEY_NAMES[-1]: "<your key>"}
    return {"mcpServers": {"experience": entry}}
