"""The benchmarks' markets are what they say, and their peers compute the same as we do: compared before timed."""

import datetime as dt
import importlib
import json
import sys
import types

import builders as b
import polars as pl
import pytest

from benchmarks import __main__ as runner
from benchmarks import market, timing, transforms
from benchmarks.agreement import Agreement, agreements, unbroken
from pipeline import calendar, config
from pipeline.contracts.core import Prices
from pipeline.writing import checked

KEY = ["symbol", "session_date"]
GAP, HALT, SHORT = (market.symbol(i) for i in (1, 2, 3))


# --- made-up markets ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hundred() -> pl.DataFrame:
    return market.whole_market(100, 600)


def test_a_market_is_the_same_again_whatever_the_chunks(hundred: pl.DataFrame) -> None:
    chunks = list(market.market(100, 600, chunk=37))
    assert [one["symbol"].n_unique() for one in chunks] == [37, 37, 26]
    assert pl.concat(chunks).equals(hundred)


def test_another_seed_is_another_market(hundred: pl.DataFrame) -> None:
    other = market.whole_market(2, 600, seed=market.SEED + 1)
    assert other["close"].to_list() != hundred.head(other.height)["close"].to_list()


def test_a_larger_market_holds_the_smaller_one(hundred: pl.DataFrame) -> None:
    ten = market.whole_market(10, 600)
    assert ten.equals(hundred.filter(pl.col("symbol") < market.symbol(10)))


def test_a_market_keeps_the_contract_of_prices(hundred: pl.DataFrame) -> None:
    assert checked("core.prices", hundred, Prices).equals(hundred)
    assert hundred.sort(KEY).equals(hundred)
    real = calendar.sessions().select("session_date", "session_no")
    assert hundred.join(real, on=["session_date", "session_no"], how="anti").is_empty()
    body = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    assert hundred.filter((pl.col("high") < body[0]) | (pl.col("low") > body[1])).is_empty()
    assert hundred["total_return_index"].null_count() == hundred.height


def test_the_benchmark_comes_first_and_has_every_session(hundred: pl.DataFrame) -> None:
    first = hundred.filter(pl.col("symbol") == hundred["symbol"][0])
    assert first["symbol"][0] == market.BENCHMARK
    assert first.height == 600
    assert first["session_date"][-1] == dt.date(2025, 12, 31)
    assert market.pairs(3) == [("M000001", "M000000"), ("M000002", "M000000")]


def test_a_market_has_what_real_ones_have(hundred: pl.DataFrame) -> None:
    move = pl.col("close").log().diff().over("symbol")
    bars = hundred.with_columns(move=move, step=pl.col("session_no").diff().over("symbol"))
    histories = hundred.group_by("symbol").len()["len"]
    assert (histories < 500).sum() >= 5, "short histories"
    assert (bars["step"] > 11).any(), "gaps of more than ten sessions"
    assert (bars["step"] == 2).any(), "single sessions missing"
    halted = bars.filter(pl.col("volume") == 0)
    assert halted.height >= 3, "halts"
    assert halted.filter((pl.col("high") != pl.col("low")) | (pl.col("move") != 0)).is_empty()
    whole = bars.filter(
        pl.col("symbol").is_in(hundred.group_by("symbol").len().filter(pl.col("len") == 600)["symbol"].implode())
    )
    assert whole["move"].kurtosis() > 1, "fat tails"
    size = pl.col("move").abs()
    clustered = whole.group_by("symbol").agg(pl.corr(size, size.shift(5)))["move"].mean()
    assert isinstance(clustered, float) and clustered > 0.03, "volatility clusters"
    factor = bars.filter(pl.col("symbol") == market.BENCHMARK).select("session_no", factor="move")
    together = whole.join(factor, on="session_no").group_by("symbol").agg(r=pl.corr("move", "factor"))
    assert 0.25 < together["r"].median() < 0.9, "a market factor"
    before = pl.col("close").shift(1).over("symbol")
    gaps = bars.select((pl.col("open") > pl.col("high").shift(1).over("symbol")).mean())["open"][0]
    copied = bars.select((pl.col("open") == before).mean())["open"][0]
    assert 0.01 < gaps < 0.2 and 0.005 < copied < 0.15, "opens that gap, and some that do not move"


