"""Contracts: what is rounded, and that a quick look at a sorted frame refuses all that dataframely refuses."""

import datetime as dt
import math
from itertools import product

import dataframely as dy
import polars as pl
import pytest

from pipeline.contracts.columns import Table, count, day, keeps, number, rounded, text, validated

DAYS = (dt.date(2024, 1, 2), dt.date(2024, 1, 3))


class Keyed(Table):
    """A table whose key has no NULL."""

    symbol = text("Symbol.", primary_key=True)
    session_date = day("Day.", nullable=False, primary_key=True)
    bars = count("Bars.", nullable=False)


class Ruled(Table):
    """A table with a NULL in its key, and a text last."""

    symbol = text("Symbol.")
    benchmark = text("Benchmark.", nullable=True)
    session_date = day("Day.", nullable=False)
    vintage = text("Vintage.")

    @dy.rule()
    def key_is_unique(cls) -> pl.Expr:
        return ~pl.struct("symbol", "benchmark", "session_date", "vintage").is_duplicated()


class Figures(Table):
    """Figures of two kinds."""

    price = number("usd", "As served.")
    share = number("fraction", "Eight decimals.")


def keyed(*rows: tuple[str, dt.date], bars: int | None = 1) -> pl.DataFrame:
    schema = {"symbol": pl.String, "session_date": pl.Date, "bars": pl.Int64}
    return pl.DataFrame([(*row, bars) for row in rows], schema=schema, orient="row")


def ruled(*rows: tuple[str, str | None, dt.date, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=Ruled.create_empty().schema, orient="row")


def test_a_sorted_frame_is_seen_to_keep_its_contract():
    assert keeps(keyed(("A", DAYS[0]), ("A", DAYS[1]), ("B", DAYS[0])), Keyed)
    assert keeps(ruled(("A", None, DAYS[0], "latest"), ("A", "B", DAYS[0], "latest")), Ruled)
    assert keeps(Keyed.create_empty(), Keyed)


@pytest.mark.parametrize("rows", range(4))
def test_of_all_small_frames_those_are_refused_that_dataframely_refuses(rows: int):
    for chosen in product(product("AB", DAYS), repeat=rows):
        frame = keyed(*chosen)
        is_valid = len(set(chosen)) == rows
        assert Keyed.is_valid(frame) == is_valid
        assert is_valid or not keeps(frame, Keyed)
        if is_valid:
            assert validated(frame, Keyed).equals(frame)
        else:
            with pytest.raises(dy.exc.ValidationError, match="primary_key"):
                validated(frame, Keyed)


def test_of_all_small_frames_with_a_null_in_the_key_those_are_refused_that_repeat_a_row():
    for chosen in product(product("A", (None, "B"), DAYS, ("latest", "realtime")), repeat=3):
        frame = ruled(*chosen)
        if len(set(chosen)) == 3:
            assert validated(frame, Ruled).equals(frame)
        else:
            with pytest.raises(dy.exc.ValidationError, match="key_is_unique"):
                validated(frame, Ruled)


@pytest.mark.parametrize("bars", [-1, None])
def test_a_sorted_frame_that_breaks_another_rule_is_refused(bars: int | None):
    with pytest.raises(dy.exc.ValidationError, match="bars"):
        validated(keyed(("A", DAYS[0]), ("A", DAYS[1]), bars=bars), Keyed)


def test_a_frame_of_other_types_is_refused():
    with pytest.raises(dy.exc.SchemaError):
        validated(keyed(("A", DAYS[0])).cast({"bars": pl.Int32}), Keyed)


def test_figures_are_rounded_and_no_number_but_a_finite_one_is_published():
    values = [0.1234567890123, -1e-12, -0.0, math.nan, math.inf, -math.inf, None]
    found = rounded(pl.DataFrame({"price": values, "share": values}), Figures)
    assert found["price"].to_list() == [0.1234567890123, -1e-12, 0.0, None, None, None, None]
    assert found["share"].to_list() == [0.12345679, 0.0, 0.0, None, None, None, None]
    signs = [math.copysign(1, x) for x in (found["price"][2], found["share"][1], found["share"][2])]
    assert signs == [1, 1, 1]


def test_figures_without_anything_odd_are_rounded_too():
    found = rounded(pl.DataFrame({"price": [-1.5, 2.0], "share": [0.1234567849, -2.0]}), Figures)
    assert found.rows() == [(-1.5, 0.12345678), (2.0, -2.0)]


def test_a_negative_zero_is_replaced_beside_negative_figures():
    found = rounded(pl.DataFrame({"price": [-1.5, -0.0], "share": [-2.0, -1e-12]}), Figures)
    assert [math.copysign(1, x) for x in found.row(1)] == [1, 1]
