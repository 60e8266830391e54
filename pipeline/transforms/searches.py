"""The last earlier, or first later, value at least as high: many queries at once, without a loop over rows."""

import numpy as np


def running_maxima(x: np.ndarray) -> list[np.ndarray]:
    """Sparse table: level k holds at each position the maximum of the 2^k values that end there (at most all).

    An infinite value is put in front: no search runs beyond it.
    """
    table = [np.append(np.inf, x)]
    for k in range(len(x).bit_length() - 1):
        half = 2**k
        wider = table[-1].copy()
        np.maximum(table[-1][half:], table[-1][:-half], out=wider[half:])
        table.append(wider)
    return table


def last_at_least(maxima: list[np.ndarray], wanted: np.ndarray, upto: np.ndarray) -> np.ndarray:
    """For each query the last position p <= upto whose value is at least `wanted`, or -1.

    The table is walked from its widest level down, each step skipping a stretch that is wholly below `wanted`:
    log2(n) steps for all queries at once instead of a loop over rows.

    Args:
        maxima: of `running_maxima`, each of shape (n + 1,).
        wanted, upto: per query, shape (q,).
    """
    position = upto + 1  # the infinite value is position 0
    for k in range(len(maxima) - 1, -1, -1):
        position -= (maxima[k].take(position) < wanted) * 2**k
    return position - 1


def first_at_least(x: np.ndarray, wanted: np.ndarray, since: np.ndarray) -> np.ndarray:
    """For each query the first position p >= since with x[p] >= wanted, or -1; NaN is never.

    Args:
        x: of shape (n,).
        wanted, since: per query, shape (q,).
    """
    if len(x) == 0:
        return since
    # the search backwards, from the end
    last = len(x) - 1
    found = last_at_least(running_maxima(np.where(np.isnan(x), -np.inf, x)[::-1]), wanted, last - since)
    return np.where(found < 0, -1, last - found)
