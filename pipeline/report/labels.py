"""Heights for names beside dots, so that none covers another."""

from collections.abc import Sequence


def free_heights(points: Sequence[tuple[float, float]], *, wide: float, high: float) -> list[float]:
    """Return the height at which the name of each point is written: its own, or the next free one below.

    Args:
        points: x and y, y growing upwards.
        wide: names whose x differ by less stand above each other.
        high: what a name takes in height.
    """
    heights = [y for _, y in points]
    placed: list[tuple[float, float]] = []
    for index in sorted(range(len(points)), key=lambda index: -points[index][1]):
        x, y = points[index]
        while taken := [other for beside, other in placed if abs(beside - x) < wide and abs(other - y) < 0.999 * high]:
            y = min(taken) - high
        placed.append((x, y))
        heights[index] = y
    return heights
