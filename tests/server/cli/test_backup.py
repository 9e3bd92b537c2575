"""`backup` and `restore`, while another process writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.processes.starting import python
from tests.server.cli.program import Program

WRITE = """
import asyncio, sys
from pathlib import Path
from experience_store import open_store

async def main():
    store = await open_store(Path(sys.argv[1]))
    for number in range(100_000):
        await store.libraries.ensure(f"lib-{number}")
        print(number, flush=True)

asyncio.run(main())
"""


def test_a_backup_taken_while_another_process_writes_holds_all_that_was_acknowledged(
    program: Program, tmp_path: Path
) -> None:
    writer = subprocess.Popen(
        [python(), "-c", WRITE, str(program.database)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    acknowledged: list[int] = []
    try:
        for number in range(3):
            acknowledged.append(int([writer.stdout.readline() for _ in range(20)][-1]))
            program.run("backup", str(tmp_path / f"{number}.db"))
        refused = program.run("restore", str(tmp_path / "0.db"), "--yes", fails=1)
    finally:
        writer.kill()
        writer.communicate()

    assert "is in use" in refused.output
    for number, last in enumerate(acknowledged):
        restored = program.json("restore", str(tmp_path / f"{number}.db"), "--yes")
        libraries = program.json("libraries").all("libraries", of="name")
        assert {f"lib-{n}" for n in range(last + 1)} <= set(libraries)
        assert restored.at("libraries") == len(libraries)


def test_files_are_replaced_only_when_that_is_wanted(program: Program, tmp_path: Path) -> None:
    program.run("edit", "add", "When asked, answer.", "-l", "lib")
    backup = tmp_path / "backup.db"

    made = program.json("backup", str(backup))
    again = program.run("backup", str(backup), fails=1)
    unconfirmed = program.run("restore", str(backup), fails=1)
    itself = program.run("backup", str(program.database), "--yes", fails=1)
    missing = program.run("restore", str(tmp_path / "other.db"), fails=1)
    program.run("backup", str(backup), "--yes")
    shown = program.run("restore", str(backup), "--yes")

    assert made.at("libraries") == 1
    assert "add --yes to replace it" in again.output
    assert "add --yes to put the backup in its place" in unconfirmed.output
    assert "is the database itself" in itself.output
    assert "there is no backup" in missing.output
    assert "What was there before is in" in shown.output
