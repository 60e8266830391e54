"""FRED over real HTTP to a loopback server: the real fredapi with a key, the CSV download without one."""

import datetime as dt
import traceback
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from fake_clock import FakeClock
from vendor_data import Series, made_up_series
from vendor_servers import (
    GOOD_KEY,
    Answer,
    Empty,
    Fault,
    FredServer,
    Hang,
    Html,
    ReorderedColumns,
    Request,
    Reset,
    Status,
    Truncated,
)

from pipeline import config
from pipeline.contracts import raw
from pipeline.settings import Settings
from pipeline.sources.live import fred
from pipeline.sources.live.asking import Question, Served
from pipeline.sources.live.fred_client import Client
from pipeline.sources.live.http import Session
from pipeline.sources.live.pace import (
    Clock,
    NoData,
    NotAsked,
    Pace,
    RateLimited,
    Refused,
    SourceError,
    Unknown,
    Unreachable,
    Unreadable,
)
from pipeline.tables import RAW
from pipeline.warehouse import Warehouse

SERIES = config.load().by_series_id
NOW = dt.datetime(2024, 3, 1, 23, 0, tzinfo=dt.UTC)  # 18:00 in New York
TODAY = NOW.date()
WRONG_KEY = "f" * 32
OBSERVATIONS, VINTAGES = "/fred/series/observations", "/fred/series/vintagedates"
NOV, DEC, JAN, FEB = (dt.date(2023, 11, 1), dt.date(2023, 12, 1), dt.date(2024, 1, 1), dt.date(2024, 2, 1))
FIRST, SECOND, THIRD = dt.date(2024, 1, 5), dt.date(2024, 2, 2), dt.date(2024, 2, 20)

# December was revised with January's report; January went missing again on 20 February
UNRATE = Series.of_states(
    "UNRATE",
    [
        (FIRST, {NOV: 3.7, DEC: 3.7}),
        (SECOND, {NOV: 3.7, DEC: 3.8, JAN: 3.6}),
        (THIRD, {NOV: 3.7, DEC: 3.9}),
    ],
)
UNRATE_VINTAGES = [
    (NOV, FIRST, 3.7),
    (DEC, FIRST, 3.7),
    (DEC, SECOND, 3.8),
    (DEC, THIRD, 3.9),
    (JAN, SECOND, 3.6),
    (JAN, THIRD, None),
]
T10Y2Y = made_up_series("T10Y2Y", {dt.date(2024, 2, 27): -0.4, dt.date(2024, 2, 28): None, dt.date(2024, 2, 29): -0.39})


def nothing(table: str) -> pl.DataFrame:
    return RAW[table].create_empty()


def questions(
    server: FredServer,
    *ids: str,
    key: str | None = GOOD_KEY,
    captured: Callable[[str], pl.DataFrame] = nothing,
    now: dt.datetime = NOW,
    clock: Clock | None = None,
) -> list[Question]:
    settings = Settings(
        home=Path(), source="live", fred_api_key=key, fred_api_url=server.api_url, fred_csv_url=server.csv_url
    )
    pace = Pace("FRED", clock or FakeClock())
    return fred.questions(settings, [SERIES[one] for one in ids], captured, now=now, pace=pace)


def macro(server: FredServer, series_id: str, **more: object) -> Served:
    """Ask for the values of one series."""
    return next(one for one in questions(server, series_id, **more) if one.dataset == "macro").call()  # type: ignore[arg-type]


def vintages(served: Served | pl.DataFrame) -> list[tuple[dt.date, dt.date | None, float | None]]:
    frame = served.pieces["macro"] if isinstance(served, Served) else served
    return frame.select("observed_on", "vintage_on", "value").sort("observed_on", "vintage_on").rows()


def values(served: Served) -> list[tuple[dt.date, float | None]]:
    return served.pieces["macro"].select("observed_on", "value").rows()


