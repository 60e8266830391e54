"""Percentiles among all values so far, at chosen rows only.

Polars ranks an expanding window too (`windows.expanding_percentile`), but at every row; records need a quarter of them.
"""

import numpy as np

BLOCK = 64  # rows of a block of time, and of a block of ranks: as many as a word has bits
LAST_LANE = BLOCK - 1
FIRST_BITS = (np.uint64(1) << np.arange(BLOCK, dtype=np.uint64)) - np.uint64(1)  # by number of bits
ALL_BUT_SIGN = np.int64(2**63 - 1)


def percentiles_so_far(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(Average rank of each row's value among the values so far, less 0.5) over their count.

    Args:
        x: values in the order of time, no NaN; infinities are allowed; float64, shape (n,).
        rows: positions, shape (q,).

    Returns:
        Fractions, shape (q,).
    """
    if not len(rows):
        return np.empty(0)
    time_of, equal_before = _order(x)
    rank_of = np.empty_like(time_of)
    rank_of[time_of] = np.arange(len(x))
    rank = rank_of.take(rows)
    average_rank = _earlier_of_lower_rank(time_of, rank_of, rows, rank) - equal_before.take(rank) / 2 + 1
    return (average_rank - 0.5) / (rows + 1)


def _earlier_of_lower_rank(time_of: np.ndarray, rank_of: np.ndarray, time: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Count, for each queried row, the rows that are both earlier and of lower rank.

    Both time and rank are cut into blocks: a table holds how many rows lie in earlier blocks of both, and what is
    left is one block of time and one block of ranks to look through for each query.

    Args:
        time_of, rank_of: a permutation and its inverse, shape (n,).
        time, rank: of each query, shape (q,).
    """
    rank_block_of = rank_of // BLOCK
    size = -(-len(time_of) // BLOCK)
    cells = np.bincount(np.arange(len(time_of)) // BLOCK * size + rank_block_of, minlength=size * size)
    before = np.zeros((size + 1, size + 1), np.int64)
    cells.reshape(size, size).cumsum(1).cumsum(0, out=before[1:, 1:])
    time_block, rank_block = time // BLOCK, rank // BLOCK
    return (
        before.ravel().take(time_block * (size + 1) + rank_block)
        + _count_below(rank_block_of, time_block, time & LAST_LANE, rank_block, size)
        + _count_below(time_of, rank_block, rank & LAST_LANE, time, len(time_of))
    )


def _count_below(
    numbers: np.ndarray, block: np.ndarray, lanes: np.ndarray, limit: np.ndarray, largest: int
) -> np.ndarray:
    """Of each query: how many of the first `lanes` numbers of its block are below its limit.

    All lanes of a block are compared, as small integers, and become the bits of one word.
    """
    small = np.min_scalar_type(largest)
    blocks = np.zeros((-(-len(numbers) // BLOCK), BLOCK), small)
    blocks.ravel()[: len(numbers)] = numbers
    is_below = blocks.take(block, axis=0) < limit.astype(small)[:, None]
    words = np.packbits(is_below, bitorder="little").view("<u8")
    return np.bitwise_count(words & FIRST_BITS.take(lanes))


def _order(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank -> time, equal values in the order of time; and how many equal values are earlier, by rank.

    NumPy sorts integers in half the time that it takes to find the order of floats. So the float's bits are sorted as
    an integer whose lowest bits hold the time instead; the few values that agree in all other bits are put right after.

    Example: x = 3 5 3 4, whose times take the lowest three bits. By value, then time, the rows are 0 2 3 1: `time_of`.
    The two values of 3 have ranks 0 and 1 and agree in all other bits; before that of rank 1 one equal value is
    earlier, so `equal_before` is 0 1 0 0. The percentile of row 2, of rank 1: one earlier row, row 0, has a lower rank,
    so the average rank is 1 - 1/2 + 1 = 1.5 (the two share ranks 1 and 2), the percentile (1.5 - 0.5) / 3.
    """
    low = (1 << len(x).bit_length()) - 1
    bits = (x + 0.0).view(np.int64)  # there is one zero
    bits ^= (bits >> 63) & ALL_BUT_SIGN  # negative floats rise with falling bits
    bits &= ~low
    bits |= np.arange(len(x))
    bits.sort()
    time_of = bits & low
    same = np.zeros(len(x) + 1, bool)
    np.equal(bits[1:] ^ time_of[1:], bits[:-1] ^ time_of[:-1], out=same[1:-1])
    near = np.flatnonzero(same[1:] | same[:-1])
    times = time_of.take(near)
    by_value = np.lexsort((times, x.take(times)))
    time_of[near] = times.take(by_value)
    values = x.take(time_of.take(near))
    equal_before = np.zeros(len(x), np.int64)
    equal_before[near] = np.arange(len(near)) - np.searchsorted(values, values)
    return time_of, equal_before
