"""The loopback vendors tell the truth: real clients get what is served, and every fault is what its name says."""

import csv
import datetime as dt
import http.client
import json
import threading
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yfinance as yf
from fredapi import Fred
from vendor_data import Bars, Series, made_up_bars, made_up_series, read_market_data, read_observations, weekdays
from vendor_servers import (
    GOOD_KEY,
    Empty,
    FredServer,
    Hang,
    Html,
    LastBarNull,
    LastCloseNull,
    Latency,
    MissingDays,
    ReorderedColumns,
    ReorderedKeys,
    Reset,
    Status,
    Truncated,
    VendorServer,
    YahooServer,
)
from yfinance._http import new_session
from yfinance.data import YfData
from yfinance.exceptions import YFDataException, YFPricesMissingError, YFRateLimitError

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "market-data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real market data: {DATA} does not exist")

DAYS = weekdays(dt.date(2024, 3, 4), 10)  # two weeks; New York's clocks change between them
JAN, FEB, MAR = dt.date(2024, 1, 1), dt.date(2024, 2, 1), dt.date(2024, 3, 1)
TODAY = dt.date(2024, 6, 28)


# Yahoo, asked by yfinance --------------------------------------------------------------------------------------------


def small_bars() -> dict[str, Bars]:
    """Session i closes at 100 + i; SPY pays 1 on session 1 and 2 on session 6, splits 2:1 on 3, and gains 0.5 on 7."""
    return made_up_bars(
        ["SPY", "^GSPC", "ZQZ26.CBT"],
        DAYS,
        dividends={"SPY": {1: 1.0, 6: 2.1}},
        splits={"SPY": {3: 2.0}},
        capital_gains={"SPY": {7: 0.5}},
    )


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    with YahooServer(small_bars()) as server:
        for module in ("base", "scrapers.history"):
            monkeypatch.setattr(f"yfinance.{module}._BASE_URL_", server.url)
        monkeypatch.setattr(YfData, "_get_cookie_and_crumb", lambda self, timeout=30: (None, "basic"))
        monkeypatch.setitem(yf.config.debug.data, "hide_exceptions", False)
        monkeypatch.setattr(YfData(), "_session", new_session())  # yfinance keeps the last one of the process
        YfData.cache_get.cache_clear()  # a port may be used again, and yfinance keeps answers by address
        yield server


def history(symbol: str, zone: str = "America/New_York", **more: Any) -> pd.DataFrame:
    ticker = yf.Ticker(symbol)
    ticker._tz = zone
    return ticker.history(auto_adjust=False, actions=True, **more)


def test_a_fund_comes_back_as_it_was_made_up(yahoo: YahooServer) -> None:
    got = history("SPY", period="max")
    assert [stamp.date() for stamp in got.index] == DAYS
    assert str(got.index.tz) == "America/New_York"
    assert got["Close"].tolist() == [100, 101, 102, 103, 104, 105, 106, 107, 108, 109]
    assert got["Open"].tolist() == got["Close"].tolist()
    assert got["High"].tolist() == [101, 102, 103, 104, 105, 106, 107, 108, 109, 110]
    assert got["Low"].tolist() == [99, 100, 101, 102, 103, 104, 105, 106, 107, 108]
    assert got["Volume"].tolist() == list(range(1000, 1010))
    assert got["Dividends"].tolist() == [0, 1, 0, 0, 0, 0, 2.1, 0, 0, 0]
    assert got["Stock Splits"].tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert got["Capital Gains"].tolist() == [0, 0, 0, 0, 0, 0, 0, 0.5, 0, 0]


def test_closes_before_a_dividend_are_adjusted_by_its_share_of_the_close_before(yahoo: YahooServer) -> None:
    # 2.1 on a close of 105 takes 2 %, and 1 on a close of 100 takes 1 %
    expected = [100 * 0.99 * 0.98, *(close * 0.98 for close in range(101, 106)), 106, 107, 108, 109]
    assert history("SPY", period="max")["Adj Close"].tolist() == pytest.approx(expected, rel=1e-12)


def test_a_start_is_the_first_day_and_an_end_is_not_included(yahoo: YahooServer) -> None:
    got = history("SPY", start="2024-03-06", end=dt.date(2024, 3, 12))
    assert got["Close"].tolist() == [102, 103, 104, 105]
    assert got["Stock Splits"].tolist() == [0, 2, 0, 0]
    assert history("SPY", start="2024-03-14")["Close"].tolist() == [108, 109]


