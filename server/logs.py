"""Logs: lines for people, or one JSON object a line for machines. To stderr and nowhere else."""

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
_INPUT = re.compile(r", input_value=.*")  # pydantic quotes what it refuses
_OWN = ("server", "experience_store")


def log_to_stderr(level: str, *, as_json: bool = False) -> None:
    """Set up logging for the whole process."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        force=True,
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if as_json else Lines(TEXT))


def hush_libraries(level: str) -> None:
    """Let libraries only warn: what passes through them is more than a server's log may keep."""
    logging.getLogger().setLevel(logging.WARNING)
    # it quotes the header that it refuses
    logging.getLogger("mcp.server.transport_security").setLevel(logging.CRITICAL)
    for name in _OWN:
        logging.getLogger(name).setLevel(level.upper())


class Lines(logging.Formatter):
    """A line of text, with the fields of a request behind it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line without a traceback."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = super().formatMessage(record)
        return _escaped(f"{line} {fields}" if fields else line)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; the lines of a traceback are indented, so that none looks like one.

        What is not printable, clients may have sent.
        """
        line, *more = super().format(record).split("\n")
        return "\n".join([line, *(f"  {_escaped(text)}" for text in more)])

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802  # logging's name
        """The traceback, without the input that an error may quote."""
        return _INPUT.sub("", super().formatException(ei))


class JsonLines(Lines):
    """One JSON object a line."""

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
    """Text in one line that does nothing to a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in found.items() if value is not None}
