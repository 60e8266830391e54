"""Percentiles among all values so far, at chosen rows only.

Polars ranks an expanding window too (`windows.expanding_percentile`), but at every row; records need a tenth of them.
"""

import numpy as np

BLOCK = 64  # rows of a block of time, and of a block of ranks


def percentiles_so_far(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(Average rank of each row's value among the values so far, less 0.5) over their count.

    Counts what is earlier and smaller, and what is earlier and equal. Both time and rank are cut into blocks: a table
    holds how many values lie in earlier blocks of both, and what is left is one block of time and one block of ranks
    to look through for each row.

    Args:
        x: values without gaps in the order of time, float64, shape (n,).
        rows: positions, shape (q,).

    Returns:
        Fractions, shape (q,).
    """
    if not len(rows):
        return np.empty(0)
    time_of = _order(x)
    rank_of = np.empty_like(time_of)
    rank_of[time_of] = np.arange(len(x), dtype=np.int32)
    blocks = -(-len(x) // BLOCK)
    cells = np.bincount(np.arange(len(x)) // BLOCK * blocks + rank_of // BLOCK, minlength=blocks * blocks)
    before = np.zeros((blocks + 1, blocks + 1), np.int32)
    before[1:, 1:] = cells.astype(np.int32).reshape(blocks, blocks).cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)

    time, rank = rows.astype(np.int32), rank_of[rows]
    lane = np.arange(BLOCK, dtype=np.int32)
    in_time_block = (_blocks(rank_of)[time // BLOCK] < rank[:, None]) & (lane < (time % BLOCK)[:, None])
    in_rank_block = (_blocks(time_of)[rank // BLOCK] < (time - time % BLOCK)[:, None]) & (
        lane < (rank % BLOCK)[:, None]
    )
    earlier_not_above = (
        before[time // BLOCK, rank // BLOCK] + np.count_nonzero(in_time_block, 1) + np.count_nonzero(in_rank_block, 1)
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
