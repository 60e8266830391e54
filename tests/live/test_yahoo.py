"""Yahoo over real HTTP to a loopback server: the real yfinance, made-up bars, no waiting.

Session i of DAYS closes at 100 + i, opens there, its high is 1 above and its low 1 below; 1000 + i shares are traded.
"""

import datetime as dt
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from curl_cffi import requests
from fake_clock import FakeClock
from vendor_data import BAR_SCHEMA, Bars, made_up_bars
from vendor_servers import (
    Answer,
    Empty,
    Fault,
    Hang,
    Html,
    LastBarNull,
    LastCloseNull,
    MissingDays,
    ReorderedKeys,
    Request,
    Reset,
    Status,
    Truncated,
    YahooServer,
)

from pipeline import calendar, config
from pipeline.contracts import raw
from pipeline.settings import NEW_YORK, YAHOO_URL, Settings
from pipeline.sources import Batch
from pipeline.sources.live import yahoo
from pipeline.sources.live.asking import Vendor, ask_all
from pipeline.sources.live.pace import NoData, NotAsked, Pace, SourceError, Unreadable
from pipeline.sources.live.yahoo_client import Client, YahooSession
from pipeline.tables import RAW
from pipeline.transforms import captures, prices
from pipeline.transforms.answers import source_status
from pipeline.warehouse import Warehouse

INSTRUMENTS = config.load().by_symbol
CHART, QUOTE = "/v8/finance/chart/", "/v7/finance/quote"
FIRST, LAST = dt.date(2024, 3, 1), dt.date(2024, 4, 5)  # Good Friday, 29 March, is no session
DAYS = calendar.sessions().filter(pl.col("session_date").is_between(FIRST, LAST))["session_date"].to_list()
RUNS = dt.time(20, 30)  # New York; bars are final at 20:00
PARTS = {
    "price_captures": "prices",
    "futures_captures": "futures",
    "fact_captures": "facts",
    "answers": "answers",
    "rejects": "rejects",
}


def test_the_sessions_of_these_tests() -> None:
    assert len(DAYS) == 25
    assert (DAYS[0], DAYS[10], DAYS[15], DAYS[19], DAYS[20]) == (
        dt.date(2024, 3, 1),
        dt.date(2024, 3, 15),
        dt.date(2024, 3, 22),
        dt.date(2024, 3, 28),
        dt.date(2024, 4, 1),
    )


def evening(day: dt.date, clock: dt.time = RUNS) -> dt.datetime:
    return dt.datetime.combine(day, clock, NEW_YORK).astimezone(dt.UTC)


def fund(until: int, symbol: str = "IWM", **more: Any) -> Bars:
    """Bars of the first `until` sessions; dividends and the like by number of the session."""
    given = {name: {symbol: values} for name, values in more.items() if name != "close"}
    close = more.get("close", lambda i: 100.0 + i)
    return made_up_bars([symbol], DAYS[:until], close=lambda _, i: close(i), **given)[symbol]


def nothing(table: str) -> pl.DataFrame:
    return RAW[table].create_empty()


class Run:
    """Runs against one warehouse, so that each sees what the ones before it captured."""

    def __init__(self, root: Path, server: YahooServer, *symbols: str, dataset: str = "prices") -> None:
        self.warehouse, self.server = Warehouse(root), server
        self.instruments = [INSTRUMENTS[one] for one in symbols or ("IWM",)]
        self.dataset = dataset
        self.added: dict[str, int] = {}
        self.clock = FakeClock()

    def __call__(self, now: dt.datetime) -> Batch:
        """Ask as the build does, and append; the log of the server is of this run alone."""
        self.server.forget()
        self.clock = FakeClock()
        pace = Pace("Yahoo", self.clock)
        settings = Settings(home=Path(), source="live", yahoo_url=self.server.url)
        asked = yahoo.questions(settings, self.instruments, self.warehouse.captures, now=now, pace=pace)
        batch = ask_all(
            [Vendor(pace, [one for one in asked if one.dataset == self.dataset], 4)],
            asked_at=now,
            session_date=calendar.last_final_session(now),
            on_answer=lambda *_: None,
        ).batch
        self.added = {
            table: self.warehouse.append(table, getattr(batch, part), run_at=now) for table, part in PARTS.items()
        }
        return batch

    def captures(self) -> pl.DataFrame:
        return self.warehouse.captures("price_captures")

    def prices(self) -> dict[str, list[Any]]:
        """core.prices of what was captured, by column."""
        return prices.prices(self.captures(), calendar.sessions(), self.instruments).prices.to_dict(as_series=False)

    def edits(self) -> list[tuple[dt.date, str, float, float, str]]:
        edits = captures.price_edits(self.captures())
        return edits.select("observed_on", "column_name", "old_value", "new_value", "kind").rows()

    def started_from(self) -> list[dt.date]:
        """The first days asked for, request by request."""
        return [first_day(request) for request in self.server.requests]


def first_day(request: Request) -> dt.date:
    moment = dt.datetime.fromtimestamp(int(request.query["period1"]), NEW_YORK)
    assert moment.time() == dt.time(0)
    return moment.date()


def told(batch: Batch) -> list[tuple[str, str, str | None]]:
    return batch.answers.select("id", "outcome", "detail").rows()


def closes(batch: Batch) -> list[tuple[dt.date, float]]:
    return batch.prices.select("session_date", "close").rows()


def ask(server: YahooServer, *symbols: str, now: dt.datetime | None = None) -> Batch:
    """What a first run brings, on the evening of session 15 unless told otherwise."""
    now = now or evening(DAYS[15])
    settings = Settings(home=Path(), source="live", yahoo_url=server.url)
    pace = Pace("Yahoo", FakeClock())
    asked = yahoo.questions(settings, [INSTRUMENTS[one] for one in symbols or ("IWM",)], nothing, now=now, pace=pace)
    return ask_all(
        [Vendor(pace, [one for one in asked if one.dataset == "prices"], 4)],
        asked_at=now,
        session_date=calendar.last_final_session(now),
        on_answer=lambda *_: None,
    ).batch


class Rewritten(YahooServer):
    """A server whose answers have parts of their text replaced."""

    def __init__(self, data: Mapping[str, Bars], *pairs: tuple[str, str]) -> None:
        super().__init__(data)
        self.pairs = pairs

    def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
        answer = super().answer(request, faults)
        body = answer.body
        for old, new in self.pairs:
            body = body.replace(old.encode(), new.encode())
        return answer._replace(body=body)


# The first run -------------------------------------------------------------------------------------------------------


