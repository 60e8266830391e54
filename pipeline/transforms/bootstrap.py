"""Bootstrap confidence intervals of means, the same on every machine and in every order of the rows."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

RESAMPLES = 2000
QUANTILES = (0.025, 0.975)
MIN_VALUES = 5
THREADS = min(2, pl.thread_pool_size())
ROWS_AT_A_TIME = 128  # their means fill 2 MB


def seed(key: str) -> int:
    """First eight bytes of the SHA-256 of a row's key, as an unsigned big-endian integer."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def intervals_of_means(keys: Sequence[str], values: Sequence[np.ndarray]) -> np.ndarray:
    """2.5th and 97.5th percentiles of the means of 2,000 resamples of each row's values.

    Args:
        keys: what seeds the generator of each row.
        values: of each row, in an order that the caller fixes.

    Returns:
        Shape (rows, 2); NaN for a row with fewer than five values.
    """
    found = np.full((len(keys), 2), np.nan)
    enough = [row for row, one in enumerate(values) if len(one) >= MIN_VALUES]
    blocks = [enough[i : i + ROWS_AT_A_TIME] for i in range(0, len(enough), ROWS_AT_A_TIME)]

    def fill(rows: list[int]) -> None:
        means = _means([keys[row] for row in rows], [values[row] for row in rows])
        means.sort(axis=1)  # NumPy sorts faster than it looks for two quantiles
        found[rows] = np.quantile(means, QUANTILES, axis=1, overwrite_input=True).T

    # the generator holds no lock of the interpreter while it draws
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        list(pool.map(fill, blocks))
    return found


def _means(keys: Sequence[str], values: Sequence[np.ndarray]) -> np.ndarray:
    """Means of the resamples of each row: shape (rows, 2000)."""
    means = np.empty((len(keys), RESAMPLES))
    # memory is used again for every row: asking for it anew costs more than the arithmetic
    longest = RESAMPLES * max(len(one) for one in values)
    index, drawn = np.empty(longest, np.intp), np.empty(longest)
    for row, (key, one) in enumerate(zip(keys, values, strict=True)):
        n = len(one)
        generator = np.random.Generator(np.random.PCG64(seed(key)))
        index[: RESAMPLES * n] = generator.integers(0, n, size=(RESAMPLES, n), dtype=np.uint16).ravel()
        # "clip" spares a copy; every index lies inside
        one.take(index[: RESAMPLES * n], out=drawn[: RESAMPLES * n], mode="clip")
        np.matmul(drawn[: RESAMPLES * n].reshape(RESAMPLES, n), np.full(n, 1 / n), out=means[row])
    return means
