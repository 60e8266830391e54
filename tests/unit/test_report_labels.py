"""Names beside dots: none covers another."""

import itertools
import random

from pipeline.report.labels import free_heights


def test_names_that_have_room_stay_beside_their_dots() -> None:
    assert free_heights([(0, 5), (10, 5), (0, 3)], wide=4, high=1) == [5, 5, 3]


def test_of_names_that_meet_the_lower_one_moves_down() -> None:
    # 5.0 stays; 4.5 goes to 4.0; 4.2 finds both 5.0 and 4.0 in its way and goes to 3.0
    assert free_heights([(0, 4.5), (1, 5.0), (2, 4.2)], wide=4, high=1) == [4.0, 5.0, 3.0]


def test_of_many_names_no_two_meet_and_none_rises() -> None:
    draw = random.Random(3)
    points = [(draw.uniform(0, 9), draw.uniform(0, 3)) for _ in range(60)]
    heights = free_heights(points, wide=4, high=1)
    assert all(height <= y for height, (_, y) in zip(heights, points, strict=True))
    for (one, (x, _)), (other, (beside, _)) in itertools.combinations(zip(heights, points, strict=True), 2):
        assert abs(x - beside) >= 4 or abs(one - other) >= 0.99