@pytest.mark.parametrize(("symbol", "zone"), [("^GSPC", "America/New_York"), ("ZQZ26.CBT", "America/Chicago")])
def test_an_index_and_a_future_have_their_names_and_clocks(yahoo: YahooServer, symbol: str, zone: str) -> None:
    got = history(symbol, zone, period="max")
    assert [stamp.date() for stamp in got.index] == DAYS
    assert str(got.index.tz) == zone
    assert got["Adj Close"].tolist() == list(range(100, 110))
    assert "Capital Gains" not in got.columns
    assert yahoo.count("/v8/finance/chart/", symbol) == 1


@pytest.mark.parametrize(("period", "first"), [("1d", 109), ("5d", 105), ("1mo", 100), ("ytd", 100), ("max", 100)])
def test_a_range_counts_back_from_the_newest_bar(yahoo: YahooServer, period: str, first: int) -> None:
    got = history("SPY", period=period)
    assert (got["Close"].iloc[0], got["Close"].iloc[-1]) == (first, 109)


def test_yfinance_finds_the_time_zone_by_itself(yahoo: YahooServer) -> None:
    assert yf.Ticker("ZQZ26.CBT")._fetch_ticker_tz(timeout=10) == "America/Chicago"
    assert yahoo.requests[0].query == {"range": "1d", "interval": "1d"}


def test_an_unknown_symbol_is_said_to_be_delisted(yahoo: YahooServer) -> None:
    with pytest.raises(YFPricesMissingError, match="No data found, symbol may be delisted"):
        history("NOPE", period="max")
    assert yahoo.count(subject="NOPE") == 2  # yfinance asks every refused request again


def test_a_window_without_bars_has_no_time_stamps(yahoo: YahooServer) -> None:
    with pytest.raises(YFPricesMissingError):
        history("SPY", start="2024-03-09", end="2024-03-11")
    (request,) = yahoo.requests
    body = fetch(yahoo, f"{request.path}?period1={request.query['period1']}&period2={request.query['period2']}").json()
    (result,) = body["chart"]["result"]
    assert result["meta"]["symbol"] == "SPY"
    assert "timestamp" not in result
    assert result["indicators"]["quote"] == [{}]


def test_time_stamps_are_half_past_nine_on_the_exchange(yahoo: YahooServer) -> None:
    result = fetch(yahoo, "/v8/finance/chart/SPY?range=max").json()["chart"]["result"][0]
    # 2024-03-04 is in winter time: 14:30 UTC; 2024-03-11 in summer time: 13:30 UTC
    assert result["timestamp"][0] == dt.datetime(2024, 3, 4, 14, 30, tzinfo=dt.UTC).timestamp()
    assert result["timestamp"][5] == dt.datetime(2024, 3, 11, 13, 30, tzinfo=dt.UTC).timestamp()
    assert result["meta"]["gmtoffset"] == -4 * 3600
    assert "events" not in result  # nobody asked for them
    chicago = fetch(yahoo, "/v8/finance/chart/ZQZ26.CBT?range=max").json()["chart"]["result"][0]
    assert chicago["timestamp"][0] == dt.datetime(2024, 3, 4, 15, 30, tzinfo=dt.UTC).timestamp()


def test_events_have_the_shape_of_yahoo(yahoo: YahooServer) -> None:
    result = fetch(yahoo, "/v8/finance/chart/SPY?range=max&events=div%2Csplits").json()["chart"]["result"][0]
    stamp = result["timestamp"][3]
    split = {"date": stamp, "numerator": 2.0, "denominator": 1.0, "splitRatio": "2:1"}
    assert result["events"]["splits"] == {str(stamp): split}
    assert [paid["amount"] for paid in result["events"]["dividends"].values()] == [1.0, 2.1]
    assert "capitalGains" not in result["events"]


def test_new_data_is_served_at_once(yahoo: YahooServer) -> None:
    assert len(history("SPY", period="max")) == 10
    bars = yahoo.data["SPY"].until(DAYS[4]).without(DAYS[0]).change(DAYS[4], close=7.0)
    yahoo.data = {**yahoo.data, "SPY": bars}
    assert history("SPY", period="max")["Close"].tolist() == [101, 102, 103, 7]