def test_the_first_run_stores_exactly_what_is_served() -> None:
    """A dividend of 1 on session 2, a capital gain of 3 on 3, a split on 4: each stands in its own column."""
    served = fund(6, dividends={2: 1.0}, capital_gains={3: 3.0}, splits={4: 2.0})
    with YahooServer({"IWM": served}) as server:
        batch = ask(server, now=evening(DAYS[5]))
        requests_ = list(server.requests)

    raw.PriceCapture.validate(batch.prices)
    columns = ["session_date", "open", "high", "low", "close", "adj_close", "volume"]
    before = 1 - 1 / 101  # closes before the dividend are adjusted by its share of the close before it
    assert batch.prices.select(columns).rows() == [
        (dt.date(2024, 3, 1), 100.0, 101.0, 99.0, 100.0, 100.0 * before, 1000.0),
        (dt.date(2024, 3, 4), 101.0, 102.0, 100.0, 101.0, 101.0 * before, 1001.0),
        (dt.date(2024, 3, 5), 102.0, 103.0, 101.0, 102.0, 102.0, 1002.0),
        (dt.date(2024, 3, 6), 103.0, 104.0, 102.0, 103.0, 103.0, 1003.0),
        (dt.date(2024, 3, 7), 104.0, 105.0, 103.0, 104.0, 104.0, 1004.0),
        (dt.date(2024, 3, 8), 105.0, 106.0, 104.0, 105.0, 105.0, 1005.0),
    ]
    assert batch.prices["dividend"].to_list() == [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert batch.prices["capital_gain"].to_list() == [0.0, 0.0, 0.0, 3.0, 0.0, 0.0]
    assert batch.prices["split_ratio"].to_list() == [1.0, 1.0, 1.0, 1.0, 2.0, 1.0]
    told_apart = batch.prices.select("captured_at", "source", "origin", "symbol", "flags").unique().rows()
    assert told_apart == [(evening(DAYS[5]), "live", "yahoo chart IWM", "IWM", None)]
    assert batch.rejects.is_empty()
    answer = batch.answers.select("outcome", "detail", "session_date", "served_from", "served_to").rows()
    assert answer == [("ok", None, DAYS[5], DAYS[0], DAYS[5])]
    (request,) = requests_
    assert (request.path, first_day(request)) == (f"{CHART}IWM", dt.date(1970, 1, 1))
    assert (request.query["interval"], request.query["events"]) == ("1d", "div,splits,capitalGains")
    assert "crumb" not in request.query


def test_every_symbol_is_asked_for_once_and_nothing_else_is() -> None:
    symbols = ["IWM", "SPY", "QQQ", "^RUT", "^GSPC"]
    with YahooServer(made_up_bars(symbols, DAYS)) as server:
        batch = ask(server, *symbols, now=evening(LAST))
        assert sorted(request.path for request in server.requests) == sorted(CHART + one for one in symbols)
    assert batch.prices.group_by("symbol").len().sort("symbol").rows() == [(one, 25) for one in sorted(symbols)]


def test_what_was_asked_of_a_gateway_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 401, after which yfinance would fetch a cookie and a crumb from Yahoo itself, is the hardest case."""
    addresses: list[str] = []
    send = requests.Session.request

    def noted(self: Any, method: Any, url: str, *args: Any, **options: Any) -> Any:
        addresses.append(url)
        return send(self, method, url, *args, **options)

    monkeypatch.setattr(requests.Session, "request", noted)
    with YahooServer({"IWM": fund(16)}) as server:
        server.inject(Status(401), times=2)
        assert told(ask(server)) == [("IWM", "ok", None)]
        assert set(addresses) == {f"{server.url}{CHART}IWM"}


def test_an_index_has_no_distributions() -> None:
    """yfinance has no column of capital gains for indexes. Zero volume is usual there and no fault."""
    served = {"^RUT": Bars.of("^RUT", fund(16, "^RUT").frame.with_columns(volume=pl.lit(0)))}
    with YahooServer(served) as server:
        batch = ask(server, "^RUT")
    assert told(batch) == [("^RUT", "ok", None)]
    assert batch.prices["close"].to_list() == [100.0 + i for i in range(16)]
    parts = batch.prices.select("dividend", "capital_gain", "split_ratio", "flags").unique().rows()
    assert parts == [(0.0, None, 1.0, None)]


def test_a_bar_of_a_fund_without_volume_is_flagged() -> None:
    with YahooServer({"IWM": fund(16).change(DAYS[3], volume=0)}) as server:
        batch = ask(server)
    assert batch.prices.filter(pl.col("flags").is_not_null()).select("session_date", "flags").rows() == [
        (DAYS[3], "no_volume")
    ]


# Later runs ----------------------------------------------------------------------------------------------------------


def test_a_later_run_asks_from_ten_sessions_before_the_newest_bar_and_adds_the_new_one(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        assert run.started_from() == [dt.date(1970, 1, 1)]
        server.data = {"IWM": fund(16)}
        batch = run(evening(DAYS[15]))
        assert run.started_from() == [DAYS[4]]
    assert run.added["price_captures"] == 1
    assert run.captures().filter(captured_at=evening(DAYS[15]))["session_date"].to_list() == [DAYS[15]]
    assert batch.answers.select("outcome", "served_from", "served_to").rows() == [("ok", None, DAYS[15])]
    assert run.edits() == []


def test_sessions_missed_between_two_runs_are_caught_up_with(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(12)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[11]))
        server.data = {"IWM": fund(25)}
        run(evening(DAYS[24]))
        assert run.started_from() == [DAYS[1]]
    assert run.added["price_captures"] == 13
    assert run.prices()["close"] == [100.0 + i for i in range(25)]


def test_an_identical_run_adds_nothing(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(16, dividends={12: 1.0}, capital_gains={13: 2.0}, splits={9: 2.0})}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[15]))
        batch = run(evening(DAYS[15], dt.time(22, 0)))
        assert run.started_from() == [DAYS[5]]
        assert run.added == dict.fromkeys(PARTS, 0) | {"answers": 1}  # this one was not about all history
        assert told(batch) == [("IWM", "ok", None)]
        run(evening(DAYS[15], dt.time(23, 0)))
    assert run.added == dict.fromkeys(PARTS, 0)


@pytest.mark.parametrize(
    "events", [{"dividends": {5: 2.5}, "capital_gains": {5: 2.0}}, {"splits": {5: 2.0}}, {"dividends": {5: 2.5}}]
)
def test_a_later_run_that_begins_with_an_event_asks_once(events: dict, tmp_path: Path) -> None:
    """The first bar of a part has no bar before it, which would tell whether the gain is inside the dividend."""
    served = fund(25, close=lambda i: 100.0 if i < 5 else 97.5, **events)
    with YahooServer({"IWM": served}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[15]))
        run(evening(DAYS[16]))
        assert run.started_from() == [DAYS[5]]
    assert run.added["price_captures"] == 1


def test_each_call_sees_what_the_server_has_now() -> None:
    """yfinance keeps answers of windows that ended before now for the life of the process."""
    with YahooServer({"IWM": fund(16)}) as server:
        first = ask(server)
        server.data = {"IWM": fund(16).change(DAYS[15], close=115.5)}
        second = ask(server)
        assert server.count() == 2
    assert (first.prices["close"][-1], second.prices["close"][-1]) == (115.0, 115.5)


# Final bars, weekends and holidays -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("clock", "last"), [(dt.time(12, 0), 14), (dt.time(19, 59, 59), 14), (dt.time(20, 0), 15)])
def test_a_bar_is_final_at_eight_in_the_evening(clock: dt.time, last: int) -> None:
    with YahooServer({"IWM": fund(16)}) as server:
        batch = ask(server, now=evening(DAYS[15], clock))
    assert closes(batch)[-1] == (DAYS[last], 100.0 + last)
    assert told(batch) == [("IWM", "ok", None)]


@pytest.mark.parametrize(
    "now",
    [
        dt.datetime(2024, 3, 30, 15, 0, tzinfo=dt.UTC),  # Saturday
        dt.datetime(2024, 3, 31, 23, 0, tzinfo=dt.UTC),  # Sunday
        dt.datetime(2024, 3, 30, 0, 30, tzinfo=dt.UTC),  # the evening of Good Friday
        dt.datetime(2024, 4, 1, 14, 0, tzinfo=dt.UTC),  # Monday before the close
    ],
)
def test_a_run_without_a_new_session_is_fine(now: dt.datetime, tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(20)}) as server:
        run = Run(tmp_path, server)
        assert told(run(evening(DAYS[19]))) == [("IWM", "ok", None)]
        assert told(run(now)) == [("IWM", "ok", None)]
    assert run.added["price_captures"] == 0


# What the source changes later ---------------------------------------------------------------------------------------


def test_a_restated_bar_is_fetched_with_all_history_once(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15), "SPY": fund(15, "SPY")}) as server:
        run = Run(tmp_path, server, "IWM", "SPY")
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16).change(DAYS[12], close=112.5), "SPY": fund(16, "SPY")}
        batch = run(evening(DAYS[15]))
        asked = [(request.subjects[0], first_day(request)) for request in server.requests]
        assert sorted(asked) == [("IWM", dt.date(1970, 1, 1)), ("IWM", DAYS[4]), ("SPY", DAYS[4])]
        assert batch.answers["served_from"].to_list() == [DAYS[0], None]
        run(evening(DAYS[15], dt.time(23, 0)))
        assert run.started_from() == [DAYS[5], DAYS[5]]
    assert run.edits() == [(DAYS[12], "close", 112.0, 112.5, "revised")]
    run.instruments = run.instruments[:1]
    core = run.prices()
    assert core["symbol"].count("IWM") == 16
    assert core["close"][:16] == [100.0 + i if i != 12 else 112.5 for i in range(16)]
    assert core["total_return_index"][11:14] == pytest.approx([1.11, 1.125, 1.13])
    assert core["flags"][11:14] == [None, "revised", None]


def test_vendor_noise_is_no_change(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        noisy = fund(16).frame.with_columns(pl.col("open", "high", "low", "close", "adj_close") * (1 + 1e-6))
        server.data = {"IWM": Bars.of("IWM", noisy)}
        assert told(run(evening(DAYS[15]))) == [("IWM", "ok", None)]
        assert run.started_from() == [DAYS[4]]
    assert run.edits() == []


def test_a_split_restates_history(tmp_path: Path) -> None:
    """Two for one on session 15: closes before it are halved."""
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16, close=lambda i: (100.0 + i) / 2, splits={15: 2.0})}
        assert told(run(evening(DAYS[15]))) == [("IWM", "ok", None)]
        assert run.started_from() == [DAYS[4], dt.date(1970, 1, 1)]
    edits = run.edits()
    assert {kind for *_, kind in edits} == {"split"}
    assert [(old, new) for _, column, old, new, _ in edits if column == "close"] == [
        (100.0 + i, (100.0 + i) / 2) for i in range(15)
    ]
    core = run.prices()
    assert core["close"] == [(100.0 + i) / 2 for i in range(16)]
    assert core["close_as_traded"] == [100.0 + i for i in range(15)] + [57.5]
    assert core["total_return_index"] == pytest.approx([1 + i / 100 for i in range(16)])
    assert core["flags"] == [None] * 16


def test_a_dividend_that_arrives_late_is_fetched_with_all_history(tmp_path: Path) -> None:
    """The index was 1.12 on session 12; on 13 it grows by (113 + 1) / 112, so to 1.14."""
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16, dividends={13: 1.0})}
        run(evening(DAYS[15]))
        assert run.started_from() == [DAYS[4], dt.date(1970, 1, 1)]
    assert run.edits() == [(DAYS[13], "dividend", 0.0, 1.0, "revised")]
    core = run.prices()
    assert core["dividend"] == [0.0] * 13 + [1.0, 0.0, 0.0]
    index = [1 + i / 100 for i in range(13)] + [1.14, 1.14 * 114 / 113, 1.14 * 115 / 113]
    assert core["total_return_index"] == pytest.approx(index)
    assert core["close_as_traded"] == [100.0 + i for i in range(16)]


def halved(until: int, **more: Any) -> Bars:
    """Bars after the two for one split of session 15."""
    return fund(until, close=lambda i: (100.0 + i) / 2, **more)


def test_a_split_that_yahoo_loses_for_a_while_is_kept(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        server.data = {"IWM": halved(16, splits={15: 2.0})}
        run(evening(DAYS[15]))
        before = run.prices()
        server.data = {"IWM": halved(17)}
        assert told(run(evening(DAYS[16]))) == [("IWM", "ok", None)]
        assert run.started_from() == [DAYS[5]]
        lost = run.captures().filter(captured_at=evening(DAYS[16])).select("session_date", "split_ratio").rows()
        assert lost == [(DAYS[15], None), (DAYS[16], 1.0)]
        after = run.prices()
        assert after["close_as_traded"] == [*before["close_as_traded"], 58.0]
        assert after["total_return_index"][:16] == before["total_return_index"]
        run(evening(DAYS[17], dt.time(12, 0)))
        assert run.added["price_captures"] == 0
        server.data = {"IWM": halved(18, splits={15: 2.0})}  # it is back
        run(evening(DAYS[17]))
        assert run.started_from() == [DAYS[6]]
    again = run.prices()
    assert again["split_ratio"] == [1.0] * 15 + [2.0, 1.0, 1.0]
    assert again["close_as_traded"] == [100.0 + i for i in range(15)] + [57.5, 58.0, 58.5]


def test_a_split_lost_in_a_full_fetch_is_kept_too(tmp_path: Path) -> None:
    """The first run came after the split, so nothing captured shows closes on the basis before it."""
    with YahooServer({"IWM": halved(18, splits={15: 2.0})}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[17]))
        server.data = {"IWM": halved(19).change(DAYS[16], close=58.2)}
        run(evening(DAYS[18]))
        assert run.started_from() == [DAYS[7], dt.date(1970, 1, 1)]
    core = run.prices()
    assert core["split_ratio"] == [1.0] * 15 + [2.0, 1.0, 1.0, 1.0]
    assert core["close_as_traded"][13:17] == [113.0, 114.0, 57.5, 58.2]


def test_a_split_that_was_an_error_of_yahoos_goes(tmp_path: Path) -> None:
    """Closes before it were never restated, so nothing was split."""
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16, splits={15: 2.0})}
        run(evening(DAYS[15]))
        server.data = {"IWM": fund(17)}
        run(evening(DAYS[16]))
        assert run.started_from() == [DAYS[5], dt.date(1970, 1, 1)]
    assert run.edits() == [(DAYS[15], "split_ratio", 2.0, 1.0, "revised")]
    core = run.prices()
    assert core["split_ratio"] == [1.0] * 17
    assert core["close"] == core["close_as_traded"] == [100.0 + i for i in range(17)]


@pytest.mark.parametrize(
    ("fall", "paid", "kept"),
    [
        (2.5, 2.5, 0.5),  # the close falls by the dividend alone: it holds the gain of 2
        (4.5, 2.5, 2.5),  # by both: the gain comes on top
        (2.5, 0.5, 0.5),  # a dividend smaller than the gain cannot hold it
        (2.2, 2.0, 0.0),  # nothing but the gain
    ],
)
def test_capital_gains_are_counted_once(fall: float, paid: float, kept: float) -> None:
    served = fund(6, close=lambda i: 100.0 - (fall if i >= 3 else 0), dividends={3: paid}, capital_gains={3: 2.0})
    with YahooServer({"IWM": served}) as server:
        batch = ask(server, now=evening(DAYS[5]))
    assert batch.prices["dividend"].to_list() == [0.0, 0.0, 0.0, kept, 0.0, 0.0]
    assert batch.prices["capital_gain"].to_list() == [0.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    core = prices.prices(batch.prices, calendar.sessions(), [INSTRUMENTS["IWM"]]).prices
    assert core["dividend"][3] == kept + 2.0
    assert core["total_return_index"][3] == pytest.approx((100 - fall + kept + 2) / 100)


# Bars that are not there or not good ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "refused"), [(LastBarNull(), []), (LastCloseNull(), ["bar is incomplete: no close"])]
)
def test_a_last_bar_without_its_values_is_no_bar(fault: Fault, refused: list[str], tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15)}) as server:
        run = Run(tmp_path, server)
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16)}
        server.inject(fault)
        batch = run(evening(DAYS[15]))
        assert told(batch) == [("IWM", "no_data", f"no bar for {DAYS[15]}")]
        assert batch.rejects["reason"].to_list() == refused
        assert run.added["price_captures"] == 0
        server.heal()
        assert told(run(evening(DAYS[15], dt.time(22, 0)))) == [("IWM", "ok", None)]
    assert run.prices()["close"] == [100.0 + i for i in range(16)]


def test_a_first_run_without_a_last_bar_is_incomplete() -> None:
    with YahooServer({"IWM": fund(16)}) as server:
        server.inject(LastBarNull())
        batch = ask(server)
    assert told(batch) == [("IWM", "incomplete", f"no bar for {DAYS[15]}")]
    assert [day for day, _ in closes(batch)] == DAYS[:15]


def test_a_symbol_whose_only_bar_has_no_values() -> None:
    with YahooServer({"IWM": fund(1)}) as server:
        server.inject(LastBarNull())
        assert told(ask(server)) == [("IWM", "no_data", "no usable bar")]


def test_missing_days_are_named_and_come_later(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(16)}) as server:
        run = Run(tmp_path, server)
        server.inject(MissingDays((DAYS[3], DAYS[9], DAYS[10], DAYS[11], DAYS[12])))
        batch = run(evening(DAYS[15]))
        assert told(batch) == [("IWM", "incomplete", "no bar for 2024-03-14, 2024-03-15, 2024-03-18 and 1 more")]
        assert [day for day, _ in closes(batch)] == [DAYS[i] for i in (0, 1, 2, 4, 5, 6, 7, 8, 13, 14, 15)]
        server.heal()
        assert told(run(evening(DAYS[15], dt.time(22, 0)))) == [("IWM", "ok", None)]
    assert run.added["price_captures"] == 5  # the day that had been missing before the overlap too
    assert run.prices()["session_date"] == DAYS[:16]


def test_a_fund_that_ended_says_no_data_and_is_delisted_after_five_sessions(tmp_path: Path) -> None:
    with YahooServer({"IWM": fund(15), "SPY": fund(25, "SPY")}) as server:
        run = Run(tmp_path, server, "IWM", "SPY")
        said, delisted = [], []
        for day in DAYS[14:21]:
            said.append(dict(run(evening(day)).answers.select("id", "outcome").rows()))
            status = source_status(run.warehouse.captures("answers"), run.captures())
            delisted.append(dict(status.select("id", "is_delisted").rows()))
    assert [one["IWM"] for one in said] == ["ok"] + ["no_data"] * 6
    assert [one["IWM"] for one in delisted] == [False] * 5 + [True] * 2
    assert {one["SPY"] for one in said} == {"ok"}
    assert {one["SPY"] for one in delisted} == {False}


def test_keys_in_another_order_say_the_same() -> None:
    with YahooServer({"IWM": fund(16, dividends={5: 1.0}, splits={7: 2.0})}) as server:
        plain = ask(server)
        server.inject(ReorderedKeys())
        assert ask(server).prices.equals(plain.prices)


BAD_BARS = [
    (DAYS[3], {"high": 102.5}, "OHLC inconsistent: high is below open"),
    (DAYS[3], {"low": 103.5}, "OHLC inconsistent: low is above open"),
    (DAYS[3], {"close": 0.0}, "price is not positive"),
    (DAYS[3], {"open": 0.0, "low": 0.0}, "price is not positive"),
    (DAYS[3], {"low": None}, "bar is incomplete: no low"),
    (DAYS[3], {"volume": -5}, "volume is negative"),
]


@pytest.mark.parametrize(("day", "changes", "reason"), BAD_BARS)
def test_a_bad_bar_is_refused_and_the_rest_kept(day: dt.date, changes: dict, reason: str) -> None:
    with YahooServer({"IWM": fund(6).change(day, **changes)}) as server:
        batch = ask(server, now=evening(DAYS[5]))
    assert [one for one, _ in closes(batch)] == [*DAYS[:3], *DAYS[4:6]]
    raw.Reject.validate(batch.rejects)
    assert batch.rejects.select("origin", "line", "reason").rows() == [("yahoo chart IWM", None, reason)]
    assert told(batch) == [("IWM", "incomplete", f"no bar for {day}")]


def test_an_excerpt_holds_the_bar_as_it_came() -> None:
    with YahooServer({"IWM": fund(6).change(DAYS[3], low=None, close=0.0)}) as server:
        batch = ask(server, now=evening(DAYS[5]))
    assert batch.rejects["excerpt"].to_list() == ["2024-03-06,103.0,104.0,,0.0"]


def test_bars_of_days_without_trading_are_refused_once(tmp_path: Path) -> None:
    row = dict.fromkeys(BAR_SCHEMA, 119.0) | {"volume": 5, "dividend": 0.0, "split": 0.0, "capital_gain": 0.0}
    closed = [dt.date(2024, 3, 23), dt.date(2024, 3, 29)]  # a Saturday, Good Friday
    extra = pl.DataFrame([row | {"date": day} for day in closed], schema=fund(1).frame.schema)
    with YahooServer({"IWM": Bars.of("IWM", pl.concat([fund(21).frame, extra]))}) as server:
        run = Run(tmp_path, server)
        batch = run(evening(DAYS[20]))
        assert batch.rejects.select("reason", "excerpt").rows() == [
            ("not an XNYS session (Saturday)", "2024-03-23,119.0,119.0,119.0,119.0"),
            ("not an XNYS session (holiday)", "2024-03-29,119.0,119.0,119.0,119.0"),
        ]
        assert (told(batch), run.added["rejects"]) == ([("IWM", "ok", None)], 2)
        again = run(evening(DAYS[20], dt.time(23, 0)))
        assert (again.rejects.height, run.added["rejects"]) == (2, 0)
    assert run.captures()["session_date"].to_list() == DAYS[:21]


def test_a_false_print_is_refused() -> None:
    """A flat bar with volume 20 % above both its neighbours."""
    spike = dict.fromkeys(["open", "high", "low", "close"], 123.6)
    with YahooServer({"IWM": fund(6).change(DAYS[3], **spike)}) as server:
        batch = ask(server, now=evening(DAYS[5]))
    (reason,) = batch.rejects["reason"]
    assert reason == "flat bar (open = high = low = close) that jumps 21 % and back by the next session"
    assert DAYS[3] not in batch.prices["session_date"].to_list()


@pytest.mark.parametrize(("next_close", "stored"), [(104.0, False), (124.0, True)])
def test_a_newest_bar_that_may_be_a_false_print_waits_for_its_next_one(
    tmp_path: Path, next_close: float, stored: bool
) -> None:
    """It is flat, with volume, and 20 % above the bar before; the next one shows whether that was so."""
    spike = dict.fromkeys(["open", "high", "low", "close"], 123.6)
    prices = dict.fromkeys(["open", "close"], next_close) | {"high": next_close + 1, "low": next_close - 1}
    with YahooServer({"IWM": fund(5).change(DAYS[3], **spike).change(DAYS[4], **prices)}) as server:
        run = Run(tmp_path, server)
        whole = server.data
        server.data = {"IWM": whole["IWM"].until(DAYS[3])}
        assert told(run(evening(DAYS[3]))) == [("IWM", "incomplete", "no bar for 2024-03-06")]
        server.data = whole
        run(evening(DAYS[4]))
        assert (DAYS[3] in run.prices()["session_date"]) == stored


def test_values_that_are_no_numbers_are_no_values() -> None:
    with Rewritten({"IWM": fund(6)}, ('"adjclose":[100.0', '"adjclose":[Infinity')) as server:
        batch = ask(server, now=evening(DAYS[5]))
    assert batch.prices["adj_close"].to_list() == [None, 101.0, 102.0, 103.0, 104.0, 105.0]


# A changed format ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"close"', '"Close"'),
        ('"open"', '"o"'),
        ('"volume"', '"vol"'),
        ('"timestamp"', '"timestamps"'),
        ('"quote"', '"Quote"'),
        ('"indicators"', '"Indicators"'),
        ('"instrumentType"', '"type"'),
        ('"exchangeTimezoneName"', '"zone"'),
        ('"chart"', '"Chart"'),
        ('"2:1"', '"2:1","numerator":"two"'),
    ],
)
def test_a_renamed_or_missing_key_is_unreadable(old: str, new: str) -> None:
    with Rewritten({"IWM": fund(16, splits={4: 2.0})}, (old, new)) as server:
        batch = ask(server)
    (outcome,) = batch.answers["outcome"]
    assert outcome == "unreadable"
    assert batch.prices.is_empty()


@pytest.mark.parametrize("column", ["Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"])
@pytest.mark.parametrize("renamed", [str.lower, lambda name: f"{name}*", None])
def test_a_column_that_yfinance_renames_is_missed(
    column: str, renamed: Callable[[str], str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import yfinance

    history = yfinance.Ticker.history

    def changed(self: Any, *args: Any, **options: Any) -> Any:
        frame = history(self, *args, **options)
        return frame.rename(columns={column: renamed(column)}) if renamed else frame.drop(columns=column)

    monkeypatch.setattr(yfinance.Ticker, "history", changed)
    with YahooServer({"IWM": fund(16)}) as server:
        assert told(ask(server)) == [("IWM", "unreadable", f"the answer lacks {column}")]
        assert server.count() == 1


def test_columns_in_another_order_and_new_ones_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import yfinance

    with YahooServer({"IWM": fund(16, dividends={3: 1.0})}) as server:
        plain = ask(server)
        history = yfinance.Ticker.history
        monkeypatch.setattr(
            yfinance.Ticker,
            "history",
            lambda self, **options: history(self, **options).iloc[:, ::-1].assign(Repaired=True).rename_axis("Day"),
        )
        assert ask(server).prices.equals(plain.prices)


# Bad days ------------------------------------------------------------------------------------------------------------

WILL_BE_BACK = Html("Will be right back")


@pytest.mark.parametrize(
    "fault",
    [
        *(Status(code) for code in (401, 403, 429, 500, 503)),
        Status(429, retry_after=7),
        Reset(),
        Empty(),
        Html(),
        WILL_BE_BACK,
        Truncated(),
        Hang(),
    ],
)
def test_a_fault_that_passes_costs_nothing_but_time(
    fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with YahooServer({"IWM": fund(16)}) as server:
        good = ask(server)
        server.inject(fault, times=1)
        if isinstance(fault, Hang):
            monkeypatch.setattr("pipeline.sources.live.yahoo_client.TIMEOUT", 0.5)
        run = Run(tmp_path, server)
        again = run(evening(DAYS[15]))
        assert server.count() == 2
    assert again.prices.equals(good.prices)
    assert again.answers.equals(good.answers)
    assert bool(run.clock.waits) == (fault not in (Status(401), Status(403)))  # yfinance itself asks again at once


@pytest.mark.parametrize(
    ("fault", "outcome", "detail"),
    [
        (Status(429), "rate_limit", "HTTP 429, too many requests"),
        (Status(429, retry_after=7), "rate_limit", "HTTP 429, too many requests"),
        (Status(500), "network", "HTTP 500"),
        (Status(503), "network", "HTTP 503"),
        (Status(401), "network", "HTTP 401"),
        (Status(403), "network", "HTTP 403"),
        (Reset(), "network", "no connection"),
        (Hang(), "network", "no answer within"),
        (Empty(), "unreadable", "not Yahoo's chart format"),
        (Html(), "unreadable", "not Yahoo's chart format"),
        (WILL_BE_BACK, "unreadable", "not Yahoo's chart format"),
        (Truncated(), "unreadable", "not Yahoo's chart format"),
    ],
)
def test_a_fault_that_stays_is_told_from_the_others(
    fault: Fault, outcome: str, detail: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("http", "yahoo_client"):
        monkeypatch.setattr(f"pipeline.sources.live.{module}.TIMEOUT", 0.2 if isinstance(fault, Hang) else 30.0)
    with YahooServer({"IWM": fund(15), "SPY": fund(15, "SPY")}) as server:
        run = Run(tmp_path, server, "IWM", "SPY")
        run(evening(DAYS[14]))
        server.data = {"IWM": fund(16), "SPY": fund(16, "SPY")}
        server.inject(fault, match="IWM")
        batch = run(evening(DAYS[15]))
        asked_again = 2 if fault in (Status(401), Status(403)) else 1  # by yfinance itself
        assert server.count(subject="IWM") == 4 * asked_again
    (iwm, spy) = told(batch)
    assert (iwm[1], spy) == (outcome, ("SPY", "ok", None))
    assert iwm[2] is not None
    assert iwm[2].startswith(detail)
    assert "127.0.0.1" not in iwm[2]
    assert run.prices()["symbol"].count("IWM") == 15  # what was captured before stays


def test_nobody_listens() -> None:
    with YahooServer({}) as server:
        pass
    assert told(ask(server)) == [("IWM", "network", "no connection")]


def test_a_name_that_is_filtered_away_is_no_delisted_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_name(self: Any, method: Any, url: str, *args: Any, **options: Any) -> Any:
        raise requests.exceptions.DNSError(f"Could not resolve host: {url}")

    with YahooServer({}) as server:
        monkeypatch.setattr(requests.Session, "request", no_name)
        assert told(ask(server)) == [("IWM", "network", "its name cannot be resolved")]


def test_an_unknown_symbol_is_asked_for_once() -> None:
    with YahooServer({"SPY": fund(16, "SPY")}) as server:
        batch = ask(server, "IWM", "SPY")
        assert server.count(subject="IWM") == 1
    assert told(batch) == [("IWM", "unknown", "No data found, symbol may be delisted"), ("SPY", "ok", None)]


@pytest.mark.parametrize("page", [Html(), Empty()])
def test_a_404_that_is_not_yahoos_is_no_unknown_symbol(page: Fault) -> None:
    class Proxy(YahooServer):
        def _faulty(self, request: Request, faults: list[Fault]) -> Answer:
            return super()._faulty(request, faults)._replace(status=404)

    with Proxy({"IWM": fund(16)}) as server:
        server.inject(page)
        assert told(ask(server)) == [("IWM", "unreadable", "HTTP 404 without Yahoo's explanation")]
        assert server.count() == 1  # asking again does not change it


def test_a_known_symbol_without_bars() -> None:
    with YahooServer({"IWM": fund(0)}) as server:
        assert told(ask(server)) == [("IWM", "no_data", "no bars for these days")]
        assert server.count() == 1


@pytest.mark.parametrize("status", [200, 400, 422])
def test_yahoo_explains_that_it_has_nothing_for_these_days(status: int) -> None:
    class Explains(YahooServer):
        def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
            text = '{"chart":{"result":null,"error":{"code":"Bad Request","description":"Data doesn\'t exist"}}}'
            return Answer(status, "application/json", text.encode())

    with Explains({}) as server:
        assert told(ask(server)) == [("IWM", "no_data", "Data doesn't exist")]


@pytest.mark.parametrize(
    "body", ["{}", "[]", "null", '"login"', '{"error":"log in"}', '{"chart":null}', '{"chart":{}}']
)
def test_json_that_is_not_yahoos_is_no_answer_about_a_symbol(body: str) -> None:
    class Portal(YahooServer):
        def answer(self, request: Request, faults: Sequence[Fault] = ()) -> Answer:
            return Answer(200, "application/json", body.encode())

    with Portal({}) as server:
        ((_, outcome, _),) = told(ask(server))
    assert outcome == "unreadable"


def test_the_address_is_in_no_error() -> None:
    with YahooServer({"IWM": fund(16)}) as server:
        for fault in (Status(401), Status(404), Status(429), Status(500), Reset(), Empty(), Html()):
            server.heal()
            server.inject(fault)
            with pytest.raises(SourceError) as caught:
                Client(Pace("Yahoo", FakeClock()), server.url).history("IWM", FIRST)
            shown = "".join(traceback.format_exception(caught.value))
            assert "127.0.0.1" not in shown
            assert "\n" not in str(caught.value)


def test_half_the_requests_fail_and_a_second_run_completes_the_first(tmp_path: Path) -> None:
    symbols = list(INSTRUMENTS)
    with YahooServer(made_up_bars(symbols, DAYS)) as server:
        run = Run(tmp_path, server, *symbols)
        server.fail_at_random(0.5, [Status(429), Status(500), Reset(), Empty(), Html(), Truncated()], seed=3)
        outcomes = {name: outcome for name, outcome, _ in told(run(evening(LAST)))}
        whole = {symbol for symbol, outcome in outcomes.items() if outcome == "ok"}
        assert list(outcomes) == symbols
        assert 0 < len(whole) < len(symbols)
        assert set(outcomes.values()) <= {"ok", "rate_limit", "network", "unreadable", "not_asked"}
        assert dict(run.captures().group_by("symbol").len().rows()) == dict.fromkeys(whole, 25)
        server.heal()
        assert {outcome for _, outcome, _ in told(run(evening(LAST, dt.time(22, 0))))} == {"ok"}
    assert dict(run.captures().group_by("symbol").len().rows()) == dict.fromkeys(symbols, 25)


def test_many_threads_share_the_client() -> None:
    symbols = list(INSTRUMENTS)
    data = made_up_bars(symbols, DAYS, close=lambda symbol, i: 100.0 + symbols.index(symbol) + i / 10)
    with YahooServer(data) as server, ThreadPoolExecutor(16) as pool:
        client = Client(Pace("Yahoo", FakeClock()), server.url)
        got = list(pool.map(lambda one: client.history(one, FIRST)["Close"].iloc[0], symbols))
    assert got == [100.0 + i for i in range(len(symbols))]


# The cookie and the crumb, which only Yahoo itself has ---------------------------------------------------------------


def test_a_cookie_that_cannot_be_fetched_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """fc.yahoo.com is on many block lists, and yfinance would wait for it before every single request."""
    sent: list[str] = []

    def blocked(self: Any, method: Any, url: str, *args: Any, **options: Any) -> Any:
        sent.append(url)
        raise requests.exceptions.Timeout(url)

    session = YahooSession(Pace("Yahoo", FakeClock()), YAHOO_URL)
    monkeypatch.setattr(requests.Session, "request", blocked)
    for address in ("https://fc.yahoo.com", "https://guce.yahoo.com/consent", f"{YAHOO_URL}/v1/test/getcrumb"):
        with pytest.raises(requests.exceptions.RequestException):
            session.request("GET", address)
    assert sent == ["https://fc.yahoo.com"]


def test_a_closed_vendor_is_not_asked_for_a_cookie_either() -> None:
    pace = Pace("Yahoo", FakeClock())
    pace.close("stopped")
    with pytest.raises(NotAsked, match="stopped"):
        YahooSession(pace, YAHOO_URL).request("GET", "https://fc.yahoo.com")


# Fed funds futures ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "codes"),
    [
        (dt.date(2024, 3, 15), "H24 J24 K24 M24 N24 Q24 U24 V24 X24 Z24 F25 G25 H25"),
        (dt.date(2023, 12, 31), "Z23 F24 G24 H24 J24 K24 M24 N24 Q24 U24 V24 X24 Z24"),
        (dt.date(2024, 1, 1), "F24 G24 H24 J24 K24 M24 N24 Q24 U24 V24 X24 Z24 F25"),
        (dt.date(2099, 12, 1), "Z99 F00 G00 H00 J00 K00 M00 N00 Q00 U00 V00 X00 Z00"),
        (dt.date(2008, 2, 29), "G08 H08 J08 K08 M08 N08 Q08 U08 V08 X08 Z08 F09 G09"),
    ],
)
def test_contracts_of_this_month_and_the_next_twelve(day: dt.date, codes: str) -> None:
    assert yahoo.contracts(day) == [f"ZQ{code}" for code in codes.split()]


def futures(*contracts: str, until: int = 25) -> dict[str, Bars]:
    """Settlements of 95.00 on the first session, and 0.01 more on each that follows."""
    names = [f"{contract}.CBT" for contract in contracts]
    return made_up_bars(names, DAYS[:until], close=lambda _, i: 95.0 + i / 100)


def test_only_the_settlement_of_the_last_final_session_is_captured(tmp_path: Path) -> None:
    with YahooServer(futures("ZQH24", "ZQJ24")) as server:
        run = Run(tmp_path, server, dataset="futures")
        batch = run(evening(DAYS[15], dt.time(19, 0)))
        assert server.count() == 13
        assert set(run.started_from()) == {DAYS[14]}
        raw.FuturesCapture.validate(batch.futures)
        assert batch.futures.select("contract", "session_date", "close", "open_interest").rows() == [
            ("ZQH24", DAYS[14], pytest.approx(95.14), None),
            ("ZQJ24", DAYS[14], pytest.approx(95.14), None),
        ]
        outcomes = {name: outcome for name, outcome, _ in told(batch)}
        assert list(outcomes) == yahoo.contracts(DAYS[14])
        assert [name for name, outcome in outcomes.items() if outcome == "ok"] == ["ZQH24", "ZQJ24"]
        assert outcomes["ZQK24"] == "unknown"
        run(evening(DAYS[15]))
    settled = run.warehouse.captures("futures_captures").filter(contract="ZQH24")
    assert settled["session_date"].to_list() == DAYS[14:16]


def test_a_settlement_that_was_captured_is_not_asked_for_again(tmp_path: Path) -> None:
    with YahooServer(futures("ZQH24", "ZQJ24")) as server:
        run = Run(tmp_path, server, dataset="futures")
        run(evening(DAYS[15]))
        run(evening(DAYS[15], dt.time(22, 0)))
        asked = {request.subjects[0] for request in server.requests}
        assert asked == {f"{one}.CBT" for one in yahoo.contracts(DAYS[15])} - {"ZQH24.CBT", "ZQJ24.CBT"}
        run(evening(DAYS[16]))
        assert server.count() == 13


def test_no_settlement_yet_is_no_data(tmp_path: Path) -> None:
    with YahooServer(futures("ZQH24", until=15)) as server:
        batch = Run(tmp_path, server, dataset="futures")(evening(DAYS[15]))
    assert ("ZQH24", "no_data", "no bars for these days") in told(batch)
    assert batch.futures.is_empty()


@pytest.mark.parametrize("value", [None, 0.0])
def test_a_settlement_without_a_price_is_none(value: float | None, tmp_path: Path) -> None:
    bars = futures("ZQH24")["ZQH24.CBT"].change(DAYS[15], close=value)
    with YahooServer({"ZQH24.CBT": bars}) as server:
        batch = Run(tmp_path, server, dataset="futures")(evening(DAYS[15]))
    assert ("ZQH24", "no_data", f"no settlement for {DAYS[15]}") in told(batch)
    assert batch.futures.is_empty()


def test_a_settlement_without_any_value_is_none(tmp_path: Path) -> None:
    with YahooServer(futures("ZQH24", until=16)) as server:
        server.inject(LastBarNull())
        batch = Run(tmp_path, server, dataset="futures")(evening(DAYS[15]))
    assert ("ZQH24", "no_data", f"no settlement for {DAYS[15]}") in told(batch)


def test_on_the_morning_of_a_new_month_the_contract_that_just_ended_is_asked_for(tmp_path: Path) -> None:
    with YahooServer(futures("ZQH24", "ZQJ24")) as server:
        batch = Run(tmp_path, server, dataset="futures")(evening(dt.date(2024, 4, 1), dt.time(9, 0)))
    assert batch.futures.select("contract", "session_date").rows() == [("ZQH24", DAYS[19]), ("ZQJ24", DAYS[19])]


# Facts ---------------------------------------------------------------------------------------------------------------

FACTS = {
    "IWM": {"trailingPE": 17.5, "dividendYield": 1.21},
    "SPY": {"trailingPE": 27.25},
    "QQQ": {"dividendYield": 0.55},
    "GLD": {},
}


def test_one_request_asks_for_the_facts_of_all_funds(tmp_path: Path) -> None:
    with YahooServer({}, FACTS) as server:
        run = Run(tmp_path, server, "IWM", "SPY", "^RUT", "QQQ", "GLD", dataset="facts")
        batch = run(evening(DAYS[15]))
        (request,) = server.requests
    assert (request.path, request.query["symbols"]) == (QUOTE, "IWM,SPY,QQQ,GLD")
    raw.FactCapture.validate(batch.facts)
    assert batch.facts.drop("captured_at").rows() == [
        ("live", "yahoo quote", "IWM", DAYS[15], 17.5, 1.21),
        ("live", "yahoo quote", "SPY", DAYS[15], 27.25, None),
        ("live", "yahoo quote", "QQQ", DAYS[15], None, 0.55),
    ]
    assert told(batch) == [("funds", "ok", None)]


def test_facts_are_asked_for_once_a_new_york_day(tmp_path: Path) -> None:
    with YahooServer({}, {one: FACTS[one] for one in ("IWM", "SPY")}) as server:
        run = Run(tmp_path, server, "IWM", "SPY", dataset="facts")
        counts = []
        for now in (
            dt.datetime(2024, 3, 23, 3, 0, tzinfo=dt.UTC),  # 23:00 of the 22nd in New York
            dt.datetime(2024, 3, 23, 3, 59, tzinfo=dt.UTC),
            dt.datetime(2024, 3, 23, 4, 0, tzinfo=dt.UTC),  # midnight
            dt.datetime(2024, 3, 23, 23, 0, tzinfo=dt.UTC),
        ):
            run(now)
            counts.append(server.count())
    assert counts == [1, 0, 1, 0]
    kept = run.warehouse.captures("fact_captures").filter(symbol="IWM")["quoted_on"].to_list()
    assert kept == [dt.date(2024, 3, 22), dt.date(2024, 3, 23)]


def test_a_fund_of_which_nothing_is_stated_makes_no_failure_of_a_second_run(tmp_path: Path) -> None:
    with YahooServer({}, FACTS) as server:
        run = Run(tmp_path, server, "IWM", "GLD", dataset="facts")
        run(evening(DAYS[15]))
        batch = run(evening(DAYS[15], dt.time(22, 0)))
    assert told(batch) == [("funds", "ok", None)]
    assert batch.facts.is_empty()


@pytest.mark.parametrize("odd", ["17.5", None, True, -1.0, float("nan"), float("inf"), {"raw": 17.5}, [17.5]])
def test_odd_facts_are_ignored(odd: Any, tmp_path: Path) -> None:
    facts = {"IWM": {"trailingPE": odd, "dividendYield": 1.21}, "SPY": {"trailingPE": odd, "dividendYield": odd}}
    with YahooServer({}, facts) as server:
        batch = Run(tmp_path, server, "IWM", "SPY", dataset="facts")(evening(DAYS[15]))
    assert batch.facts.select("symbol", "trailing_pe", "yield_pct").rows() == [("IWM", None, 1.21)]


def test_facts_of_symbols_that_were_not_asked_for_are_ignored(tmp_path: Path) -> None:
    with Rewritten({}, ('"symbol":"SPY"', '"symbol":"XYZ"')) as server:
        server.facts = FACTS
        batch = Run(tmp_path, server, "IWM", "SPY", dataset="facts")(evening(DAYS[15]))
    assert batch.facts["symbol"].to_list() == ["IWM"]


def test_no_facts_at_all(tmp_path: Path) -> None:
    with YahooServer({}, {"GLD": {}}) as server:
        batch = Run(tmp_path, server, "GLD", dataset="facts")(evening(DAYS[15]))
        assert server.count() == 1
    assert told(batch) == [("funds", "no_data", "Yahoo states no P/E and no yield for any fund")]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Status(429), "rate_limit"),
        (Status(500), "network"),
        (Reset(), "network"),
        (Html(), "unreadable"),
        (Empty(), "unreadable"),
        (Truncated(), "unreadable"),
        (Status(401), "no_data"),
    ],
)
def test_facts_on_a_bad_day(fault: Fault, outcome: str, tmp_path: Path) -> None:
    with YahooServer({}, FACTS) as server:
        run = Run(tmp_path, server, "IWM", dataset="facts")
        server.inject(fault)
        assert [what for _, what, _ in told(run(evening(DAYS[15])))] == [outcome]
        server.heal()
        server.inject(fault, times=1)
        assert told(run(evening(DAYS[15]))) == [("funds", "ok", None)]


# What is asked for ---------------------------------------------------------------------------------------------------


def asked(symbols: tuple[str, ...] | None, *instruments: str) -> list[tuple[str, str]]:
    settings = Settings(home=Path(), source="live", symbols=symbols)
    found = yahoo.questions(
        settings,
        [INSTRUMENTS[one] for one in instruments],
        nothing,
        now=evening(DAYS[15]),
        pace=Pace("Yahoo", FakeClock()),
    )
    return [(one.dataset, one.id) for one in found]


def test_with_symbols_named_only_they_are_asked_for() -> None:
    assert asked(("IWM",), "IWM") == [("prices", "IWM"), ("facts", "funds")]
    assert asked(("^RUT",), "^RUT") == [("prices", "^RUT")]


def test_without_limits_everything_is_asked_for() -> None:
    found = asked(None, "IWM", "^RUT")
    assert found[:2] == [("prices", "IWM"), ("prices", "^RUT")]
    assert found[2:] == [("futures", one) for one in yahoo.contracts(DAYS[15])] + [("facts", "funds")]


def test_the_errors_of_the_client_are_ours() -> None:
    with YahooServer({"IWM": fund(0)}) as server:
        client = Client(Pace("Yahoo", FakeClock()), server.url)
        with pytest.raises(NoData):
            client.history("IWM", FIRST)
        server.inject(Html())
        with pytest.raises(Unreadable):
            client.quotes(["IWM"])
