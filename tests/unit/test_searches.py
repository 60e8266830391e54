"""Searches backwards and forwards against plain loops."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transforms.searches import first_at_least, last_at_least, running_maxima


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 70))
def test_the_last_position_at_least_as_high_equals_a_scan(seed: int, n: int):
    source = random.Random(seed)
    values = [source.choice([1.0, 2.0, 3.0, -float("inf")]) for _ in range(n)]
    upto = [source.randrange(-1, n) for _ in range(20)]
    wanted = [source.choice([0.0, 1.0, 2.0, 3.0, 4.0]) for _ in range(20)]
    expected = [max((p for p in range(u + 1) if values[p] >= w), default=-1) for w, u in zip(wanted, upto, strict=True)]
    maxima = running_maxima(np.array(values))
    assert last_at_least(maxima, np.array(wanted), np.array(upto)).tolist() == expected


@given(st.lists(st.one_of(st.just(float("nan")), st.integers(0, 5).map(float)), min_size=1, max_size=40), st.data())
def test_the_search_forward_equals_a_loop(x: list[float], data: st.DataObject):
    since = data.draw(st.lists(st.integers(0, len(x) - 1), max_size=10))
    wanted = [data.draw(st.integers(0, 6)) for _ in since]
    expected = [next((p for p in range(s, len(x)) if x[p] >= w), -1) for s, w in zip(since, wanted, strict=True)]
    found = first_at_least(np.array(x), np.array(wanted, float), np.array(since, int))
    assert found.tolist() == expected


def test_there_is_nothing_to_find_in_nothing():
    nothing, no_rows = np.empty(0), np.empty(0, int)
    assert first_at_least(nothing, nothing, no_rows).tolist() == []
    assert last_at_least(running_maxima(nothing), nothing, no_rows).tolist() == []
