"""Files that lie beside the sources on somebody's machine are in no package."""

from __future__ import annotations

import runpy
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.packaging.installed import (
    run,
    uv,
)
from tests.paths import ROOT

pytestmark = pytest.mark.index  # for the build backend
STRAYS = (".env", ".env.local", "x~", "x.py.bak", "experience.db", "experience.db-wal", "my.pem")
NEEDED = ("pyproject.toml", "README.md", "LICENSE", ".dockerignore", "packaging/mcpb")


def test_strays_are_in_neither_wheel_nor_source_nor_bundle(tmp_path: Path) -> None:
    tree, dist = tmp_path / "tree", tmp_path / "dist"
    for name in NEEDED:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tree / name)
    for package in ("server", "experience_store"):
        (tree / package / "deeper").mkdir(parents=True)
        shutil.copy(ROOT / package / "__init__.py", tree / package)
        for stray in STRAYS:
            for folder in (tree / package, tree / package / "deeper"):
                (folder / stray).write_text("s3cret")
    run([uv(), "build", "--quiet", "--out-dir", str(dist)], cwd=tree)
    build = runpy.run_path(str(tree / "packaging" / "mcpb" / "build.py"))
    names: list[str] = []
    for archive in (*dist.glob("*.whl"), build["main"](dist)):
        with zipfile.ZipFile(archive) as opened:
            names += opened.namelist()
    with tarfile.open(next(dist.glob("*.tar.gz"))) as source:
        names += source.getnames()
    assert [name for name in names if Path(name).name in STRAYS] == []
    assert sum(name.endswith("experience_store/__init__.py") for name in names) == 3
    assert any(name.endswith("/.dockerignore") for name in names)
