"""Libraries of experiences: domain, storage, retrieval and learning; no MCP, model or HTTP.

Reading order:

- the domain: `library`, `trajectory`, `operations`, `version`, `errors`;
- `submissions` parses what clients send, `safety` decides what must not be stored or taught;
- `store` has the protocols of a backend, `sqlite` implements them, `scoped` limits a store to a
  caller's libraries, `archive` is a library as a file;
- `retrieval` finds the experiences for a task, `index_cache` caches its indexes;
- `learning` is the update as a value, `update_runner` makes it durable;
- `testing` has fakes for tests.
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
    from experience_store.sqlite.store import SqliteStore  # noqa: PLC0415  # only a backend imports its driver

    text = str(url)
    if text.startswith("sqlite:///"):
        text = text.removeprefix("sqlite:///")
    elif "://" in text:
        raise BadInputError(
            f"unsupported store URL {text.split('://')[0]}://; use a file path or sqlite:///"
        )
    return await SqliteStore.open(Path(text).expanduser())  # noqa: ASYNC240  # no I/O worth a thread