class Rewritten(FredServer):
    """A server whose answers have parts of their text replaced."""

    def __init__(self, data: Mapping[str, Series], *pairs: tuple[str, str]) -> None:
        super().__init__(data, today=TODAY)
        self.pairs = pairs

    def answer(self, request: Request, faults: object = ()) -> Answer:
        answer = super().answer(request, faults)  # type: ignore[arg-type]
        body = answer.body
        for old, new in self.pairs:
            body = body.replace(old.encode(), new.encode())
        return answer._replace(body=body)


class Run:
    """Runs against one warehouse, so that each sees what the ones before it captured."""

    def __init__(self, root: Path, server: FredServer) -> None:
        self.warehouse, self.server = Warehouse(root), server

    def __call__(self, series_id: str, now: dt.datetime, key: str | None = GOOD_KEY) -> int:
        """Ask and append; return how many rows were new."""
        self.server.forget()
        self.server.today = now.astimezone(fred.NEW_YORK).date()
        served = macro(self.server, series_id, key=key, now=now, captured=self.warehouse.captures)
        return self.warehouse.append("macro_captures", served.pieces["macro"], run_at=now)

    def rows(self) -> pl.DataFrame:
        return self.warehouse.captures("macro_captures")


# Vintages ------------------------------------------------------------------------------------------------------------


def test_every_vintage_comes_with_the_day_it_was_known_from() -> None:
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        served = macro(server, "UNRATE")

    assert vintages(served) == UNRATE_VINTAGES
    frame = served.pieces["macro"]
    raw.MacroCapture.validate(frame)
    assert frame["is_vintage"].all()
    assert frame.select("source", "origin", "series_id").unique().rows() == [("live", "fred api UNRATE", "UNRATE")]
    assert (served.served_from, served.served_to, served.outcome) == (NOV, DEC, "ok")  # January is served no more
    assert (server.count(VINTAGES), server.count(OBSERVATIONS)) == (1, 1)


def test_a_vintage_counts_as_captured_when_its_new_york_day_begins() -> None:
    series = Series.of_changes("UNRATE", [(NOV, dt.date(2023, 7, 7), 3.5), (DEC, FIRST, 3.7), (JAN, TODAY, 3.6)])
    with FredServer({"UNRATE": series}, today=TODAY) as server:
        served = macro(server, "UNRATE")

    assert served.pieces["macro"]["captured_at"].to_list() == [
        dt.datetime(2023, 7, 7, 4, tzinfo=dt.UTC),  # summer time
        dt.datetime(2024, 1, 5, 5, tzinfo=dt.UTC),
        dt.datetime(2024, 3, 1, 5, tzinfo=dt.UTC),
    ]


@pytest.mark.parametrize("most", [1, 2])
def test_the_cap_on_vintages_changes_no_row(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fred, "VINTAGES_A_REQUEST", most)
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.max_vintages_in_window = most
        served = macro(server, "UNRATE")

    assert vintages(served) == UNRATE_VINTAGES
    assert server.count(OBSERVATIONS) == {1: 3, 2: 2}[most]


def test_a_value_that_comes_back_after_it_was_withdrawn() -> None:
    states = [(FIRST, {NOV: 3.7, DEC: 3.7}), (SECOND, {NOV: 3.7}), (THIRD, {NOV: 3.7, DEC: 3.7})]
    with FredServer({"UNRATE": Series.of_states("UNRATE", states)}, today=TODAY) as server:
        served = macro(server, "UNRATE")

    assert vintages(served) == [(NOV, FIRST, 3.7), (DEC, FIRST, 3.7), (DEC, SECOND, None), (DEC, THIRD, 3.7)]


def test_more_rows_or_vintages_than_a_page_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fred, "VINTAGES_A_REQUEST", 2)
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.max_vintages_in_window = server.max_vintage_dates = server.max_observations = 2
        served = macro(server, "UNRATE")

    assert vintages(served) == UNRATE_VINTAGES
    # 3 vintages; 4 rows of the first two (November, December twice, January), 2 of the third
    assert (server.count(VINTAGES), server.count(OBSERVATIONS)) == (2, 3)


