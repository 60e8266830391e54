"""Names and links in a warehouse folder. Standard library only: commands that just read must start fast."""

from pathlib import Path

CATALOGUE = "rotation.duckdb"
BUILD_FILE = "build.json"
REPORT = "report.html"


def current_build(root: Path) -> Path | None:
    """Folder of the published build of one source, or None before the first."""
    link = root / "current"
    return link.resolve() if link.exists() else None


def published_builds(root: Path) -> list[Path]:
    """Folders of the published builds that are kept, oldest first."""
    return sorted(path.parent for path in root.glob(f"builds/*/{BUILD_FILE}") if path.parent.name != "next")


def surplus_builds(root: Path, kept: int) -> list[Path]:
    """Published builds beyond the newest `kept`, oldest first; the current one counts and is never among them."""
    current = current_build(root)
    others = [path for path in published_builds(root) if current is None or path.name != current.name]
    return others[: max(len(others) - (kept - 1), 0)]