def test_too_many_requests_reach_the_caller_as_such(yahoo: YahooServer) -> None:
    yahoo.inject(Status(429), match="SPY")
    with pytest.raises(YFRateLimitError):
        history("SPY", period="max")
    assert len(history("^GSPC", period="max")) == 10


def test_yfinance_hides_one_refusal(yahoo: YahooServer) -> None:
    yahoo.inject(Status(429), times=1)
    assert len(history("SPY", period="max")) == 10
    assert yahoo.count(subject="SPY") == 2


def test_yfinance_keeps_what_it_got_for_a_past_window_even_if_it_was_an_error(yahoo: YahooServer) -> None:
    yahoo.inject(Status(500), times=2)
    for _ in range(2):
        with pytest.raises(json.JSONDecodeError):
            history("SPY", start=DAYS[0], end=DAYS[5])
    assert yahoo.count(subject="SPY") == 2  # both for the first call: the second was answered from memory


def test_the_page_of_yahoo_and_any_other_page_are_told_apart_by_yfinance(yahoo: YahooServer) -> None:
    yahoo.inject(Html("Will be right back..."), times=1)
    yahoo.inject(Html(), times=1)
    with pytest.raises(YFDataException, match="YAHOO! FINANCE IS CURRENTLY DOWN"):
        history("SPY", period="max")
    with pytest.raises(json.JSONDecodeError):
        history("SPY", period="max")


def test_the_last_bar_can_be_null_or_without_a_close(yahoo: YahooServer) -> None:
    yahoo.inject(LastBarNull(), match="SPY", times=1)
    yahoo.inject(LastCloseNull(), match="SPY", times=1)
    quote = fetch(yahoo, "/v8/finance/chart/SPY?range=5d").json()["chart"]["result"][0]["indicators"]["quote"][0]
    assert {name: values[-1] for name, values in quote.items()} == dict.fromkeys(quote)
    assert len(history("SPY", period="max")) == 10  # both faults are used up

    yahoo.inject(LastBarNull(), match="^GSPC")
    assert len(history("^GSPC", period="max")) == 9
    yahoo.heal()
    yahoo.inject(LastCloseNull(), match="^GSPC")
    got = history("^GSPC", period="max")
    assert pd.isna(got["Close"].iloc[-1])
    assert got["Open"].iloc[-1] == 109


def test_days_can_be_missing(yahoo: YahooServer) -> None:
    yahoo.inject(MissingDays((DAYS[1], DAYS[9])), match="SPY", times=1)
    got = history("SPY", period="max")
    assert got["Close"].tolist() == [100, 102, 103, 104, 105, 106, 107, 108]
    assert got["Dividends"].sum() == 2.1
    assert len(history("SPY", period="max")) == 10


def test_keys_in_another_order_say_the_same(yahoo: YahooServer) -> None:
    path = "/v8/finance/chart/SPY?range=max&events=div,splits"
    plain = fetch(yahoo, path)
    yahoo.inject(ReorderedKeys())
    other = fetch(yahoo, path)
    assert other.json() == plain.json()
    assert other.body != plain.body
    assert list(other.json()["chart"]) == ["error", "result"]


def test_quotes_say_what_the_test_gave(yahoo: YahooServer) -> None:
    yahoo.facts = {"SPY": {"trailingPE": 25.5, "dividendYield": 1.07, "trailingAnnualDividendYield": 0.0107}}
    quote = fetch(yahoo, "/v7/finance/quote?symbols=SPY,NOPE,%5EGSPC").json()["quoteResponse"]
    assert quote["error"] is None
    assert [(one["symbol"], one["quoteType"]) for one in quote["result"]] == [("SPY", "ETF"), ("^GSPC", "INDEX")]
    assert (quote["result"][0]["trailingPE"], quote["result"][0]["dividendYield"]) == (25.5, 1.07)
    # 2024-03-15, 16:00 in New York
    assert quote["result"][0]["regularMarketTime"] == dt.datetime(2024, 3, 15, 20, tzinfo=dt.UTC).timestamp()


def test_a_quote_can_need_the_crumb(yahoo: YahooServer) -> None:
    yahoo.needs_crumb = True
    assert fetch(yahoo, "/v7/finance/quote?symbols=SPY").status == 401
    crumb = fetch(yahoo, "/v1/test/getcrumb").body.decode()
    assert fetch(yahoo, f"/v7/finance/quote?symbols=SPY&crumb={crumb}").status == 200


