"""core.rejects: nothing vanishes without a line. The contract of a table decides what it takes."""

import datetime as dt

import polars as pl
import pytest
from builders import CAPTURED_AT, macro_captures, price_captures, session, sessions

from pipeline import config
from pipeline.contracts import core, raw
from pipeline.transforms.prices import prices
from pipeline.transforms.rejects import rejects, split_by_contract
from pipeline.writing import checked

SERIES = [config.load().by_series_id["UNRATE"]]
NOTHING = macro_captures("UNRATE", [])


def three_bars() -> pl.DataFrame:
    closes = {session(i): 100.0 + i for i in range(3)}
    return prices(price_captures("A", closes), sessions(3), []).prices


def refused(line: int | None, reason: str = "number cannot be read") -> pl.DataFrame:
    return raw.Reject.create_empty().vstack(
        pl.DataFrame(
            {"captured_at": [CAPTURED_AT], "source": ["files"], "origin": ["a.csv"], "line": [line], "reason": [reason],
             "excerpt": ["x"]},
            schema=raw.Reject.create_empty().schema,
        )
    )  # fmt: skip


def test_rows_that_keep_the_contract_pass():
    good, bad = split_by_contract("core.prices", three_bars(), core.Prices)
    assert good.height == 3 and bad.is_empty()
    assert core.Prices.is_valid(good)


def test_a_row_that_breaks_a_rule_is_set_aside_and_named():
    broken = three_bars().with_columns(
        dividend=pl.when(pl.col("session_date") == session(1)).then(-1.0).otherwise("dividend")
    )
    good, bad = split_by_contract("core.prices", broken, core.Prices)
    assert good["session_date"].to_list() == [session(0), session(2)]
    row = bad.row(0, named=True)
    assert bad.height == 1
    assert (row["layer"], row["excerpt"], row["line"]) == ("core", f"A {session(1)}", None)
    assert "core.prices" in row["reason"] and "dividend|min" in row["reason"]


def test_one_broken_symbol_does_not_stop_the_others():
    broken = three_bars().with_columns(close=pl.lit(-1.0))
    good, bad = split_by_contract(
        "core.prices", pl.concat([broken, three_bars().with_columns(symbol=pl.lit("B"))]), core.Prices
    )
    assert good["symbol"].unique().to_list() == ["B"]
    assert bad.height == 3


def test_both_rows_of_a_repeated_key_are_set_aside():
    good, bad = split_by_contract("core.prices", pl.concat([three_bars(), three_bars().head(1)]), core.Prices)
    assert good["session_date"].to_list() == [session(1), session(2)]
    assert bad.height == 2


def test_what_the_parser_refused_is_passed_on():
    table = rejects(refused(7), NOTHING, SERIES)
    assert table.select("layer", "origin", "line", "reason", "excerpt").rows() == [
        ("raw", "a.csv", 7, "number cannot be read", "x")
    ]


def test_series_without_a_release_rule_get_one_row_a_file():
    rows = [(dt.date(2024, month, 1), 1.0, CAPTURED_AT) for month in (1, 2, 3)]
    captures = pl.concat([macro_captures("OTHER", rows), macro_captures("UNRATE", rows)])
    table = rejects(raw.Reject.create_empty(), captures, SERIES)
    assert table.select("layer", "origin", "excerpt").rows() == [("core", "OTHER.csv", "OTHER: 3 values")]
    assert "macro.yaml" in table["reason"][0]


def test_an_adjusted_copy_is_one_row_however_many_bars_it_has():
    closes = {session(i): 100.0 for i in range(5)}
    copies = pl.concat(
        [price_captures("A", closes), price_captures("A", closes, origin="adj.csv", flags="dividend_adjusted")]
    )
    left_out = prices(copies, sessions(5), []).rejects
    table = rejects(raw.Reject.create_empty(), NOTHING, SERIES, left_out)
    assert table.select("origin", "excerpt").rows() == [("adj.csv", f"A: 5 bars from {session(0)} to {session(4)}")]


@pytest.mark.parametrize("parsed", [raw.Reject.create_empty(), refused(None), pl.concat([refused(2), refused(1, "b")])])
def test_the_table_keeps_its_contract(parsed: pl.DataFrame):
    _, bad = split_by_contract("core.prices", three_bars().with_columns(close=pl.lit(-1.0)), core.Prices)
    table = rejects(parsed, NOTHING, SERIES, bad)
    assert checked("core.rejects", table, core.Rejects).height == parsed.height + 3
