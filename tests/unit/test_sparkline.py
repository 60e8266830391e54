"""The small pictures: where the line goes, and how large they may become."""

import base64
import itertools
import random
import re
import xml.etree.ElementTree as ET

from pipeline.sparkline import HEIGHT, POINTS, STEP, line_svg, markdown_image


def points(svg: str) -> list[tuple[int, int]]:
    """Where the line goes, from the upper left."""
    path = next(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}path")).attrib["d"]
    start, _, moves = path.removeprefix("M0 ").partition("l")
    steps = [int(one) for one in re.findall(r"-?\d+", moves)]
    pairs = [(0, int(start)), *zip(steps[::2], steps[1::2], strict=True)]
    return list(itertools.accumulate(pairs, lambda a, b: (a[0] + b[0], a[1] + b[1])))


def test_values_go_to_the_right_and_high_ones_up() -> None:
    assert points(line_svg([1.0, 3.0, 2.0, 2.5])) == [
        (0, HEIGHT),
        (STEP, 0),
        (2 * STEP, HEIGHT // 2),
        (3 * STEP, 12),  # a quarter of 50 is 12.5
    ]


def test_one_value_and_equal_values_are_drawn_too() -> None:
    assert points(line_svg([2.0])) == [(0, 0)]
    assert points(line_svg([2.0, 2.0])) == [(0, 0), (STEP, 0)]


def test_of_many_values_some_are_drawn_the_last_one_always() -> None:
    drawn = points(line_svg([0.0] * 9_999 + [5.0]))
    assert POINTS * 0.9 < len(drawn) <= POINTS
    assert (drawn[-2][1], drawn[-1][1]) == (HEIGHT, 0)


def test_the_wildest_line_is_short_enough_to_be_shown_at_once() -> None:
    wild = random.Random(1)
    picture = markdown_image(line_svg([wild.choice([0.0, 1.0]) for _ in range(7_000)]))
    assert len(picture) < 1000 - 120  # the text beside it takes up to 120


def test_markdown_holds_the_whole_picture() -> None:
    svg = line_svg([2.0, 1.0])
    found = re.fullmatch(r"!\[\]\(data:image/svg\+xml;base64,(.*)\)", markdown_image(svg))
    assert found is not None and base64.b64decode(found[1]).decode() == svg