def test_a_series_that_changes_between_two_pages_is_not_taken() -> None:
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.max_observations = 2
        revised = UNRATE.revise(FEB, 3.9, TODAY)
        pace = Pace("FRED", FakeClock())
        pages = Client(server.api_url, GOOD_KEY, Session(pace)).get_series_all_releases("UNRATE", FIRST, fred.FOREVER)
        assert next(pages).height == 2
        server.replace(revised)
        with pytest.raises(Unreadable, match="changed while its pages were read"):
            list(pages)


def test_a_full_stop_is_a_null() -> None:
    series = Series.of_states("UNRATE", [(FIRST, {NOV: None, DEC: 3.7}), (SECOND, {NOV: 3.8, DEC: 3.7})])
    with FredServer({"UNRATE": series}, today=TODAY) as server:
        served = macro(server, "UNRATE")

    assert vintages(served) == [(NOV, FIRST, None), (NOV, SECOND, 3.8), (DEC, FIRST, 3.7)]


def test_a_revised_series_that_the_archive_lacks_has_its_newest_values() -> None:
    series = made_up_series("UNRATE", [3.6, 3.7], first=DEC, in_alfred=False)
    with FredServer({"UNRATE": series}, today=TODAY) as server:
        served = macro(server, "UNRATE")

    assert vintages(served) == [(DEC, None, 3.6), (JAN, None, 3.7)]


# Later runs ----------------------------------------------------------------------------------------------------------


def test_a_second_identical_run_asks_once_and_adds_nothing(tmp_path: Path) -> None:
    with FredServer({"UNRATE": UNRATE}) as server:
        run = Run(tmp_path, server)
        assert run("UNRATE", NOW) == 6
        assert run("UNRATE", NOW + dt.timedelta(days=1)) == 0
        assert (server.count("/"), server.count(OBSERVATIONS)) == (1, 1)
        assert server.requests[0].query["realtime_start"] == "2024-02-20"
        assert vintages(run.rows()) == UNRATE_VINTAGES


def test_a_later_run_adds_only_what_is_new(tmp_path: Path) -> None:
    with FredServer({"UNRATE": UNRATE}) as server:
        run = Run(tmp_path, server)
        run("UNRATE", NOW)
        march = dt.date(2024, 3, 8)
        server.replace(UNRATE.revise(FEB, 3.9, march).revise(DEC, 3.6, march))
        assert run("UNRATE", NOW + dt.timedelta(days=10)) == 2
        assert server.count("/") == 1
        assert vintages(run.rows()) == sorted([*UNRATE_VINTAGES, (DEC, march, 3.6), (FEB, march, 3.9)])
        assert run("UNRATE", NOW + dt.timedelta(days=11)) == 0


def test_a_value_withdrawn_later_becomes_null_on_that_day(tmp_path: Path) -> None:
    before = [(FIRST, {NOV: 3.7, DEC: 3.7}), (SECOND, {NOV: 3.7, DEC: 3.8, JAN: 3.6})]
    march = dt.date(2024, 3, 8)
    with FredServer({"UNRATE": Series.of_states("UNRATE", before)}) as server:
        run = Run(tmp_path, server)
        assert run("UNRATE", NOW) == 4
        server.replace(Series.of_states("UNRATE", [*before, (march, {NOV: 3.7, DEC: 3.8})]))
        assert run("UNRATE", NOW + dt.timedelta(days=10)) == 1
        assert vintages(run.rows())[-1] == (JAN, march, None)
        assert run("UNRATE", NOW + dt.timedelta(days=11)) == 0


def test_what_fred_adds_later_on_the_day_of_the_newest_vintage_is_not_lost(tmp_path: Path) -> None:
    with FredServer(
        {"UNRATE": Series.of_states("UNRATE", [(FIRST, {NOV: 3.7}), (TODAY, {NOV: 3.7, DEC: 3.7})])}
    ) as server:
        run = Run(tmp_path, server)
        morning = NOW - dt.timedelta(hours=9)
        assert run("UNRATE", morning) == 2
        evening = Series.of_states("UNRATE", [(FIRST, {NOV: 3.7}), (TODAY, {NOV: 3.6, DEC: 3.8, JAN: 3.9})])
        server.replace(evening)
        assert run("UNRATE", NOW) == 3
        assert run("UNRATE", NOW + dt.timedelta(days=1)) == 0
        today = set(vintages(run.rows().filter(pl.col("vintage_on") == TODAY)))
        assert today == {(DEC, TODAY, 3.7), (NOV, TODAY, 3.6), (DEC, TODAY, 3.8), (JAN, TODAY, 3.9)}


