"""Where this package was installed from, and how to add to it (PEP 610)."""

from __future__ import annotations

from importlib.metadata import distribution
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel

from server import APP


class _DirInfo(BaseModel):
    editable: bool = False


class _DirectUrl(BaseModel):
    url: str
    dir_info: _DirInfo = _DirInfo()


def installed_from() -> str | None:
    """The folder, file or URL that this package was installed from; None for a package index."""
    found = _direct_url()
    if found is None:
        return None
    url = urlsplit(found.url)
    return url2pathname(url.path) if url.scheme == "file" else url.geturl()


def how_to_install(extra: str) -> str:
    """What to do to add an extra, by the way in which this package was installed."""
    found = _direct_url()
    if found is not None and found.dir_info.editable:  # a clone
        return f"run `uv sync --extra {extra}`"
    package = f"'{installed_from() or APP}[{extra}]'"
    return (
        f"install {package} with pip or `uv tool install`, or start it with `uvx --from {package} "
        f"{APP}`"
    )


def _direct_url() -> _DirectUrl | None:
    text = distribution(APP).read_text("direct_url.json")
    return None if text is None else _DirectUrl.model_validate_json(text)
