"""How symbols are cut into shards."""

import polars as pl

from pipeline.shards import ranges

SYMBOLS = [f"S{number:02d}" for number in range(66)]


def bars(*symbols: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(symbols, schema={"symbol": pl.String, "len": pl.UInt32}, orient="row")


def test_what_fits_is_one_shard():
    assert ranges(bars(("B", 10), ("A", 10)), most=20) == [("A", "B")]


def test_symbols_are_cut_where_their_middle_passes_an_equal_part():
    # 40 bars in two shards of 20; the middles of A, B, C lie at 5, 15, 30
    assert ranges(bars(("A", 10), ("B", 10), ("C", 20)), most=20) == [("A", "B"), ("C", "C")]
    assert ranges(bars(("A", 10), ("B", 10), ("C", 20)), most=39) == [("A", "B"), ("C", "C")]


def test_a_symbol_is_never_cut():
    assert ranges(bars(("A", 100), ("B", 1)), most=10) == [("A", "A"), ("B", "B")]


def test_as_many_equal_symbols_as_shards_are_a_shard_each():
    assert ranges(bars(*((symbol, 7) for symbol in SYMBOLS)), most=7) == [(symbol, symbol) for symbol in SYMBOLS]


def test_without_bars_there_is_one_empty_shard():
    assert ranges(bars(), most=10) == [("", "")]
