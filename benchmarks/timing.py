"""Seconds of several functions, taken in turn: what else the machine does then meets them all."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def in_turn(functions: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each function in each round; what it returns is thrown away after the clock stops."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            gc.collect()
            started = time.perf_counter()
            result = function()
            seconds[name].append(time.perf_counter() - started)
            del result
    return seconds


def summary(seconds: list[float]) -> dict[str, float]:
    """Median and minimum."""
    return {"median": statistics.median(seconds), "minimum": min(seconds)}


def ratio(numerator: list[float], denominator: list[float]) -> dict[str, float]:
    """Median of the ratios of the rounds, and the ratio of the minima."""
    rounds = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return {"median": statistics.median(rounds), "minimum": min(numerator) / min(denominator)}
