"""Nothing is imported before it is needed. Which room may import which is in `.importlinter`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


def test_children_of_this_package_are_started_in_one_way() -> None:
    """Without -P, a package of the working directory would take the place of ours."""
    starting = {
        path.relative_to(ROOT).as_posix()
        for package in ("server", "experience_store")
        for path in (ROOT / package).rglob("*.py")
        if "sys.executable," in path.read_text(encoding="utf-8")
    }
    assert starting == {"server/child_process.py"}


@pytest.mark.parametrize("module", ["server.cli.main", "server.http.address"])
def test_what_is_read_before_the_server_starts_is_light(module: str) -> None:
    heavy = ("openai", "mcp", "starlette")
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout.strip() == "[]"


@pytest.mark.exhaustive
def test_a_server_over_http_loads_oauth_only_if_it_has_it(database: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from server.http.asgi_app import http_app
        from server.mcp.build import build_server
        from server.settings import HttpSettings, OAuthSettings, Settings, SignInSettings

        def loaded(oauth):
            sign_in = SignInSettings(oauth)
            http_app(build_server(settings), HttpSettings("127.0.0.1", 0, sign_in=sign_in), 1)
            rooms = ("jwt", "server.http.auth.oauth", "server.http.auth.jwks")
            return [m for m in sys.modules if m in rooms]

        settings = Settings(Path(sys.argv[1]))
        print(loaded(None))
        print(len(loaded(OAuthSettings("https://id.example", "https://a.example/mcp"))))
    """
    command = [sys.executable, "-c", code, str(database)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    without, with_it = printed.stdout.splitlines()
    assert without == "[]"
    assert int(with_it) > 1


def test_a_server_on_stdio_starts_without_what_http_and_models_need(database: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "server.cli", "serve"]
    process = subprocess.run(
        [*command, "--database", str(database)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    imported = {line.rpartition("|")[2].strip() for line in process.stderr.splitlines()}
    assert "server.mcp.server" in imported
    # starlette and uvicorn are imported by the SDK's own server, whatever the transport
    unwanted = ("server.http", "prometheus_client", "jwt", "openai")
    assert not [n for n in imported if n.startswith(unwanted)]