def test_an_observation_missing_from_the_captures_comes_again_dated_on_the_newest_vintage(tmp_path: Path) -> None:
    with Rewritten({"UNRATE": UNRATE}, ('date="2023-11-01" value="3.7"', 'date="2023-11-01" value="n/a"')) as server:
        run = Run(tmp_path, server)
        assert run("UNRATE", NOW) == 5
        server.pairs = ()
        assert run("UNRATE", NOW + dt.timedelta(days=1)) == 1
        assert run("UNRATE", NOW + dt.timedelta(days=2)) == 0
        assert vintages(run.rows())[0] == (NOV, THIRD, 3.7)


def test_a_value_received_on_its_release_evening_gets_its_true_date_from_a_key_that_comes_later(tmp_path: Path) -> None:
    with FredServer({"UNRATE": UNRATE}) as server:
        run = Run(tmp_path, server)
        evening = dt.datetime.combine(FIRST, dt.time(23), dt.UTC)
        assert run("UNRATE", evening, key=None) == 2
        assert run("UNRATE", NOW) == 6
        assert [row for row in vintages(run.rows()) if row[1] is not None] == UNRATE_VINTAGES


def test_a_revised_series_cut_at_its_beginning_loses_nothing(tmp_path: Path) -> None:
    """On 1 March FRED serves no observation before January any more, and withdraws none after it."""
    cut_on = dt.date(2024, 3, 1)
    whole = {NOV: 3.7, DEC: 3.8, JAN: 3.6, FEB: 3.9}
    states = [(SECOND, whole), (cut_on, {JAN: 3.6, FEB: 3.9})]
    with FredServer({"UNRATE": Series.of_states("UNRATE", states)}) as server:
        run = Run(tmp_path, server)
        assert run("UNRATE", NOW) == 4
        assert vintages(run.rows()) == [(day, SECOND, value) for day, value in whole.items()]
        assert macro(server, "UNRATE").served_from == JAN


def test_a_newest_vintage_that_cannot_be_read_is_no_withdrawal(tmp_path: Path) -> None:
    with Rewritten({"UNRATE": UNRATE}, ('value="3.9"', 'value="n/a"')) as server:
        run = Run(tmp_path, server)
        assert run("UNRATE", NOW) == 5
        assert vintages(run.rows()) == [row for row in UNRATE_VINTAGES if row[2] != 3.9]
        server.pairs = ()
        assert run("UNRATE", NOW + dt.timedelta(days=1)) == 1
        assert vintages(run.rows()) == UNRATE_VINTAGES


def test_a_key_that_comes_later_brings_the_true_dates_and_one_that_goes_loses_nothing(tmp_path: Path) -> None:
    with FredServer({"UNRATE": UNRATE}) as server:
        run = Run(tmp_path, server)
        january = dt.datetime(2024, 1, 10, 23, tzinfo=dt.UTC)
        assert run("UNRATE", january, key=None) == 2  # November and December as of 5 January
        assert run("UNRATE", NOW) == 6
        assert run("UNRATE", NOW + dt.timedelta(days=1), key=None) == 0
        server.replace(UNRATE.revise(DEC, 3.5, dt.date(2024, 3, 8)))
        assert run("UNRATE", NOW + dt.timedelta(days=10), key=None) == 1
        assert run("UNRATE", NOW + dt.timedelta(days=11)) == 1  # the same value, with its true date
        december = run.rows().filter((pl.col("observed_on") == DEC) & pl.col("is_vintage"))
        assert vintages(december)[-1] == (DEC, dt.date(2024, 3, 8), 3.5)


