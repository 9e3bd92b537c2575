"""Troubles of workers: told once, and not of processes that are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

from experience_store.store import Store, Trouble
from experience_store.store.workers import is_gone, owner_name


def test_a_process_of_this_machine_is_gone_when_it_has_ended() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = owner_name().split(":")[0]
    assert is_gone(f"{host}:{ended.pid}:abc") is (os.name == "posix")
    assert not is_gone(owner_name())
    assert not is_gone(f"another-{host}:{ended.pid}:abc")
    assert not is_gone("whatever")


async def test_the_same_trouble_of_several_workers_is_told_once(store: Store) -> None:
    first, later = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))
    await store.workers.report("elsewhere:1:a", Trouble(later, "it is down"))
    await store.workers.report("elsewhere:2:b", Trouble(first, "it is down"))
    await store.workers.report("elsewhere:3:c", Trouble(later, "no credit"))
    found = await store.workers.troubles()
    assert found == (Trouble(first, "it is down"), Trouble(later, "no credit"))