@needs_data
@pytest.mark.parametrize("symbol", ["SPY", "BIL", "^GSPC"])
def test_real_bars_come_back_as_they_are_in_the_file(yahoo: YahooServer, symbol: str) -> None:
    yahoo.data = read_market_data(DATA, symbols=[symbol], series=[]).bars
    with (DATA / "prices" / f"{symbol}.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    got = history(symbol, period="max")
    assert [str(stamp.date()) for stamp in got.index] == [row["Date"] for row in rows]
    for name in ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends"):
        assert got[name].tolist() == [float(row[name]) for row in rows], name
    assert got["Stock Splits"].tolist() == pytest.approx([float(row["Stock Splits"]) for row in rows], rel=1e-5)


# FRED, asked by fredapi ----------------------------------------------------------------------------------------------


def small_series() -> dict[str, Series]:
    """Unemployment: January first 3.9, then 3.7; February 3.8; March never surveyed. Rates are not archived."""
    states = [
        (dt.date(2024, 2, 2), {JAN: 3.9}),
        (dt.date(2024, 3, 8), {JAN: 3.7, FEB: 3.8}),
        (dt.date(2024, 4, 5), {JAN: 3.7, FEB: 3.8, MAR: None}),
    ]
    days = weekdays(dt.date(2024, 1, 1), 30)
    daily = {day: float(i) for i, day in enumerate(days)}
    return {
        "UNRATE": Series.of_states("UNRATE", states, title="Unemployment & more"),
        "DGS10": made_up_series("DGS10", daily, frequency="Daily"),
        "BAML": made_up_series("BAML", {dt.date(2019 + i, 5, 1): float(i) for i in range(6)}, in_alfred=False),
    }


@pytest.fixture
def fred() -> Iterator[FredServer]:
    with FredServer(small_series(), today=TODAY) as server:
        yield server


def client(server: FredServer, key: str = GOOD_KEY) -> Fred:
    api = Fred(api_key=key)
    api.root_url = server.api_url
    return api


def releases(server: FredServer, series_id: str, *window: str) -> list[tuple[str, str, float]]:
    got = client(server).get_series_all_releases(series_id, *window)
    return [(str(row.date.date()), str(row.realtime_start.date()), row.value) for row in got.itertuples()]


def test_the_state_of_today_is_what_fredapi_gets(fred: FredServer) -> None:
    got = client(fred).get_series("UNRATE")
    assert got.index.tolist() == [pd.Timestamp(day) for day in (JAN, FEB, MAR)]
    assert got.tolist()[:2] == [3.7, 3.8]
    assert pd.isna(got.iloc[2])
    assert client(fred).get_series("DGS10", "2024-01-03", "2024-01-05").tolist() == [2, 3, 4]


def test_without_realtime_parameters_every_row_is_of_today(fred: FredServer) -> None:
    root = api(fred, "observations", series_id="UNRATE")
    assert {(row.get("realtime_start"), row.get("realtime_end")) for row in root} == {("2024-06-28", "2024-06-28")}
    assert [row.get("value") for row in root] == ["3.7", "3.8", "."]
    assert (root.get("count"), root.get("offset"), root.get("limit")) == ("3", "0", "100000")


def test_all_releases_are_every_value_with_its_first_day(fred: FredServer) -> None:
    assert releases(fred, "UNRATE")[:3] == [
        ("2024-01-01", "2024-02-02", 3.9),
        ("2024-01-01", "2024-03-08", 3.7),
        ("2024-02-01", "2024-03-08", 3.8),
    ]
    assert client(fred).get_series_first_release("UNRATE").iloc[0] == 3.9


def test_realtime_dates_are_clipped_to_the_window(fred: FredServer) -> None:
    window = {"realtime_start": "2024-02-20", "realtime_end": "2024-03-20"}
    rows = [
        (row.get("date"), row.get("realtime_start"), row.get("realtime_end"), row.get("value"))
        for row in api(fred, "observations", series_id="UNRATE", **window)
    ]
    assert rows == [
        ("2024-01-01", "2024-02-20", "2024-03-07", "3.9"),
        ("2024-01-01", "2024-03-08", "2024-03-20", "3.7"),
        ("2024-02-01", "2024-03-08", "2024-03-20", "3.8"),
    ]
    assert releases(fred, "UNRATE", "2024-02-20", "2024-03-20")[0] == ("2024-01-01", "2024-02-20", 3.9)


def test_nothing_after_today_is_known(fred: FredServer) -> None:
    fred.today = dt.date(2024, 3, 1)
    assert client(fred).get_series("UNRATE").tolist() == [3.9]
    (row,) = api(fred, "observations", series_id="UNRATE", realtime_start="1776-07-04", realtime_end="9999-12-31")
    assert (row.get("realtime_start"), row.get("realtime_end")) == ("2024-02-02", "9999-12-31")
    assert client(fred).get_series_vintage_dates("UNRATE") == [dt.datetime(2024, 2, 2)]
    with pytest.raises(ValueError, match=r"Variable realtime_end can not be after today's date \(2024-03-01\)"):
        releases(fred, "UNRATE", "2024-02-01", "2024-03-02")


def test_vintage_dates_are_the_days_on_which_something_changed(fred: FredServer) -> None:
    days = [dt.datetime(2024, 2, 2), dt.datetime(2024, 3, 8), dt.datetime(2024, 4, 5)]
    assert client(fred).get_series_vintage_dates("UNRATE") == days
    root = api(fred, "vintagedates", series_id="UNRATE", offset="1", limit="1")
    assert [child.text for child in root] == ["2024-03-08"]
    assert root.get("count") == "3"
    window = {"realtime_start": "2024-03-08", "realtime_end": "2024-04-04"}
    assert [child.text for child in api(fred, "vintagedates", series_id="UNRATE", **window)] == ["2024-03-08"]


def test_fredapi_loses_what_does_not_fit_one_page(fred: FredServer) -> None:
    fred.max_observations = 12
    assert len(client(fred).get_series("DGS10")) == 12
    assert client(fred).get_series("DGS10", offset=24, limit=12).tolist() == [24, 25, 26, 27, 28, 29]
    assert api(fred, "observations", series_id="DGS10").get("count") == "30"
    with pytest.raises(ValueError, match="limit is not between 1 and 12"):
        client(fred).get_series("DGS10", limit=13)
    fred.max_vintage_dates = 7
    assert len(client(fred).get_series_vintage_dates("DGS10")) == 7


def test_a_window_with_too_many_vintages_is_refused(fred: FredServer) -> None:
    fred.max_vintages_in_window = 29
    message = (
        r"^Bad Request\.  There are 30 vintage dates in the specified real-time period: 1776-07-04 to 9999-12-31\."
        r"  This exceeds the maximum number of vintage dates allowed for this file type \(29\)\.$"
    )
    with pytest.raises(ValueError, match=message):
        releases(fred, "DGS10")
    assert len(releases(fred, "DGS10", "1776-07-04", "2024-02-09")) == 29  # the last came out on Saturday the 10th
    assert len(client(fred).get_series("DGS10")) == 30


def test_the_facts_of_a_series(fred: FredServer) -> None:
    info = client(fred).get_series_info("UNRATE")
    assert (info["id"], info["title"], info["frequency_short"]) == ("UNRATE", "Unemployment & more", "M")
    assert (info["observation_start"], info["observation_end"]) == ("2024-01-01", "2024-03-01")
    assert info["last_updated"].startswith("2024-04-05 ")


def test_an_unknown_series_does_not_exist(fred: FredServer) -> None:
    with pytest.raises(ValueError, match=r"^Bad Request\.  The series does not exist\.$"):
        client(fred).get_series("NOPE")
    assert fetch(fred, f"/fred/series?series_id=NOPE&api_key={GOOD_KEY}").status == 400


@pytest.mark.parametrize("series_id", ["BAML", "NOPE"])
def test_a_series_that_is_not_archived_answers_for_today_only(fred: FredServer, series_id: str) -> None:
    for ask in (client(fred).get_series_all_releases, client(fred).get_series_vintage_dates):
        with pytest.raises(ValueError, match="does not exist in ALFRED but may exist in FRED"):
            ask(series_id)
    assert client(fred).get_series("BAML").tolist() == [0, 1, 2, 3, 4, 5]


def test_a_window_before_the_first_vintage_is_refused(fred: FredServer) -> None:
    with pytest.raises(ValueError, match="does not exist in ALFRED but may exist in FRED"):
        releases(fred, "UNRATE", "2020-01-01", "2024-02-01")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("0" * 32, "The value for variable api_key is not registered."),
        ("ABC", "The value for variable api_key is not a 32 character alpha-numeric lower-case string."),
        ("", "Variable api_key is not set."),
    ],
)
def test_a_wrong_key_is_refused(fred: FredServer, key: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        client(fred, key).get_series("UNRATE")
    assert str(refusal.value) == (
        f"Bad Request.  {message}  Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
    )
    assert len(client(fred).get_series("UNRATE")) == 3


def test_the_download_is_the_state_of_today(fred: FredServer) -> None:
    text = "observation_date,UNRATE\n2024-01-01,3.7\n2024-02-01,3.8\n2024-03-01,"
    assert fetch(fred, "/graph/fredgraph.csv?id=UNRATE").body.decode() == text + "\n"
    fred.csv_missing = "."
    assert fetch(fred, "/graph/fredgraph.csv?id=UNRATE").body.decode() == text + ".\n"
    assert fetch(fred, "/graph/fredgraph.csv?id=UNRATE&cosd=2024-02-01&coed=2024-02-01").body.count(b"\n") == 2
    fred.inject(ReorderedColumns())
    assert fetch(fred, "/graph/fredgraph.csv?id=UNRATE").body.startswith(b"UNRATE,observation_date\n3.7,2024-01-01\n")


def test_the_download_of_an_unknown_series_is_a_page(fred: FredServer) -> None:
    got = fetch(fred, "/graph/fredgraph.csv?id=NOPE")
    assert (got.status, got.kind) == (404, "text/html")
    assert b"<html>" in got.body


def test_a_series_can_be_revised_and_cut(fred: FredServer) -> None:
    revised = fred.data["UNRATE"].revise(FEB, 4.0, dt.date(2024, 6, 7)).revise(dt.date(2024, 4, 1), 3.9, TODAY)
    fred.replace(revised, fred.data["BAML"].cut(3))
    assert client(fred).get_series("UNRATE").dropna().tolist() == [3.7, 4.0, 3.9]
    assert [row for row in releases(fred, "UNRATE") if row[0] == "2024-02-01"] == [
        ("2024-02-01", "2024-03-08", 3.8),
        ("2024-02-01", "2024-06-07", 4.0),
    ]
    assert client(fred).get_series("BAML").tolist() == [2, 3, 4, 5]  # 2021-05-01 is three years before 2024-05-01


def test_an_observation_can_be_withdrawn() -> None:
    states = [(dt.date(2024, 2, 2), {JAN: 1.0, FEB: 2.0}), (dt.date(2024, 3, 8), {JAN: 1.0})]
    with FredServer({"GONE": Series.of_states("GONE", states)}, today=TODAY) as server:
        assert client(server).get_series("GONE").tolist() == [1.0]
        assert len(client(server).get_series_vintage_dates("GONE")) == 2
        server.today = dt.date(2024, 3, 7)
        assert client(server).get_series("GONE").tolist() == [1.0, 2.0]


@pytest.mark.parametrize("header", ["DATE,X", "observation_date,X", "date,value", "Date,Value"])
def test_a_copy_of_a_series_is_read_whatever_its_header(tmp_path: Path, header: str) -> None:
    (tmp_path / "X.csv").write_text(f"{header}\n2024-01-01,1.5\n2024-02-01,.\n2024-03-01,\n2024-04-01,-2\n")
    assert list(read_observations(tmp_path / "X.csv").values()) == [1.5, None, None, -2.0]


@needs_data
def test_real_series_come_back_as_they_are_in_the_file() -> None:
    names = ["UNRATE", "U6RATE", "AAA", "PAYEMS", "PERMIT"]  # the header shapes of the folder; U6RATE has blanks
    data = read_market_data(DATA, symbols=[], series=names)
    with FredServer(data.series, today=dt.date(2027, 1, 1)) as server:
        for name in names:
            with (DATA / "macro" / f"{name}.csv").open(newline="") as stream:
                rows = [(day, value) for day, value in list(csv.reader(stream))[1:]]
            got = client(server).get_series(name)
            assert [str(day.date()) for day in got.index] == [day for day, _ in rows]
            missing = [value in ("", ".") for _, value in rows]
            assert got.isna().tolist() == missing
            assert got.dropna().tolist() == [float(value) for _, value in rows if value not in ("", ".")]


@needs_data
def test_real_vintages_begin_on_the_last_day_of_their_month() -> None:
    data = read_market_data(DATA, symbols=[], series=["UNRATE"])
    with (DATA / "macro_vintages" / "UNRATE.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with FredServer(data.vintages, today=dt.date(2027, 1, 1)) as server:
        got = releases(server, "UNRATE")
    assert len(got) == len(rows)
    assert {(day, start[:7], value) for day, start, value in got} == {
        (row["date"], row["vintage_month"], float(row["value"])) for row in rows
    }
    assert {start for _, start, _ in got if start[:7] == "2024-02"} == {"2024-02-29"}


# Faults, seen by a plain client --------------------------------------------------------------------------------------


class Got:
    """What a plain client got."""

    def __init__(self, answer: Any) -> None:
        self.status: int = answer.status
        self.kind: str = answer.headers["Content-Type"]
        self.headers = answer.headers
        self.body: bytes = answer.read()

    def json(self) -> Any:
        return json.loads(self.body)


def fetch(server: VendorServer, path: str) -> Got:
    try:
        with urllib.request.urlopen(server.url + path, timeout=30) as answer:
            return Got(answer)
    except urllib.error.HTTPError as error:
        with error:
            return Got(error)


def api(server: FredServer, what: str, **query: str) -> ET.Element:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return ET.fromstring(fetch(server, f"/fred/series/{what}?api_key={GOOD_KEY}&{asked}").body)


CHART = "/v8/finance/chart/SPY?range=max"
OBSERVATIONS = f"/fred/series/observations?series_id=UNRATE&api_key={GOOD_KEY}"


def test_a_fault_lasts_as_often_as_it_is_told(yahoo: YahooServer) -> None:
    yahoo.inject(Status(503), match="SPY", times=2)
    other = "/v8/finance/chart/%5EGSPC?range=max"
    assert [fetch(yahoo, path).status for path in (CHART, other, CHART, CHART)] == [503, 200, 503, 200]


def test_faults_of_the_same_kind_take_turns(yahoo: YahooServer) -> None:
    yahoo.inject(Status(500), times=1)
    yahoo.inject(Status(429), times=1)
    assert [fetch(yahoo, CHART).status for _ in range(3)] == [500, 429, 200]


def test_a_fault_can_be_for_a_path_or_for_what_a_function_says(fred: FredServer) -> None:
    fred.inject(Status(500), match="/graph")
    fred.inject(Status(429), match=lambda request: request.query.get("offset") == "1")
    assert fetch(fred, "/graph/fredgraph.csv?id=UNRATE").status == 500
    assert [fetch(fred, OBSERVATIONS + more).status for more in ("", "&offset=1")] == [200, 429]


def test_the_vendors_word_their_errors_differently(yahoo: YahooServer, fred: FredServer) -> None:
    for server in (yahoo, fred):
        server.inject(Status(429, retry_after=7))
    slow, limited = fetch(yahoo, CHART), fetch(fred, OBSERVATIONS)
    assert (slow.status, slow.headers["Retry-After"], slow.body) == (429, "7", b"Edge: Too Many Requests")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
    assert ET.fromstring(limited.body).get("code") == "429"
    with pytest.raises(ValueError, match="Too Many Requests"):
        client(fred).get_series("UNRATE")


def test_no_retry_after_is_sent_unless_asked(fred: FredServer) -> None:
    fred.inject(Status(429))
    assert fetch(fred, OBSERVATIONS).headers["Retry-After"] is None


def test_empty_html_and_truncated_answers_are_well_formed_http(fred: FredServer) -> None:
    whole = fetch(fred, OBSERVATIONS)
    for fault in (Empty(), Html(), Truncated()):
        fred.inject(fault, times=1)
    empty, page, half = (fetch(fred, OBSERVATIONS) for _ in range(3))
    assert (empty.status, empty.body) == (200, b"")
    assert (page.status, page.kind, page.body[:15]) == (200, "text/html", b"<!DOCTYPE html>")
    assert (half.status, half.body) == (200, whole.body[: len(whole.body) // 2])
    assert half.headers["Content-Length"] == str(len(half.body))
    assert fetch(fred, OBSERVATIONS).body == whole.body


def test_a_reset_comes_after_half_the_body(yahoo: YahooServer) -> None:
    whole = fetch(yahoo, CHART)
    yahoo.inject(Reset(), times=1)
    connection = http.client.HTTPConnection("127.0.0.1", int(yahoo.url.rsplit(":", 1)[1]), timeout=30)
    connection.request("GET", CHART)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(whole.body)))
    with pytest.raises(ConnectionResetError):
        answer.read()
    connection.close()
    assert fetch(yahoo, CHART).body == whole.body


def test_a_hung_answer_ends_when_the_server_closes(yahoo: YahooServer) -> None:
    yahoo.inject(Hang())
    ended: list[BaseException] = []
    threads = [in_thread(lambda: fetch(yahoo, CHART), ended) for _ in range(3)]
    assert yahoo.wait_for(3)
    yahoo.close()
    for thread in threads:
        thread.join(30)
    assert len(ended) == 3
    assert all(isinstance(error, OSError) for error in ended)
    assert yahoo.peak == 3


def in_thread(do: Callable[[], object], errors: list[BaseException]) -> threading.Thread:
    def run() -> None:
        try:
            do()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_a_late_answer_is_late_and_whole(yahoo: YahooServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float | None] = []
    monkeypatch.setattr(yahoo._closing, "wait", waited.append)
    yahoo.inject(Latency(0.75))
    yahoo.inject(Status(500), times=1)
    assert [fetch(yahoo, CHART).status for _ in range(2)] == [500, 200]
    assert waited == [0.75, 0.75]


def test_random_faults_do_not_depend_on_the_order_of_requests() -> None:
    names = [f"S{i:02}" for i in range(40)]

    def statuses(seed: int, order: list[str]) -> dict[str, list[int]]:
        with YahooServer(made_up_bars(names, DAYS)) as server:
            server.fail_at_random(0.25, [Status(500), Status(429)], seed=seed)
            got: dict[str, list[int]] = {name: [] for name in names}
            for name in order:
                got[name].append(fetch(server, f"/v8/finance/chart/{name}?range=1d").status)
        return got

    first = statuses(1, names * 4)
    assert statuses(1, sorted(names * 4, reverse=True)) == first
    assert statuses(2, names * 4) != first
    every = [status for asked in first.values() for status in asked]
    assert set(every) == {200, 429, 500}
    assert 15 < sum(status != 200 for status in every) < 70  # 40 of 160 are to be expected


def test_random_faults_of_certain_and_no_probability(yahoo: YahooServer) -> None:
    yahoo.fail_at_random(1.0, [Status(500)], seed=3)
    assert {fetch(yahoo, CHART).status for _ in range(5)} == {500}
    yahoo.fail_at_random(0.0, [Status(500)], seed=3)
    assert {fetch(yahoo, CHART).status for _ in range(5)} == {200}


def test_every_request_is_in_the_log(yahoo: YahooServer) -> None:
    fetch(yahoo, "/v8/finance/chart/%5EGSPC?range=1d&interval=1d")
    fetch(yahoo, "/v1/test/getcrumb")
    chart, crumb = yahoo.requests
    assert (chart.method, chart.path) == ("GET", "/v8/finance/chart/^GSPC")
    assert chart.query == {"range": "1d", "interval": "1d"}
    assert chart.subjects == ("^GSPC",)
    assert chart.time <= crumb.time
    assert (yahoo.count("/v8"), yahoo.count("/v1"), yahoo.count(), yahoo.peak) == (1, 1, 2, 1)
    yahoo.forget()
    assert yahoo.count() == 0


def test_one_connection_serves_many_requests_and_ends_with_the_server(yahoo: YahooServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(yahoo.url.rsplit(":", 1)[1]), timeout=30)
    for path in (CHART, "/v8/finance/chart/NOPE", "/v1/test/getcrumb"):
        connection.request("GET", path)
        connection.getresponse().read()
        assert connection.sock is not None  # the server did not ask to close it
    yahoo.close()
    assert connection.sock.recv(1) == b""
    connection.close()
    with pytest.raises(urllib.error.URLError):
        fetch(yahoo, CHART)


def test_a_mistake_of_the_server_is_not_taken_for_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError), YahooServer(small_bars()) as server:
        monkeypatch.setattr(server, "answer", lambda request, faults: 1 // 0)
        assert fetch(server, CHART).status == 500