# Newest values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [GOOD_KEY, None])
def test_a_daily_series_has_its_newest_values_received_now(key: str | None) -> None:
    with FredServer({"T10Y2Y": T10Y2Y}, today=TODAY) as server:
        served = macro(server, "T10Y2Y", key=key)

    days = [dt.date(2024, 2, 27), dt.date(2024, 2, 28), dt.date(2024, 2, 29)]
    assert values(served) == list(zip(days, [-0.4, None, -0.39], strict=True))
    frame = raw.MacroCapture.validate(served.pieces["macro"])
    origin = "fred api T10Y2Y" if key else "fred csv T10Y2Y"
    said = frame.select("captured_at", "is_vintage", "vintage_on", "source", "origin").unique().rows()
    assert said == [(NOW, False, None, "live", origin)]
    assert (served.served_from, served.served_to) == (days[0], days[2])
    assert server.count("/") == 1


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_csv() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("observation_date", "\ufeffobservation_date"), ("\n", "\r\n")) as server:
        assert [value for _, value in values(macro(server, "T10Y2Y", key=None))] == [-0.4, None, -0.39]


@pytest.mark.parametrize("missing", ["", "."])
def test_the_csv_says_nothing_in_two_ways(missing: str) -> None:
    with FredServer({"T10Y2Y": T10Y2Y}, today=TODAY) as server:
        server.csv_missing = missing
        assert [value for _, value in values(macro(server, "T10Y2Y", key=None))] == [-0.4, None, -0.39]


@pytest.mark.parametrize("pairs", [[], [("observation_date", "DATE")]])
@pytest.mark.parametrize("faults", [[], [ReorderedColumns()]])
def test_columns_of_the_csv_are_found_by_name(pairs: list[tuple[str, str]], faults: list[Fault]) -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, *pairs) as server:
        for fault in faults:
            server.inject(fault)
        assert [value for _, value in values(macro(server, "T10Y2Y", key=None))] == [-0.4, None, -0.39]


@pytest.mark.parametrize(
    "header", ["observation_date,DGS10", "observation_date,T10Y2Y,DGS10", "T10Y2Y", "T10Y2Y,T10Y2Y"]
)
def test_a_csv_of_something_else_is_not_read(header: str) -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("observation_date,T10Y2Y", header)) as server, pytest.raises(Unreadable):
        macro(server, "T10Y2Y", key=None)


@pytest.mark.parametrize("key", [GOOD_KEY, None])
def test_a_series_cut_to_three_years_says_from_when_it_is_served(key: str | None, tmp_path: Path) -> None:
    days = {dt.date(year, 3, 1): float(year) for year in range(2018, 2025)}
    whole = made_up_series("T10Y2Y", days, released=lambda series, day: day)
    with FredServer({"T10Y2Y": whole}) as server:
        run = Run(tmp_path, server)
        assert run("T10Y2Y", NOW, key=key) == 7
        server.replace(whole.cut(3))
        assert macro(server, "T10Y2Y", key=key).served_from == dt.date(2021, 3, 1)
        assert run("T10Y2Y", NOW + dt.timedelta(days=1), key=key) == 0
        assert run.rows().height == 7


def test_a_revised_month_is_captured_when_the_csv_first_shows_it(tmp_path: Path) -> None:
    with FredServer({"UNRATE": UNRATE}) as server:
        run = Run(tmp_path, server)
        february = dt.datetime(2024, 2, 10, 23, tzinfo=dt.UTC)
        assert run("UNRATE", february, key=None) == 3
        assert run("UNRATE", NOW, key=None) == 1
        december = run.rows().filter(pl.col("observed_on") == DEC).select("captured_at", "value", "vintage_on").rows()
        assert december == [(february, 3.8, None), (NOW, 3.9, None)]


def test_a_series_without_any_observation_has_no_data() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("2024-02-27,-0.4\n2024-02-28,\n2024-02-29,-0.39\n", "")) as server:
        with pytest.raises(NoData):
            macro(server, "T10Y2Y", key=None)
        assert server.count() == 1
    rows = "".join(
        f'  <observation realtime_start="2024-03-01" realtime_end="2024-03-01" date="{day}" value="{value}"/>\n'
        for day, value in [("2024-02-27", "-0.4"), ("2024-02-28", "."), ("2024-02-29", "-0.39")]
    )
    with Rewritten({"T10Y2Y": T10Y2Y}, (rows, ""), ('count="3"', 'count="0"')) as server, pytest.raises(NoData):
        macro(server, "T10Y2Y")


