"""Learns with a worker: `learn.py DATABASE BASE_URL`. Says how far it is, a line each."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server.app import open_app
from server.learning.model_driver import UpdateProgress
from server.settings import ModelSettings, Settings


def say(progress: UpdateProgress) -> None:
    sys.stdout.write(f"{progress.done} {progress.open}\n")
    sys.stdout.flush()


async def main(database: Path, base_url: str) -> None:
    model = ModelSettings("scripted", "no-key", base_url=base_url, retries=0)
    async with open_app(Settings(database, model=model), background=False) as app:
        assert app.worker
        await app.worker.learn("lib", say)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