# --- real bars under many names -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few() -> pl.DataFrame:
    """Three symbols of core.prices on real sessions: one pays and splits, one is an index."""
    days = calendar.sessions().filter(pl.col("session_date") < dt.date(2020, 1, 1)).tail(300)["session_date"].to_list()
    paying = b.bars("PAY", b.walk(300, seed=1), dividends={50: 1.0, 290: 2.0}, days=days)
    large = b.bars("WHOLE", b.walk(300, seed=2), days=days)
    index = b.bars("^IDX", b.walk(200, seed=3), is_fund=False, days=days)
    split = pl.when((pl.col("symbol") == "PAY") & (pl.col("session_no") == 120)).then(2.0).otherwise("split_ratio")
    return pl.concat([paying, large, index]).with_columns(
        high=pl.col("close") * 1.01, low=pl.col("close") * 0.98, split_ratio=split
    )


def copies(few: pl.DataFrame, chunk: int = market.CHUNK) -> pl.DataFrame:
    return pl.concat(market.replicated(few, 60, "WHOLE", chunk=chunk))


def test_copies_are_the_same_whatever_the_chunks(few: pl.DataFrame) -> None:
    assert copies(few).equals(copies(few, chunk=7))
    assert copies(few)["symbol"].n_unique() == 60


def test_number_0_is_the_benchmark_as_it_is(few: pl.DataFrame) -> None:
    own = few.filter(pl.col("symbol") == "WHOLE").drop("symbol")
    assert copies(few).filter(pl.col("symbol") == market.BENCHMARK).drop("symbol").equals(own)


def test_copies_keep_the_shape_of_bars_and_the_yield_of_dividends(few: pl.DataFrame) -> None:
    made = copies(few).with_columns(copied=pl.col("symbol").str.slice(1).cast(pl.Int64) % 3)
    paying = made.filter(pl.col("copied") == 0, pl.col("symbol") != market.BENCHMARK)
    assert made.select((pl.col("high") / pl.col("close") - 1.01).abs().max())["high"][0] < 1e-12
    assert made.select((pl.col("low") / pl.col("close") - 0.98).abs().max())["low"][0] < 1e-12
    yields = paying.filter(pl.col("session_no") == 290).select(pl.col("dividend") / pl.col("close"))["dividend"]
    close = few.filter(pl.col("symbol") == "PAY", pl.col("session_no") == 290)["close"][0]
    assert yields.len() == 19, "a bar with a distribution is in every copy"
    assert yields.to_list() == pytest.approx([2.0 / close] * 19)
    assert paying["close"].n_unique() > 19 * 100, "scales and noise differ"


def test_copies_begin_later_and_lack_sessions_but_no_events(few: pl.DataFrame) -> None:
    made = copies(few).with_columns(copied=pl.col("symbol").str.slice(1).cast(pl.Int64) % 3)
    first = made.group_by("symbol").agg(pl.col("session_no").min())["session_no"]
    assert 5 <= (first > 3).sum() <= 40
    whole = (
        made.filter(pl.col("copied") == 0)
        .group_by("symbol")
        .agg(n=pl.len(), first=pl.col("session_no").min(), splits=(pl.col("split_ratio") == 2).sum())
        .filter(pl.col("first") <= 120, pl.col("first") > 0)
    )
    assert whole.is_empty() or (whole["splits"] == 1).all()
    lacking = made.group_by("symbol").agg(lacks=300 - pl.col("session_no").min() - pl.len(), k=pl.col("copied").first())
    assert (lacking.filter(pl.col("k") != 2)["lacks"] > 0).any()


