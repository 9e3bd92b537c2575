"""The wheel: what is in it, and that it starts as users start it."""

from __future__ import annotations

import asyncio
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from server.mcp.tools import core_tools
from tests.packaging.installed import (
    learned,
    run,
    started,
    tools_of,
    uv,
)
from tests.paths import ROOT

pytestmark = pytest.mark.index  # for the build backend, too
PACKAGES = ("server", "experience_store")


def sources() -> set[str]:
    """All files of the packages, with their data."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def test_the_wheel_holds_the_packages_whole_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == sources()
    suffixes = {Path(name).suffix for name in inside}
    assert suffixes >= {".py", ".sql", ".md", ".j2", ".css", ".json", ".jsonl", ".typed"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_metadata_names_the_program_and_no_host_of_ours(wheel: Path) -> None:
    found = metadata(wheel)
    assert found["Name"] == "experience-mcp"
    assert found["License-Expression"] == "Apache-2.0"
    assert found["Requires-Python"] == ">=3.11"
    assert found["Project-URL"] is None
    assert "mcp-name: com.example/experience-mcp" in str(found.get_payload())
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        assert "experience-mcp = server.cli.main:main" in archive.read(name).decode()


def test_every_requirement_has_a_tested_lower_and_an_upper_bound(wheel: Path) -> None:
    for requirement in metadata(wheel).get_all("Requires-Dist") or []:
        bounds = requirement.partition(";")[0]
        assert ">=" in bounds, requirement
        assert "<" in bounds, requirement


def test_the_source_distribution_can_be_worked_on(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert names >= sources()
    assert names >= {"server.json", "Dockerfile", "packaging/mcpb/manifest.json", "README.md"}
    assert "tests/packaging/test_wheel.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(".venv")]


async def test_uvx_runs_the_program_from_the_wheel(wheel: Path, database: Path) -> None:
    program = [uv(), "tool", "run", "--from", str(wheel), "experience-mcp"]
    assert run([*program, "--version"], wheel.parent).startswith("experience-mcp ")
    stored = ["--database", str(database)]
    async with started([*program, "serve", *stored], wheel.parent) as client:
        assert await tools_of(client) == [tool.name for tool in core_tools()]
        assert (await learned(client))["signal"]
    assert await asyncio.to_thread(database.exists)
    output = run([*program, "doctor", *stored], wheel.parent)
    assert "Entry for the configuration of a host" in output
    assert str(wheel) in output, "the program itself is in a cache that may be cleared"
    assert "G1" in run([*program, "demo"], wheel.parent)
