"""Libraries of experiences: domain, retrieval, learning and storage. No MCP, no model, no HTTP.

Reading order:

- the domain: `library`, `trajectory`, `operations`, `version`, `errors`;
- `submissions` reads what clients send, `safety` says what must not be stored or taught;
- `store` has the protocols of a backend, `sqlite` is one, `scoped` a view for a caller who reaches
  some libraries only, `archive` a library as a file;
- `retrieval` finds the experiences for a task, `index_cache` keeps its indexes;
- `learning` is the update as a value, `update_runner` makes it durable.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from experience_store.errors import BadInputError

if TYPE_CHECKING:
    from experience_store.store import Store


async def open_store(url: str | Path) -> Store:
    """Open the store at a file path or a `sqlite:///path` URL; create it if it does not exist.

    Raises:
        BadInputError: If no backend supports the URL.
        StorageError: If it cannot be opened.
    """
    from experience_store.sqlite.store import SqliteStore  # noqa: PLC0415  # a driver is loaded only by its backend

    text = str(url)
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif "://" in text:
        raise BadInputError(
            f"unsupported store URL {text.split('://')[0]}://; use a file path or sqlite:///"
        )
    return await SqliteStore.open(_expanded(text))


def _expanded(path: str) -> Path:
    return Path(path).expanduser()