def test_the_total_return_index_of_a_copy_is_that_of_its_bars(few: pl.DataFrame) -> None:
    made = copies(few)
    name = market.symbol(3)  # copies PAY
    closes = made.filter(pl.col("symbol") == name)
    expected, before = [], None
    for close, paid, index in closes.select("close", "dividend", "total_return_index").iter_rows():
        expected.append(1.0 if before is None else expected[-1] * (close + paid) / before)
        before = close
        assert index == pytest.approx(expected[-1])
    assert made.filter(pl.col("symbol") == market.symbol(2))["total_return_index"].null_count() > 0


def test_captures_are_replicated_too() -> None:
    days = calendar.sessions()["session_date"].to_list()[9000:9060]
    captures = b.price_captures("A", dict.fromkeys(days, 10.0), dividend={days[30]: 0.5})
    made = pl.concat(market.replicated(captures, 4, "A", sessions=40))
    assert made.columns == captures.columns
    assert made["session_date"].min() == days[20]
    paid = made.filter(pl.col("dividend") > 0)
    assert (paid["dividend"] / paid["close"]).to_list() == pytest.approx([0.05] * 3), "one begins after the dividend"


# --- peers --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> transforms.Market:
    """Five symbols: one lacks fifteen sessions in a row, one is flat for thirty, one has a short history."""
    bars = market.whole_market(12, 460).filter(pl.col("symbol") <= market.symbol(4))
    first = pl.col("session_no").max() - 459
    number, symbol = pl.col("session_no") - first, pl.col("symbol")
    is_flat = (symbol == HALT) & number.is_between(300, 330)
    flat = pl.when(is_flat).then(bars.filter(symbol == HALT, number == 300)["close"][0])
    bars = bars.with_columns(flat.otherwise(name).alias(name) for name in ("open", "high", "low", "close"))
    lacks = (symbol == GAP) & number.is_between(200, 214)
    late = (symbol == SHORT) & (number < 340)
    return transforms.Market(bars.filter(~lacks & ~late), market.pairs(5), list(config.load().rules.streak_rules))


CASES = [(name, family) for name, peer in transforms.installed().items() for family in peer.FAMILIES]


def test_pandas_duckdb_and_talib_are_compared() -> None:
    assert {"pandas", "DuckDB", "TA-Lib"} <= {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "family"), CASES)
def test_a_peer_computes_the_same(small: transforms.Market, name: str, family: str) -> None:
    if family == "records":  # quadratic by other hands
        small = small._replace(prices=small.prices.filter(pl.col("symbol") <= GAP))
    peer = transforms.installed()[name]
    table = transforms.ours(small, family)
    found = transforms.compared(small, family, peer, peer.prepared(*small), table)
    assert table.height > 0
    differing = [one for one in found if not one.agrees]
    assert {(name, one.column) for one in differing} <= set(transforms.REASONS)
    assert all(one.differing <= 12 and one.largest < 1e-7 for one in differing), "flat windows, rounding noise"
    assert all(transforms.is_comparable(name, one) for one in differing)
    if not peer.UNBROKEN_ONLY:
        left_out = {"basis", "ema_21", "rsi_14", "atr_14", "atr_14_pct"} if name == "DuckDB" else {"basis"}
        keys = set(transforms.KEYS.get(family, transforms.BY_SESSION)) | {"symbol", "benchmark", "session_date"}
        assert {one.column for one in found} >= set(table.columns) - keys - left_out


def test_a_library_that_knows_no_dates_differs_across_a_long_gap(small: transforms.Market) -> None:
    assert GAP not in unbroken(small.prices).to_list()
    peer = importlib.import_module("benchmarks.peers.in_talib")
    data = peer.prepared(*small)
    theirs = peer.frame(data, "returns", peer.computed(data, "returns", ["ret_5d"]))
    assert theirs.columns == [*KEY, "ret_5d"], "a column alone"
    (found,) = agreements(transforms.ours(small, "returns"), theirs, KEY)
    assert (found.differing, found.one_sided) == (5, 5), "the five windows across the gap, NULL for us"