# Rows that cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [GOOD_KEY, None])
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("-0.39", "nan", "number cannot be read"),
        ("-0.39", "inf", "number cannot be read"),
        ("-0.39", "-0,39", "number cannot be read"),
        ("-0.39", "n/a", "number cannot be read"),
        ("2024-02-29", "2024-02-30", "date cannot be read"),
        ("2024-02-29", "24-02-29", "date cannot be read"),
        ("2024-02-29", "", "date cannot be read"),
        ("2024-02-29", "2026-02-28", "dated more than a year ahead"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_the_rest_kept(
    key: str | None, old: str, new: str, reason: str
) -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, (old, new)) as server:
        served = macro(server, "T10Y2Y", key=key)

    assert values(served) == [(dt.date(2024, 2, 27), -0.4), (dt.date(2024, 2, 28), None)]
    rejects = raw.Reject.validate(served.pieces["rejects"])
    assert rejects.select("captured_at", "source", "line", "reason").rows() == [(NOW, "live", None, reason)]
    assert new in rejects["excerpt"][0]
    assert (served.outcome, served.detail) == ("incomplete", f"rows refused: 1, first: {reason}")


def test_a_line_of_the_csv_without_a_value_cell_is_no_missing_value() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("2024-02-28,\n", "2024-02-28\n")) as server:
        served = macro(server, "T10Y2Y", key=None)
    assert values(served) == [(dt.date(2024, 2, 27), -0.4), (dt.date(2024, 2, 29), -0.39)]
    assert served.pieces["rejects"]["excerpt"].to_list() == ["2024-02-28,?"]


def test_a_period_that_comes_twice_with_different_values_is_refused() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("2024-02-28", "2024-02-29")) as server:
        served = macro(server, "T10Y2Y", key=None)
    assert values(served) == [(dt.date(2024, 2, 27), -0.4)]
    assert served.pieces["rejects"]["excerpt"].to_list() == ["2024-02-29,.", "2024-02-29,-0.39"]


def test_a_vintage_dated_ahead_is_refused() -> None:
    with Rewritten(
        {"UNRATE": UNRATE}, ('realtime_start="2024-02-20" realtime', 'realtime_start="2024-04-01" realtime')
    ) as server:
        served = macro(server, "UNRATE")
    assert served.pieces["rejects"]["reason"].to_list() == ["vintage dated ahead"]
    assert (NOV, FIRST, 3.7) in vintages(served)


# The key -------------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_tried_once_and_nothing_more_is_asked() -> None:
    with FredServer({"UNRATE": UNRATE, "T10Y2Y": T10Y2Y}, today=TODAY) as server:
        first, *others = questions(server, "UNRATE", "T10Y2Y", key=WRONG_KEY)
        with pytest.raises(Refused) as refused:
            first.call()
        assert str(refused.value) == (
            "FRED refused the key in FRED_API_KEY: get one at https://fred.stlouisfed.org/docs/api/api_key.html, "
            "or unset it to use the CSV"
        )
        assert len(others) == 3
        for other in others:
            with pytest.raises(NotAsked, match="FRED refused the key"):
                other.call()
        assert server.count() == 1


@pytest.mark.parametrize(
    "fault", [Status(400), Status(403), Status(404), Status(429), Status(500), Empty(), Html(), Reset()]
)
def test_the_key_is_in_no_error(fault: Fault) -> None:
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.inject(fault)
        for question in questions(server, "UNRATE"):
            with pytest.raises(SourceError) as caught:
                question.call()
            told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(question)
            assert GOOD_KEY not in told
            assert "127.0.0.1" not in told
            assert "\n" not in str(caught.value)


def test_freds_own_words_are_told_without_the_key() -> None:
    class Echo(FredServer):
        def error(self, request: Request, status: int) -> Answer:
            return Answer(status, "text/xml", f'<error code="400" message="Bad {request.query["api_key"]}"/>'.encode())

    with Echo({"UNRATE": UNRATE}, today=TODAY) as server:
        server.inject(Status(400))
        with pytest.raises(Unreadable, match=r"^HTTP 400: Bad \.\.\.$"):
            macro(server, "UNRATE")


