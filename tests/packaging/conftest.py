from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.installed import (
    run,
    uv,
)
from tests.paths import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run([uv(), "build", "--quiet", "--out-dir", str(folder)], cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found