def test_a_column_that_differs_may_be_timed_where_that_is_rare_and_explained() -> None:
    few, many = (Agreement("rsi_14", 1000, n, 0, 1.0) for n in (10, 11))
    assert transforms.is_comparable("TA-Lib", few)
    assert not transforms.is_comparable("TA-Lib", many)
    assert not transforms.is_comparable("DuckDB", few), "nobody has said why"


def test_agreement_sees_a_difference_a_missing_value_and_other_rows() -> None:
    day = dt.date(2024, 1, 2)
    ours = pl.DataFrame(
        {"symbol": ["A", "B", "C"], "session_date": day, "x": [1.0, 5.0, None], "y": [True, None, False]}
    )
    theirs = pl.DataFrame(
        {"symbol": ["C", "B", "A"], "session_date": day, "x": [7.0, 5.0 + 2e-8, 1.0], "y": [False, None, True]}
    )
    x, y = agreements(ours, theirs, KEY)
    assert (x.column, x.rows, x.differing, x.one_sided, x.agrees) == ("x", 3, 2, 1, False)
    assert x.largest == pytest.approx(4e-9)
    assert y.agrees
    with pytest.raises(ValueError, match="rows differ: 0 too many, 1 too few of 3"):
        agreements(ours, theirs.head(2), KEY)


# --- the runner ---------------------------------------------------------------------------------------------------


def test_functions_take_turns() -> None:
    calls: list[str] = []
    seconds = timing.in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "b", "a", "b"]
    assert [len(one) for one in seconds.values()] == [2, 2]
    assert timing.ratio([2.0, 6.0, 4.0], [1.0, 2.0, 4.0]) == {"median": 2.0, "minimum": 2.0}


def test_the_table_says_whether_a_target_is_met() -> None:
    seconds = {"median": 0.01, "minimum": 0.008}
    case = {
        "family": "returns",
        "symbols": 3,
        "bars": 1500,
        "columns": 12,
        "peer": "pandas",
        "agreed": ["ret_1d"],
        "differing": [{"column": "ret_5d", "rows": 9, "differing": 2, "one_sided": 1, "largest": 1e-6}],
        "seconds": {"ours": seconds, "peer": seconds},
        "times_as_fast": {"median": 2.9, "minimum": 3.1},
        "target": 3.0,
    }
    written = transforms.table({"rounds": 5, "sessions": 600, "cases": [case], "absent": {"other": "not there"}})
    assert "| returns | 3 | 1,500 | pandas | 1 of 2 | 10.0 (8.0) | 10.0 (8.0) | 2.90 (3.10) | 3 | no |" in written
    assert "`ret_5d` differs on 2 of 9 rows, by at most 1.0e-06; on 1 of them one side has no value." in written
    assert "- other: not there." in written


def test_results_are_written_as_json_and_markdown(tmp_path, monkeypatch, capsys) -> None:
    one = types.ModuleType("benchmarks.one", "What one is about.")
    one.measure = lambda *, quick: {"quick": quick}  # type: ignore[attr-defined]
    one.table = lambda result: f"| {result['quick']} |"  # type: ignore[attr-defined]
    one.__spec__ = importlib.util.spec_from_loader("benchmarks.one", None)
    monkeypatch.setitem(sys.modules, "benchmarks.one", one)
    monkeypatch.setattr(runner, "MODULES", ("one", "not_written_yet"))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--output", str(tmp_path / "out")])
    runner.main()
    written = json.loads((tmp_path / "out" / "benchmarks.json").read_text())
    assert written["results"] == {"one": {"quick": True}}
    assert {"commit", "cores", "memory_gb", "versions"} <= set(written["machine"])
    text = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "## one\n\nWhat one is about.\n\n| True |" in text
    assert text in capsys.readouterr().out + "\n"
