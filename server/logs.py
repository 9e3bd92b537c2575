"""Logging to stderr: as text, or as one JSON object per line."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import TypeAlias

ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FIELDS = (
    "request_id", "path", "who", "method", "tool", "outcome", "status", "milliseconds", "url",
)  # fmt: skip
_IN_MESSAGE = "url"  # for programs; a line of text has it already
_INPUT = re.compile(r", input_value=.*")  # pydantic quotes invalid input
_OWN = ("server", "experience_store")


def log_to_stderr(level: str, *, as_json: bool = False) -> None:
    """Configure logging for the process."""
    logging.basicConfig(level=level.upper(), stream=sys.stderr, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if as_json else Lines(TEXT))


def warn_on_stderr() -> None:
    """Print warnings as plain lines, for a command that somebody watches."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setFormatter(Lines("%(levelname)s: %(message)s"))


def hush_libraries(level: str) -> None:
    """Log only warnings of dependencies: they would log what a server's log must not keep."""
    logging.getLogger().setLevel(logging.WARNING)
    # it quotes the header that it refuses
    logging.getLogger("mcp.server.transport_security").setLevel(logging.CRITICAL)
    for name in _OWN:
        logging.getLogger(name).setLevel(level.upper())


class Lines(logging.Formatter):
    """A line of text, followed by the fields of a request."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line without a traceback."""
        fields = " ".join(
            f"{name}={value}" for name, value in _fields(record).items() if name != _IN_MESSAGE
        )
        line = super().formatMessage(record)
        return _escaped(f"{line} {fields}" if fields else line)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text, safe to print.

        The lines of a traceback are indented so that none looks like a record. Unprintable
        characters are escaped, since clients may have sent them.
        """
        line, *more = super().format(record).split("\n")
        return "\n".join([line, *(f"  {_escaped(text)}" for text in more)])

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # logging's name
        """The traceback, without input that an error quotes."""
        return _INPUT.sub("", super().formatException(ei))


class JsonLines(Lines):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _escaped(text: str) -> str:
    """Text without unprintable characters, in one line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    values = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in values.items() if value is not None}
