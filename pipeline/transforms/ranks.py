"""Percentiles among all values so far, at chosen rows only.

Polars ranks an expanding window too (`windows.expanding_percentile`), but every row of it and on one core; records
need a tenth of the rows of a hundred and fifty series times twelve measures.
"""

import numpy as np

BLOCK = 32  # rows of a block of time, and of a block of ranks


def percentiles_so_far(values: np.ndarray, start: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(Average rank of each row's value among its own series' values so far, less 0.5) over their count.

    Args:
        values: series, one after the other, NaN where there is no value; float64, shape (n,).
        start: of each position the first position of its series, shape (n,).
        rows: ascending positions with a value, shape (q,).

    Returns:
        Fractions, shape (q,).
    """
    first = np.flatnonzero(np.diff(start, prepend=-1))
    end = np.append(first, len(values))[1:]
    pieces = [
        _percentiles(values[a:b], rows[i:j] - a)
        for a, b, i, j in zip(first, end, np.searchsorted(rows, first), np.searchsorted(rows, end), strict=True)
        if i < j
    ]
    return np.concatenate(pieces) if pieces else np.empty(0)


def _percentiles(series: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Of one series: count what is earlier and smaller, and what is earlier and equal.

    Both time and rank are cut into blocks. A table holds how many values lie in earlier blocks of both; what is left
    is one block of time and one block of ranks to look through for each row.
    """
    valued = np.flatnonzero(~np.isnan(series))
    x = series[valued]
    n = len(x)
    time_of = _order(x)
    rank_of = np.empty(n, np.int32)
    rank_of[time_of] = np.arange(n, dtype=np.int32)
    blocks = -(-n // BLOCK)
    cells = np.bincount(np.arange(n) // BLOCK * blocks + rank_of // BLOCK, minlength=blocks * blocks)
    before = np.zeros((blocks + 1, blocks + 1), np.int32)
    np.cumsum(cells.astype(np.int32).reshape(blocks, blocks).cumsum(0, dtype=np.int32), 1, out=before[1:, 1:])

    time = np.searchsorted(valued, rows).astype(np.int32)
    rank = rank_of[time]
    in_time_block = _blocks(rank_of)[time // BLOCK] < rank[:, None]
    in_rank_block = _blocks(time_of)[rank // BLOCK] < (time - time % BLOCK)[:, None]
    lane = np.arange(BLOCK, dtype=np.int32)
    in_time_block &= lane < (time % BLOCK)[:, None]
    in_rank_block &= lane < (rank % BLOCK)[:, None]
    earlier_not_above = (
        before[time // BLOCK, rank // BLOCK] + in_time_block.sum(1, dtype=np.int32) + in_rank_block.sum(1, dtype=np.int32)
    )
    earlier_equal = rank - _first_equal(x[time_of])[rank]
    average_rank = earlier_not_above - earlier_equal / 2 + 1
    return (average_rank - 0.5) / (time + 1)


def _order(x: np.ndarray) -> np.ndarray:
    """Rank -> time, equal values in the order of time: NumPy's fast sort, then the few ties put right."""
    order = np.argsort(x)
    same = x[order[1:]] == x[order[:-1]]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    run = np.append(0, np.cumsum(~same))[tied]
    order[tied] = order[tied][np.lexsort((order[tied], run))]
    return order.astype(np.int32)


def _blocks(numbers: np.ndarray) -> np.ndarray:
    """Rows of BLOCK numbers; the last row is filled up with numbers above all others."""
    padded = np.full(-(-len(numbers) // BLOCK) * BLOCK, np.iinfo(np.int32).max, np.int32)
    padded[: len(numbers)] = numbers
    return padded.reshape(-1, BLOCK)


def _first_equal(ascending: np.ndarray) -> np.ndarray:
    """Of each position in sorted values: the first position with the same value."""
    fresh = np.append(True, ascending[1:] != ascending[:-1])
    return np.maximum.accumulate(np.where(fresh, np.arange(len(ascending)), 0))
