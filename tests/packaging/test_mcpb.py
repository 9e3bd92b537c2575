"""The bundle for Claude Desktop: valid, small, and a server once it is unpacked."""

from __future__ import annotations

import asyncio
import json
import shutil
import tomllib
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, cast

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

FOLDER = ROOT / "packaging" / "mcpb"
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = spec_from_file_location("mcpb_build", FOLDER / "build.py")
    assert spec
    assert spec.loader
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    return cast("Path", build.main(tmp_path_factory.mktemp("mcpb")))


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "extension with a space"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    return folder


def mcpb(*arguments: str, cwd: Path) -> str:
    """What Anthropic's packer says."""
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("Node's npx is not here, so the packer cannot be asked")
    return run([npx, "--yes", "@anthropic-ai/mcpb@2", *arguments], cwd)


def configuration(folder: Path, **given: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment as Claude Desktop makes them of the manifest."""
    values = {key: option["default"] for key, option in MANIFEST["user_config"].items()} | given
    variables = {"__dirname": str(folder)} | {f"user_config.{k}": v for k, v in values.items()}

    def filled(text: str) -> str:
        for name, value in variables.items():
            text = text.replace(f"${{{name}}}", value)
        return text

    config = MANIFEST["server"]["mcp_config"]
    command = [filled(word) for word in [config["command"], *config["args"]]]
    return command, {name: filled(value) for name, value in config["env"].items()}


def test_the_manifest_says_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert MANIFEST["version"] == project["version"]
    assert MANIFEST["name"] == project["name"]
    assert MANIFEST["license"] == project["license"]
    assert MANIFEST["compatibility"]["runtimes"]["python"] == project["requires-python"]
    assert [tool["name"] for tool in MANIFEST["tools"]] == [tool.name for tool in core_tools()]
    assert (ROOT / MANIFEST["server"]["entry_point"]).exists()


def test_every_question_to_the_user_is_used_has_a_default_and_keys_are_sensitive() -> None:
    environment = MANIFEST["server"]["mcp_config"]["env"].values()
    for name, option in MANIFEST["user_config"].items():
        assert f"${{user_config.{name}}}" in environment
        assert isinstance(option["default"], str)  # else the host would pass the reference on
        assert option.get("sensitive", False) == ("key" in name)


@pytest.mark.index
def test_the_packer_finds_the_bundle_valid(bundle: Path, unpacked: Path, tmp_path: Path) -> None:
    assert "passes" in mcpb("validate", str(unpacked / "manifest.json"), cwd=tmp_path)
    mcpb("pack", str(unpacked), str(tmp_path / "theirs.mcpb"), cwd=tmp_path)
    with zipfile.ZipFile(tmp_path / "theirs.mcpb") as archive:
        theirs = set(archive.namelist())
    with zipfile.ZipFile(bundle) as archive:
        assert set(archive.namelist()) == theirs


def test_the_bundle_is_small_and_holds_nothing_of_development(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
        project = tomllib.loads(archive.read("pyproject.toml").decode())
    assert bundle.stat().st_size < 1_000_000
    assert {name.partition("/")[0] for name in names} == {
        *("manifest.json", "pyproject.toml", "README.md", "LICENSE"),
        *("server", "experience_store"),
    }
    assert not [name for name in names if "__pycache__" in name]
    assert "dependency-groups" not in project
    assert "optional-dependencies" not in project["project"]


@pytest.mark.index
async def test_the_unpacked_bundle_serves_as_the_host_starts_it(
    unpacked: Path, tmp_path: Path
) -> None:
    database = tmp_path / "my experience.db"
    command, environment = configuration(unpacked, database=str(database), library="desk")
    program = [uv(), *command[1:]]
    run([*program[:-1], "--version"], tmp_path)  # installs; says so if there is no index
    async with started(program, tmp_path, environment) as client:
        assert await tools_of(client) == [tool.name for tool in core_tools()]
        assert (await learned(client))["library"] == "lib"
        answer = await client.call_tool("get_experiences", {"task": "book a flight"})
        assert (answer.structured_content or {})["library"] == "desk"
    assert await asyncio.to_thread(database.exists)
    assert environment["EXPERIENCE_MCP_MODEL"] == environment["EXPERIENCE_MCP_API_KEY"] == ""
