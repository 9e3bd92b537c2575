"""The arrows between rooms go one way; this reads the imports and keeps it so."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOMAIN = {"errors", "library", "operations", "history", "trajectory", "tokens", "trust"}
HEAVY = ("mcp", "mcp_types", "openai", "starlette", "uvicorn", "click")


def modules(package: str) -> dict[str, set[str]]:
    """Every module of a package with the names of the modules it imports."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = _imports(path)
    return found


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_the_store_never_imports_the_server_or_what_only_the_server_needs() -> None:
    for module, imports in modules("experience_store").items():
        for name in imports:
            assert not any(_within(name, p) for p in ("server", *HEAVY)), f"{module} → {name}"


@pytest.mark.parametrize("room", ["sqlite", "learning", "store", "learner", "catalogue"])
def test_the_domain_knows_neither_storage_nor_learning(room: str) -> None:
    for module, imports in modules("experience_store").items():
        if any(_within(module, f"experience_store.{d}") for d in DOMAIN):
            assert not any(_within(n, f"experience_store.{room}") for n in imports), module


def test_learning_does_no_io_and_knows_no_storage() -> None:
    banned = ("asyncio", "aiosqlite", "sqlite3", "socket", "os", "time", "random", "datetime")
    storage = ("experience_store.sqlite", "experience_store.store", "experience_store.learner")
    for module, imports in modules("experience_store").items():
        if _within(module, "experience_store.learning"):
            assert not any(_within(n, b) for n in imports for b in (*banned, *storage)), module


def test_storage_does_not_know_learning() -> None:
    for module, imports in modules("experience_store").items():
        if _within(module, "experience_store.sqlite"):
            assert not any(_within(n, "experience_store.learning") for n in imports), module


def test_openai_is_imported_by_the_model_client_only() -> None:
    users = {
        module
        for module, imports in modules("server").items()
        if any(_within(name, "openai") for name in imports)
    }
    assert users == {
        "server.models.endpoint",
        "server.practice.players.completion",
        "server.practice.players.endpoint",
    }


def test_what_commands_and_tools_do_alike_knows_neither_of_them() -> None:
    shared = {
        "server.administration",
        "server.administration.deeds",
        "server.administration.changes",
    }
    shared |= {
        f"server.skills.{m}" for m in ("export", "folder", "frontmatter", "naming", "topics")
    }
    for module, imports in modules("server").items():
        if module in shared:
            shared.remove(module)
            assert not any(_within(n, p) for n in imports for p in (*HEAVY, "server.cli")), module
    assert not shared


def test_practice_is_imported_by_its_commands_only() -> None:
    users = {
        module
        for module, imports in modules("server").items()
        if not _within(module, "server.practice")
        and any(_within(name, "server.practice") for name in imports)
    }
    assert users == {
        "server.cli.practice_assembly",
        "server.cli.practice_given",
        "server.cli.practice_library",
        "server.cli.practice_options",
        "server.cli.practice_settings",
        "server.cli.practising",
    }
    commands = {"server.cli.practice", "server.cli.evaluate", *users}
    for module, imports in modules("server").items():
        if module not in commands:
            assert not imports & commands, module


def test_practice_is_a_client_and_knows_no_database_of_the_store() -> None:
    for module, imports in modules("server").items():
        if _within(module, "server.practice"):
            banned = ("aiosqlite", "experience_store.sqlite")
            assert not any(_within(n, b) for n in imports for b in banned), module


@pytest.mark.parametrize("module", ["server.cli", "server.http.address", "server.mcp_server"])
def test_a_server_without_a_model_starts_without_openai(module: str) -> None:
    heavy = ("openai",) if module == "server.mcp_server" else ("openai", "mcp", "starlette")
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout.strip() == "[]"


def test_only_the_http_room_knows_that_there_is_http() -> None:
    for module, imports in modules("server").items():
        for name in imports:
            if any(_within(name, p) for p in ("starlette", "uvicorn", "prometheus_client")):
                assert _within(module, "server.http"), f"{module} → {name}"


def test_a_server_over_http_loads_oauth_only_if_it_has_it(database: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from server.http.app import http_app
        from server.mcp_server import build_server
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
    assert "server.mcp_server" in imported
    # starlette and uvicorn are imported by the SDK's own server, whatever the transport
    banned = ("server.http", "prometheus_client", "jwt")
    assert not [n for n in imported for b in banned if _within(n, b)]
