"""The contract of `.importlinter` holds, and nothing is imported before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_import_contracts_are_kept() -> None:
    code = "from importlinter.cli import lint_imports_command as command; command()"
    checked = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert checked.returncode == 0, checked.stdout
    assert " 0 broken." in checked.stdout


@pytest.mark.parametrize("module", ["server.cli.main", "server.mcp.build"])
def test_a_server_without_a_model_starts_without_openai(module: str) -> None:
    heavy = ("openai",) if module == "server.mcp.build" else ("openai", "mcp")
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout.strip() == "[]"


def test_a_server_over_http_loads_oauth_only_if_it_has_it(database: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from server.http.app import http_app
        from server.mcp.build import build_server
        from server.settings import HttpSettings, OAuthSettings, Settings, SignInSettings

        def loaded(oauth):
            sign_in = SignInSettings(oauth)
            http_app(build_server(settings), HttpSettings("127.0.0.1", 0, sign_in=sign_in), 1)
            return [m for m in sys.modules if m == "jwt" or m.startswith("server.http.oauth")]

        settings = Settings(Path(sys.argv[1]))
        print(loaded(None))
        print(len(loaded(OAuthSettings("https://id.example", "https://a.example/mcp"))))
    """
    command = [sys.executable, "-c", code, str(database)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    without, with_it = printed.stdout.splitlines()
    assert without == "[]"
    assert int(with_it) > 1


def test_a_server_on_stdio_starts_without_what_http_needs(database: Path) -> None:
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
    unwanted = ("server.http", "prometheus_client")
    assert not [n for n in imported if n.startswith(unwanted)]