def test_the_key_is_in_no_row() -> None:
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        for question in questions(server, "UNRATE"):
            for frame in question.call().pieces.values():
                assert GOOD_KEY not in frame.write_csv()
                assert "127.0.0.1" not in frame.write_csv()


def test_fredapis_proxy_for_the_whole_process_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)
    Client("http://127.0.0.1:9", GOOD_KEY, Session(Pace("FRED")))
    assert urllib.request._opener is None  # type: ignore[attr-defined]


# Metadata ------------------------------------------------------------------------------------------------------------


def test_metadata_as_fred_says_it() -> None:
    with FredServer({"UNRATE": UNRATE}, today=SECOND) as server:
        (question,) = (one for one in questions(server, "UNRATE") if one.dataset == "metadata")
        frame = raw.SeriesCapture.validate(question.call().pieces["series"])
    told = frame.drop("captured_at", "source", "origin").rows()
    updated = dt.datetime(2024, 2, 2, 12, 46, 2, tzinfo=dt.UTC)  # 07:46:02-05
    assert told == [("UNRATE", "A series", "Percent", "Monthly", "Not Seasonally Adjusted", NOV, JAN, updated)]


@pytest.mark.parametrize(
    ("outcome", "age", "is_asked"),
    [("ok", dt.timedelta(days=6), False), ("ok", dt.timedelta(days=7), True), ("network", dt.timedelta(days=1), True)],
)
def test_metadata_is_asked_for_once_a_week(outcome: str, age: dt.timedelta, is_asked: bool) -> None:
    row = {"dataset": "metadata", "id": "UNRATE", "outcome": outcome, "captured_at": NOW - age, "session_date": TODAY}
    row |= {"source": "live", "origin": "metadata"}
    answers = pl.concat([nothing("answers"), pl.DataFrame([row]).cast({"captured_at": fred.UTC})], how="diagonal")
    with FredServer({}) as server:
        asked = questions(server, "UNRATE", "T10Y2Y", captured=lambda t: answers if t == "answers" else nothing(t))
    assert [one.id for one in asked if one.dataset == "metadata"] == ["UNRATE"] * is_asked + ["T10Y2Y"]


def test_without_a_key_no_metadata_is_asked_for() -> None:
    with FredServer({}) as server:
        assert [one.dataset for one in questions(server, "UNRATE", key=None)] == ["macro"]


# Bad days ------------------------------------------------------------------------------------------------------------

WAYS = [("UNRATE", GOOD_KEY), ("T10Y2Y", GOOD_KEY), ("UNRATE", None)]


@pytest.mark.parametrize(("series_id", "key"), WAYS)
def test_a_series_that_fred_does_not_know(series_id: str, key: str | None) -> None:
    with FredServer({}, today=TODAY) as server, pytest.raises(Unknown, match="FRED does not know the series"):
        macro(server, series_id, key=key)


@pytest.mark.parametrize("fault", [Status(429), Status(500), Reset(), Empty(), Html(), Truncated()])
@pytest.mark.parametrize(("series_id", "key"), WAYS)
def test_a_fault_that_passes_costs_nothing_but_time(series_id: str, key: str | None, fault: Fault) -> None:
    with FredServer({"UNRATE": UNRATE, "T10Y2Y": T10Y2Y}, today=TODAY) as server:
        good = macro(server, series_id, key=key)
        server.inject(fault, times=1)
        again = macro(server, series_id, key=key)
    assert again.pieces["macro"].equals(good.pieces["macro"])


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Status(429), RateLimited, "HTTP 429"),
        (Status(500), Unreachable, "HTTP 500"),
        (Reset(), Unreachable, "connection"),
        (Empty(), Unreadable, "an empty answer"),
        (Html(), Unreadable, "a web page instead of data"),
    ],
)
@pytest.mark.parametrize(("series_id", "key"), WAYS)
def test_a_fault_that_stays_is_named(
    series_id: str, key: str | None, fault: Fault, kind: type[SourceError], message: str
) -> None:
    with FredServer({"UNRATE": UNRATE, "T10Y2Y": T10Y2Y}, today=TODAY) as server:
        server.inject(fault)
        with pytest.raises(kind, match=message):
            macro(server, series_id, key=key)
        assert server.count() == 4


