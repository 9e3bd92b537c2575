"""Whether the server in this container answers. On stdin and stdout there is nothing to ask."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT = 4.0
BROKEN = 500


def port_of(command: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """The port that a server over HTTP listens at; None for one on stdin and stdout."""
    address = environment.get("EXPERIENCE_MCP_HTTP")
    for word, following in zip(command, [*command[1:], ""], strict=True):
        if word == "--http":
            address = following
        elif word.startswith("--http="):
            address = word.partition("=")[2]
    return int(address.rpartition(":")[2]) if address else None


def answers(port: int) -> bool:
    """Whether something that is not broken answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status < BROKEN
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    first = Path("/proc/1/cmdline").read_text(encoding="utf-8").split("\0")
    listens_at = port_of(first, os.environ)
    sys.exit(0 if listens_at is None or answers(listens_at) else 1)
