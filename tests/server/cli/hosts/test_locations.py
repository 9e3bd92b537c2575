"""Where hosts' files are on each system, and which command `install` writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from experience_store.errors import BadInputError
from server import installation
from server.cli.hosts import launch
from server.cli.hosts.catalogue import HOSTS, Machine

ROAMING, LOCAL = "AppData/Roaming", "AppData/Local"
PLACES = {
    ("claude-desktop", "darwin"): "Library/Application Support/Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): f"{ROAMING}/Claude/claude_desktop_config.json",
    ("claude-desktop", "linux"): ".config/Claude/claude_desktop_config.json",
    ("claude-code", "darwin"): ".claude.json",
    ("claude-code", "win32"): ".claude.json",
    ("claude-code", "linux"): ".claude.json",
    ("cursor", "darwin"): ".cursor/mcp.json",
    ("cursor", "win32"): ".cursor/mcp.json",
    ("cursor", "linux"): ".cursor/mcp.json",
    ("vscode", "darwin"): "Library/Application Support/Code/User/mcp.json",
    ("vscode", "win32"): f"{ROAMING}/Code/User/mcp.json",
    ("vscode", "linux"): ".config/Code/User/mcp.json",
    ("codex", "darwin"): ".codex/config.toml",
    ("codex", "win32"): ".codex/config.toml",
    ("codex", "linux"): ".codex/config.toml",
}


@pytest.mark.parametrize(("host", "platform"), list(PLACES))
def test_each_host_has_its_file_on_each_system(host: str, platform: str, tmp_path: Path) -> None:
    machine = Machine(platform, tmp_path, tmp_path, {})
    assert HOSTS[host].file(machine, "user") == tmp_path / PLACES[host, platform]


def test_every_host_is_covered() -> None:
    assert {host for host, _ in PLACES} == set(HOSTS)


def test_environment_variables_move_the_files(tmp_path: Path) -> None:
    linux = Machine(
        "linux",
        tmp_path,
        tmp_path,
        {
            "XDG_CONFIG_HOME": "/x/config",
            "CODEX_HOME": "/x/codex",
            "CLAUDE_CONFIG_DIR": "/x/claude",
        },
    )
    assert HOSTS["vscode"].file(linux, "user") == Path("/x/config/Code/User/mcp.json")
    assert HOSTS["codex"].file(linux, "user") == Path("/x/codex/config.toml")
    assert HOSTS["claude-code"].file(linux, "user") == Path("/x/claude/.claude.json")
    windows = Machine("win32", tmp_path, tmp_path, {"APPDATA": str(tmp_path / "Roaming")})
    assert HOSTS["vscode"].file(windows, "user") == tmp_path / "Roaming/Code/User/mcp.json"


def test_the_windows_package_of_claude_desktop_has_a_file_of_its_own(tmp_path: Path) -> None:
    machine = Machine("win32", tmp_path, tmp_path, {})
    packages = [
        tmp_path / LOCAL / "Packages" / name / "LocalCache" / "Roaming" / "Claude"
        for name in ("Claude_abc", "Claude_xyz")
    ]
    packages[0].mkdir(parents=True)
    file = HOSTS["claude-desktop"].file(machine, "user")
    assert file == packages[0] / "claude_desktop_config.json"
    packages[1].mkdir(parents=True)
    for package in packages:
        (package / "claude_desktop_config.json").touch()
    with pytest.raises(BadInputError, match="give the path of the right"):
        HOSTS["claude-desktop"].file(machine, "user")
    (packages[0] / "claude_desktop_config.json").unlink()
    assert HOSTS["claude-desktop"].file(machine, "user").parent == packages[1]


class Installed:
    """What is known of how the program was installed."""

    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, _name: str) -> str | None:
        return self._origin


@pytest.fixture
def uvx(monkeypatch: pytest.MonkeyPatch) -> str:
    path = str(Path("/opt/uv/uvx").absolute())
    monkeypatch.setattr("shutil.which", {"uvx": path}.get)  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType]
    return path


def origin(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    monkeypatch.setattr(installation, "distribution", lambda _name: Installed(text))  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType]


def test_installed_from_an_index_the_command_is_uvx(
    monkeypatch: pytest.MonkeyPatch, uvx: str
) -> None:
    origin(monkeypatch, None)
    assert launch.launch_command() == [uvx, "experience-mcp"]
    assert launch.launch_command(shared=True) == ["uvx", "experience-mcp"]


def test_without_uvx_the_command_is_the_running_program(monkeypatch: pytest.MonkeyPatch) -> None:
    origin(monkeypatch, None)
    monkeypatch.setattr("shutil.which", lambda _name: None)  # pyright: ignore[reportUnknownArgumentType,reportUnknownLambdaType]
    assert Path(launch.launch_command()[0]).is_absolute()


@pytest.mark.usefixtures("uvx")
def test_in_a_clone_the_command_is_the_running_program(monkeypatch: pytest.MonkeyPatch) -> None:
    origin(monkeypatch, json.dumps({"url": "file:///clone", "dir_info": {"editable": True}}))
    assert launch.launch_command() == [str(Path(sys.executable).with_name("experience-mcp"))]


def test_in_a_cache_the_command_names_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uvx: str
) -> None:
    wheel = tmp_path / "experience mcp.whl"
    (tmp_path / "CACHEDIR.TAG").touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "archive" / "abc"))
    origin(monkeypatch, json.dumps({"url": wheel.as_uri(), "archive_info": {}}))
    assert launch.launch_command() == [uvx, "--from", str(wheel), "experience-mcp"]
