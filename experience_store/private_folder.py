"""Folders that only their owner can enter."""

from __future__ import annotations

from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; one that is there keeps its mode.

    Raises:
        OSError: If it cannot be made.
    """
    missing = [parent for parent in folder.parents if not parent.exists()]
    for above in reversed(missing):
        above.mkdir(mode=0o700, exist_ok=True)  # `parents` would leave them open to all
    folder.mkdir(mode=0o700, exist_ok=True)
