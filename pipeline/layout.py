"""Names and links in a warehouse folder. Standard library only: commands that just read must start fast."""

import os
from pathlib import Path

CATALOGUE = "rotation.duckdb"
BUILD_FILE = "build.json"
REPORT = "report.html"


def current_build(root: Path) -> Path | None:
    """Folder of the published build of one source, or None before the first."""
    link = root / "current"
    return link.resolve() if link.exists() else None


def published_builds(root: Path) -> list[Path]:
    """Folders of the published builds that are kept, oldest first; a link is none."""
    folders = [path.parent for path in root.glob(f"builds/*/{BUILD_FILE}")]
    return sorted(folder for folder in folders if folder.name != "next" and not folder.is_symlink())


def surplus_builds(root: Path, kept: int) -> list[Path]:
    """Published builds beyond the newest `kept`, oldest first; the current one counts and is never among them."""
    current = current_build(root)
    if current is None:
        return published_builds(root)[:-kept]
    others = [path for path in published_builds(root) if path.name != current.name]
    return others[: max(len(others) - (kept - 1), 0)]


def sync(path: Path | str) -> None:
    """Force a file's or folder's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