def test_an_answer_of_the_api_that_is_always_cut_short_is_unreadable() -> None:
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.inject(Truncated())
        with pytest.raises(Unreadable, match="an answer cut short"):
            macro(server, "UNRATE")
        assert server.count() == 4


@pytest.mark.parametrize(("series_id", "key"), WAYS)
def test_an_error_that_asking_again_does_not_change_is_not_asked_again(series_id: str, key: str | None) -> None:
    with FredServer({"UNRATE": UNRATE, "T10Y2Y": T10Y2Y}, today=TODAY) as server:
        server.inject(Status(403))
        with pytest.raises(Unreadable, match="HTTP 403"):
            macro(server, series_id, key=key)
        assert server.count() == 1


def test_a_mirror_that_does_not_end_its_last_line_is_believed() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("-0.39\n", "-0.39")) as server:
        assert [value for _, value in values(macro(server, "T10Y2Y", key=None))] == [-0.4, None, -0.39]
        assert server.count() == 1


def test_a_csv_that_stops_long_ago_in_the_middle_of_a_line_is_not_believed_there() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("2024-02-29,-0.39\n", ""), ("2024-02-28,\n", "2022-02-28,-0.3")) as server:
        served = macro(server, "T10Y2Y", key=None)
        assert server.count() == 2
    assert values(served) == [(dt.date(2024, 2, 27), -0.4)]
    assert served.pieces["rejects"]["excerpt"].to_list() == ["2022-02-28,?"]
    assert served.outcome == "incomplete"


def test_a_mirror_may_name_the_columns_as_files_do() -> None:
    with Rewritten({"T10Y2Y": T10Y2Y}, ("observation_date,T10Y2Y", "Date,Value")) as server:
        assert [value for _, value in values(macro(server, "T10Y2Y", key=None))] == [-0.4, None, -0.39]


@pytest.mark.parametrize(("series_id", "key"), WAYS)
def test_a_server_that_never_answers(series_id: str, key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.sources.live.http.TIMEOUT", 0.2)
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.inject(Hang())
        with pytest.raises(Unreachable, match="no answer within"):
            macro(server, series_id, key=key)


def test_a_429_is_waited_out_as_long_as_it_says_or_a_minute() -> None:
    with FredServer({"T10Y2Y": T10Y2Y}, today=TODAY) as server:
        told, untold = FakeClock(), FakeClock()
        server.inject(Status(429, retry_after=7), times=1)
        macro(server, "T10Y2Y", clock=told)
        server.inject(Status(429), times=1)
        macro(server, "T10Y2Y", clock=untold)
    assert told.waits == [7.0]
    assert len(untold.waits) == 1
    assert 45.0 <= untold.waits[0] <= 75.0


def test_every_request_keeps_to_the_pace() -> None:
    """40 questions of 4 requests each (two pages of vintage dates, two of rows): the last 60 come a minute later."""
    clock = FakeClock()
    with FredServer({"UNRATE": UNRATE}, today=TODAY) as server:
        server.max_vintage_dates, server.max_observations = 2, 3
        (asked, _) = questions(server, "UNRATE", clock=clock)
        for _ in range(40):
            asked.call()
        assert server.count() == 160
    assert clock.seconds == 60.0


def test_many_threads_share_the_client() -> None:
    ids = [one for one in SERIES if SERIES[one].frequency == "daily"]
    data = {one: made_up_series(one, {dt.date(2024, 2, 28): float(i)}) for i, one in enumerate(ids)}
    with FredServer(data, today=TODAY) as server, ThreadPoolExecutor(8) as pool:
        asked = [one for one in questions(server, *ids) if one.dataset == "macro"]
        got = list(pool.map(lambda one: one.call(), asked))
    assert [values(served) for served in got] == [[(dt.date(2024, 2, 28), float(i))] for i in range(len(ids))]
