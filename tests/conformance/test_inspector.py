"""The inspector, which reads a server as strictly as the strictest of hosts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from experience_store import open_store
from experience_store.operations import Add
from tests.conformance.tools import INSPECTOR, on_node, ran
from tests.server.http.serving import served

ERAS = ["legacy", "modern"]
LISTS = {
    "tools/list --strict": ("tools", 5),
    "resources/list": ("resources", 1),
    "resources/templates/list": ("resourceTemplates", 5),
    "prompts/list": ("prompts", 2),
}


@pytest.fixture
async def filled(database: Path) -> Path:
    """A database with one library."""
    store = await open_store(database)
    await store.libraries.edit("lib", [Add("Rule", "Check first.")], author="cli", note="")
    await store.close()
    return database


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("method", LISTS)
async def test_lists_are_read_without_complaint_over_stdio(
    filled: Path, tmp_path: Path, era: str, method: str
) -> None:
    server = [sys.executable, "-P", "-m", "server.cli", "serve", "--database", str(filled)]
    options = ["--cli", "--protocol-era", era, "--format", "json", "--method", *method.split()]
    run = await ran([*on_node(INSPECTOR), *options, "--", *server], tmp_path)

    assert (run.code, run.complained) == (0, "")
    name, least = LISTS[method]
    assert len(run.json["result"][name]) >= least


@pytest.mark.parametrize("era", ERAS)
async def test_tools_are_read_without_complaint_over_http(
    filled: Path, tmp_path: Path, era: str
) -> None:
    inspector = on_node(INSPECTOR)
    options = ["--cli", "--protocol-era", era, "--format", "json", "--method", "tools/list"]
    async with served(filled) as server:
        run = await ran([*inspector, *options, "--strict", server.url], tmp_path)

    assert (run.code, run.complained) == (0, "")
    assert len(run.json["result"]["tools"]) >= 5


@pytest.mark.parametrize("era", ERAS)
async def test_skills_are_as_the_extension_wants_them(
    filled: Path, tmp_path: Path, era: str
) -> None:
    server = [sys.executable, "-P", "-m", "server.cli", "serve", "--database", str(filled)]
    options = ["--cli", "--protocol-era", era, "--format", "json", "--method", "skills/list"]
    run = await ran([*on_node(INSPECTOR), *options, "--verify", "--", *server], tmp_path)

    assert run.code == 0, run.complained
    assert run.complained.strip() == "Verified 1 skill and 1 file: no conformance errors."
