"""Workers that cannot learn now, as every process on the database sees them."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

HIDDEN = "the server's log says why"  # for callers who may not know the reason
FRESH_SECONDS = 900.0  # a worker in trouble says so more often, unless it was killed


@dataclass(frozen=True, slots=True)
class Trouble:
    """What holds up learning.

    Attributes:
        since: Since when.
        reason: Why, for people; without secrets.
    """

    since: datetime
    reason: str


def owner_name() -> str:
    """The name of this process among all that work on a database."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def is_gone(owner: str) -> bool:
    """Whether a worker was a process of this machine that has ended, perhaps killed."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if os.name != "posix" or host != socket.gethostname() or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Workers(Protocol):
    """The troubles of background workers."""

    async def report(self, owner: str, trouble: Trouble) -> None:
        """Record that a worker is in trouble; to be repeated within `FRESH_SECONDS`."""
        ...

    async def recovered(self, owner: str) -> None:
        """Record that a worker is not in trouble any more."""
        ...

    async def troubles(self) -> tuple[Trouble, ...]:
        """The troubles of all workers, oldest first."""
        ...
