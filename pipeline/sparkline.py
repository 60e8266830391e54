"""A line of figures as a small picture: an SVG that any page can hold inline. No Dagster, no plotting library.

It takes so few bytes because Dagster's UI shows Markdown of up to 1,000 characters at once, and more only on a click.
"""

import base64
import itertools
from collections.abc import Sequence

POINTS, STEP, HEIGHT = 100, 2, 50  # of the drawing; shown 2.4 times as large
LINE = "#27d"  # readable on white and on black


def line_svg(values: Sequence[float]) -> str:
    """Draw the values, at least one, from left to right in equal steps, the highest at the top.

    Of many values one in so many is drawn, the last one always, and the scale is that of all.
    """
    low, high = min(values), max(values)
    drawn = values[:: -((len(values) - 1) // POINTS + 1)][::-1]
    heights = [round((high - value) / ((high - low) or 1.0) * HEIGHT) for value in drawn]
    moves = [after - before for before, after in itertools.pairwise(heights)]
    path = f"M0 {heights[0]}l" + " ".join(f"{STEP}{move}" if move < 0 else f"{STEP} {move}" for move in moves)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="480" height="125" viewBox="0 -1 {POINTS * STEP} {HEIGHT + 2}">'
        f'<path d="{path if moves else path[:-1]}" fill="none" stroke="{LINE}"/></svg>'
    )


def markdown_image(svg: str) -> str:
    """The picture inside a line of Markdown; the text beside it says what it shows."""
    return f"![](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
