"""Makes the bundle for Claude Desktop: `uv run packaging/mcpb/build.py [FOLDER]`.

The bundle is the source and what uv needs to install it; uv fetches everything else on the machine
where it is opened. Equal sources make equal bytes.
"""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

from server.cli.hosts.document import as_list
from server.cli.hosts.toml_document import TomlDocument

ROOT = Path(__file__).parents[2]
MANIFEST = Path(__file__).with_name("manifest.json")
PACKAGES = ("server", "experience_store")
BESIDE = ("README.md", "LICENSE")
DEVELOPMENT = (
    ("dependency-groups",),
    ("project", "optional-dependencies"),
    ("tool", "hatch", "build", "targets", "sdist"),
    ("tool", "pytest"),
    ("tool", "pyright"),
    ("tool", "ruff"),
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold


def stage(folder: Path) -> None:
    """Put the content of the bundle into an empty folder."""
    shutil.copy(MANIFEST, folder / "manifest.json")
    for name in BESIDE:
        shutil.copy(ROOT / name, folder / name)
    project = TomlDocument((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    strays = [str(name) for name in as_list(project.get("tool", "hatch", "build", "exclude")) or []]
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", *strays)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    for path in DEVELOPMENT:
        project.remove(*path)  # else uv would resolve the tools of development, too
    (folder / "pyproject.toml").write_text(project.text, encoding="utf-8")


def pack(folder: Path, bundle: Path) -> None:
    """Zip a staged folder."""
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())


def main(target: Path) -> Path:
    """Make the bundle in a folder; its path."""
    version = json.loads(MANIFEST.read_text(encoding="utf-8"))["version"]
    target.mkdir(parents=True, exist_ok=True)
    staged = target / "mcpb"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    stage(staged)
    bundle = target / f"experience-mcp-{version}.mcpb"
    pack(staged, bundle)
    shutil.rmtree(staged)
    return bundle


if __name__ == "__main__":
    made = main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
    print(f"{made} ({made.stat().st_size / 1000:.0f} kB)")
