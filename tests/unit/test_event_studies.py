"""derived.event_studies: definitions, section 7."""

import bisect
import datetime as dt
import random

import polars as pl
import pytest
from builders import CLOSE, bars, column, session, sessions
from polars.testing import assert_frame_equal

from pipeline.config import EventStudy, Recession
from pipeline.contracts.derived.studies import EventStudies
from pipeline.transforms import event_studies as module
from pipeline.transforms.event_studies import EVENT, event_studies
from pipeline.writing import checked

A = EventStudy(symbol="A")
A_B = EventStudy(symbol="A", benchmark="B")
Closes = list[float | None]

INVERSIONS = {
    "curve": pl.String,
    "variant": pl.String,
    "confirmed_on": pl.Date,
    "available_at": pl.Datetime("us", "UTC"),
}


def at(number: int, clock: dt.time = CLOSE) -> dt.datetime:
    """An instant on the day of a session: by default its close."""
    return dt.datetime.combine(session(number), clock, dt.UTC)


def events(*known: tuple, event_type: str = "first_cut") -> pl.DataFrame:
    """Events from (event_date, known_at), or with a third: the type."""
    rows = [(*one, event_type)[:3] for one in known]
    return pl.DataFrame([(kind, date, None, instant) for date, instant, kind in rows], schema=EVENT, orient="row")


def on(*numbers: int, **options) -> pl.DataFrame:
    """Events on the days of these sessions, known at their closes."""
    return events(*((session(number), at(number)) for number in numbers), **options)


def studied(prices: pl.DataFrame, happened: pl.DataFrame, *instruments: EventStudy) -> pl.DataFrame:
    return event_studies(prices, sessions(1000), happened, instruments or [A])


def walk(n: int, seed: int, missing: float = 0.0) -> Closes:
    source, close, closes = random.Random(seed), 100.0, []
    for _ in range(n):
        close *= 1 + source.gauss(0, 0.01)
        closes.append(None if source.random() < missing else close)
    return closes


# --- studies ---------------------------------------------------------------------------------------------------------


def test_a_study_by_hand():
    # known at the close of session 3, so offset -1 is session 2 with 80: 100/80, 90/80, 80/80, 120/80 and 60/80, less 1
    found = studied(bars("A", [100, 90, 80, 120, 60.0], is_fund=False), on(3))
    assert found.select("offset", "session_date", "known_on", "cum_return").rows() == [
        (-3, session(0), session(3), pytest.approx(0.25)),
        (-2, session(1), session(3), pytest.approx(0.125)),
        (-1, session(2), session(3), 0),
        (0, session(3), session(3), pytest.approx(0.5)),
        (1, session(4), session(4), pytest.approx(-0.25)),
    ]
    constant = ["event_type", "event_date", "detail", "symbol", "benchmark", "basis", "event_no", "known_at"]
    assert found.select(*constant, "cum_abnormal", "overlaps_earlier").unique().rows() == [
        ("first_cut", session(3), None, "A", None, "price", 1, at(3), None, False)
    ]


@pytest.mark.parametrize(
    ("clock", "zero"), [(dt.time(0), 3), (dt.time(20, 59), 3), (CLOSE, 3), (dt.time(21, 0, 1), 4), (dt.time(23, 59), 4)]
)
def test_offset_0_is_the_first_close_at_or_after_the_instant(clock: dt.time, zero: int):
    found = studied(bars("A", [1.0] * 10), events((session(1), at(3, clock))))
    assert column(found, "session_date", offset=0) == [session(zero)]


def test_an_event_of_the_weekend_is_studied_from_monday():
    saturday = dt.datetime(2001, 1, 6, 12, tzinfo=dt.UTC)
    found = studied(bars("A", [1.0] * 10), events((dt.date(2001, 1, 6), saturday)))
    assert column(found, "session_date", offset=0) == [dt.date(2001, 1, 8)]


def test_offsets_reach_from_126_before_to_252_after():
    found = studied(bars("A", walk(500, 1)), on(200))
    assert found["offset"].to_list() == list(range(-126, 253))
    assert (found["session_date"][0], found["session_date"][-1]) == (session(74), session(452))


def test_offsets_count_the_symbols_own_bars():
    # no bar on sessions 3 and 5: known at the close of 3 means offset 0 on 4, and offset 1 on 6
    found = studied(bars("A", [1, 1, 2, None, 3, None, 4.0]), on(3))
    assert found.select("offset", "session_date").rows()[-3:] == [(-1, session(2)), (0, session(4)), (1, session(6))]


def test_funds_are_studied_with_distributions_and_pairs_with_an_index_without():
    prices = pl.concat([bars("A", [10.0, 10, 10], dividends={2: 1.0}), bars("I", [10.0, 11, 11], is_fund=False)])
    with_index = EventStudy(symbol="A", benchmark="I")
    found = studied(prices, on(1), A, with_index, EventStudy(symbol="I"))
    assert found.select("symbol", "benchmark", "basis").unique(maintain_order=True).rows() == [
        ("A", None, "total"), ("A", "I", "price"), ("I", None, "price"),
    ]  # fmt: skip
    assert column(found, "cum_return", basis="total", offset=1) == [pytest.approx(0.1)]
    assert column(found, "cum_return", symbol="A", basis="price", offset=1) == [0]
    assert column(found, "cum_abnormal", symbol="A", basis="price", offset=1) == [pytest.approx(-0.1)]


def without_total(prices: pl.DataFrame, since: int) -> pl.DataFrame:
    """Bars whose distributions are not said from a session on: the total-return index ends there."""
    return prices.with_columns(total_return_index=pl.when(pl.col("session_no") < since).then("total_return_index"))


def test_a_fund_whose_distributions_are_not_said_is_studied_on_its_price():
    # only the first bar has an index, as for a fund without any dividend said
    found = studied(without_total(bars("A", [10.0, 10, 11, 12], dividends={2: 1.0}), since=1), on(2))
    assert set(found["basis"]) == {"price"}
    assert column(found, "cum_return", offset=1) == [pytest.approx(0.2)]


def test_where_distributions_stop_being_said_the_return_is_unknown():
    prices = without_total(bars("A", [10.0, 10, 10, 12, 12], dividends={2: 1.0}), since=4)
    found = studied(prices, on(2))
    assert set(found["basis"]) == {"total"}
    # (10 + 1) / 10, then x 12/10, then nobody knows
    assert found["cum_return"].to_list() == [0, 0, pytest.approx(0.1), pytest.approx(0.32), None]
    pair = studied(pl.concat([prices, bars("B", [1.0] * 5)]), on(2), A_B)
    assert pair["cum_abnormal"].to_list() == [0, 0, pytest.approx(0.1), pytest.approx(0.32), None]


def test_the_abnormal_return_of_a_pair_is_the_difference():
    # since session 0: A 100 -> 130, B 50 -> 60: 30 % less 20 %, on the sessions of both
    prices = pl.concat([bars("A", [100, 1, 110, 130.0]), bars("B", [50, None, 50, 60.0])])
    found = studied(prices, on(1), A_B)
    assert found.select("offset", "session_date").rows() == [(-1, session(0)), (0, session(2)), (1, session(3))]
    assert found["cum_return"].to_list() == [0, pytest.approx(0.1), pytest.approx(0.3)]
    assert found["cum_abnormal"].to_list() == [0, pytest.approx(0.1), pytest.approx(0.1)]


@pytest.mark.parametrize(("missing", "is_kept"), [(10, True), (11, False)])
def test_a_gap_empties_what_lies_beyond_it(missing: int, is_kept: bool):
    prices = bars("A", [1.0, 1, *[None] * missing, 1, 1, 1, *[None] * missing, 1, 1])
    found = studied(prices, on(missing + 3))  # the second bar after the first gap
    kept = [offset for offset, ret in found.select("offset", "cum_return").iter_rows() if ret is not None]
    assert found["offset"].to_list() == [-3, -2, -1, 0, 1, 2, 3]
    assert kept == ([-3, -2, -1, 0, 1, 2, 3] if is_kept else [-1, 0, 1])


def test_gaps_on_the_way_add_up():
    prices = bars("A", [1.0, 1, *[None] * 6, 1, *[None] * 5, 1])
    found = studied(prices, on(1))
    assert found["cum_return"].is_null().to_list() == [False, False, False, True]


def test_an_event_without_a_bar_before_offset_0_or_at_it_has_no_study():
    prices = bars("A", [None, None, 1, 2, 3.0])
    assert studied(prices, on(0)).is_empty()  # before the first bar
    assert studied(prices, on(2)).is_empty()  # on it
    assert studied(prices, on(5)).is_empty()  # after the last
    assert studied(prices, on(3))["offset"].to_list() == [-1, 0, 1]


# --- numbers and overlaps --------------------------------------------------------------------------------------------


def of_events(found: pl.DataFrame, *names: str) -> list[tuple]:
    return found.filter(pl.col("offset") == 0).select(names).rows()


def test_events_are_numbered_by_the_instant_they_became_known():
    # the event of day 9 became known before that of day 2, which is announced late
    found = studied(bars("A", [1.0] * 40), events((session(2), at(30)), (session(9), at(9)), (session(31), at(31))))
    assert of_events(found, "event_no", "event_date") == [(2, session(2)), (1, session(9)), (3, session(31))]


def test_events_known_at_one_instant_are_numbered_by_day():
    found = studied(bars("A", [1.0] * 40), events((session(9), at(20)), (session(2), at(20))))
    expected = [(1, session(2), False), (2, session(9), True)]
    assert of_events(found, "event_no", "event_date", "overlaps_earlier") == expected


def test_each_type_and_instrument_numbers_its_own():
    prices = pl.concat([bars("A", [1.0] * 40), bars("B", [*[None] * 20, *[1.0] * 20])])
    happened = pl.concat([on(10, 30), on(11, 31, event_type="streak")])
    found = studied(prices, happened, A, EventStudy(symbol="B"))
    assert of_events(found, "symbol", "event_type", "event_no", "event_date", "overlaps_earlier") == [
        ("A", "first_cut", 1, session(10), False),
        ("A", "first_cut", 2, session(30), True),
        ("B", "first_cut", 1, session(30), False),  # nothing overlaps with an event that B did not live through
        ("A", "streak", 1, session(11), False),
        ("A", "streak", 2, session(31), True),
        ("B", "streak", 1, session(31), False),
    ]


@pytest.mark.parametrize(("distance", "overlaps"), [(251, True), (252, True), (253, False)])
def test_an_event_overlaps_one_at_most_252_sessions_before(distance: int, overlaps: bool):
    found = studied(bars("A", [1.0] * 400), on(5, 5 + distance))
    assert of_events(found, "overlaps_earlier") == [(False,), (overlaps,)]


def test_the_distance_counts_the_instruments_sessions():
    closes: Closes = [1.0] * 400
    closes[100] = None
    assert of_events(studied(bars("A", closes), on(5, 5 + 253)), "overlaps_earlier") == [(False,), (True,)]


# --- against plain Python, and no look-ahead -------------------------------------------------------------------------

INSTRUMENTS = [A, EventStudy(symbol="B"), EventStudy(symbol="^C"), A_B, EventStudy(symbol="A", benchmark="^C")]
SESSIONS = 700


@pytest.fixture(scope="module")
def prices() -> pl.DataFrame:
    """Three symbols; one lacks every twentieth bar and once fourteen in a row, one begins later."""
    with_gap = walk(SESSIONS, 2, missing=0.05)
    with_gap[330:344] = [None] * 14
    late = [*[None] * 150, *walk(SESSIONS - 150, 3)]
    return pl.concat(
        [
            bars("A", walk(SESSIONS, 1), dividends={50: 1.0, 400: 1.0}),
            bars("B", with_gap),
            bars("^C", late, is_fund=False),
        ]
    )


@pytest.fixture(scope="module")
def happened() -> pl.DataFrame:
    """Events at all hours, some announced months later."""
    source = random.Random(11)
    rows = []
    for number in sorted(source.sample(range(SESSIONS + 40), 60)):
        delay = dt.timedelta(days=source.choice([0, 0, 0, 40]), hours=source.choice([-6, 0, 1]))
        rows.append((session(number), at(number) + delay, source.choice(["streak", "uninversion"])))
    return events(*rows)


def brute(prices: pl.DataFrame, happened: pl.DataFrame) -> dict[tuple, tuple]:
    """Studies by the letter of the definition, loop after loop."""
    levels: dict[str, dict[int, tuple]] = {}
    for symbol, number, close, total in prices.select(
        "symbol", "session_no", "close", "total_return_index"
    ).iter_rows():
        levels.setdefault(symbol, {})[number] = (close, total)
    found = {}
    for one in INSTRUMENTS:
        legs = [levels[symbol] for symbol in (one.symbol, one.benchmark) if symbol]
        basis = 0 if "^C" in (one.symbol, one.benchmark) else 1
        own = sorted(set.intersection(*(set(leg) for leg in legs)))
        closes = [at(number) for number in own]
        earlier: dict[str, list[int]] = {}
        for event_type, date, _, known_at in sorted(happened.rows(), key=lambda row: (row[3], row[1])):
            zero = bisect.bisect_left(closes, known_at)
            if zero == len(own) or zero == 0:
                continue
            before = earlier.setdefault(event_type, [])
            overlaps = any(zero - other <= 252 for other in before)
            before.append(zero)
            for position in range(max(zero - 126, 0), min(zero + 252, len(own) - 1) + 1):
                low, high = sorted((position, zero - 1))
                moves = [leg[own[position]][basis] / leg[own[zero - 1]][basis] - 1 for leg in legs]
                if own[high] - own[low] - (high - low) > 10:
                    moves = [None, None]
                abnormal = moves[0] - moves[1] if one.benchmark and moves[0] is not None else None
                found[event_type, date, one.symbol, one.benchmark, position - zero] = (
                    "total" if basis else "price", len(before), known_at, session(own[position]),
                    session(own[max(position, zero)]), moves[0], abnormal, overlaps,
                )  # fmt: skip
    return found


def test_studies_equal_a_plain_loop(prices: pl.DataFrame, happened: pl.DataFrame):
    found = event_studies(prices, sessions(SESSIONS), happened, INSTRUMENTS)
    keys = ["event_type", "event_date", "symbol", "benchmark", "offset"]
    rest = ["basis", "event_no", "known_at", "session_date", "known_on", "cum_return", "cum_abnormal"]
    got = {tuple(row[:5]): tuple(row[5:]) for row in found.select(*keys, *rest, "overlaps_earlier").iter_rows()}
    assert got == brute(prices, happened)
    assert len(got) == found.height > 50_000
    assert found["cum_return"].null_count() > 1000
    assert set(of_events(found, "overlaps_earlier")) == {(True,), (False,)}


@pytest.mark.parametrize("cut", [3, 127, 151, 337, 338, 344, 500, 698])
def test_rows_are_those_of_a_build_on_data_up_to_then(prices: pl.DataFrame, happened: pl.DataFrame, cut: int):
    evening = at(cut, dt.time(23, 59, 59))
    then = event_studies(
        prices.filter(pl.col("session_no") <= cut),
        sessions(cut + 1),
        happened.filter(pl.col("known_at") <= evening),
        INSTRUMENTS,
    )
    full = event_studies(prices, sessions(SESSIONS), happened, INSTRUMENTS)
    assert_frame_equal(then, full.filter(pl.col("known_on") <= session(cut)), check_exact=True)
    assert then.is_empty() == (cut == 3)


def test_rows_before_an_event_are_not_known_before_it(prices: pl.DataFrame, happened: pl.DataFrame):
    found = event_studies(prices, sessions(SESSIONS), happened, INSTRUMENTS)
    closed = found.join(sessions(SESSIONS), left_on="known_on", right_on="session_date")
    assert closed.filter(pl.col("close_at") < pl.col("known_at")).is_empty()
    assert closed.filter(pl.col("known_on") > pl.col("session_date")).height > 0


# --- edges -----------------------------------------------------------------------------------------------------------


def test_the_contract_holds(prices: pl.DataFrame, happened: pl.DataFrame):
    found = event_studies(prices, sessions(SESSIONS), happened, INSTRUMENTS)
    assert checked("derived.event_studies", found, EventStudies).height == found.height


@pytest.mark.parametrize(
    ("rows", "happened", "instruments"),
    [
        (0, on(3), [A, A_B]),
        (1, on(0), [A, A_B]),
        (10, on(), [A]),
        (10, on(3), []),
        (10, on(3), [EventStudy(symbol="B")]),
    ],
)
def test_nothing_to_study_gives_an_empty_table_of_the_right_types(rows: int, happened: pl.DataFrame, instruments: list):
    found = event_studies(bars("A", [1.0] * rows), sessions(20), happened, instruments)
    assert found.is_empty()
    assert found.schema == EventStudies.create_empty().schema


def test_a_constant_price_returns_zero():
    prices = pl.concat([bars("A", [7.3] * 300), bars("B", [2.1] * 300)])
    found = studied(prices, on(150), A, A_B)
    assert found["cum_return"].unique().to_list() == [0]
    assert set(found["cum_abnormal"]) == {None, 0}


# --- events ----------------------------------------------------------------------------------------------------------


def moves(*returns: float) -> pl.DataFrame:
    closes = [100.0]
    for one in returns:
        closes.append(closes[-1] * (1 + one))
    return bars("A", closes)


UP, FLAT = 0.02, 0.005


def test_a_streak_is_an_event_on_its_fifth_hit():
    # sessions 1 to 4 are no five; 6 to 12 are seven: the fifth is session 10; 14 to 18: session 18
    found = module.fifth_hits(moves(*[UP] * 4, FLAT, *[UP] * 7, FLAT, *[UP] * 5), sessions(40))
    assert found.rows() == [("streak", session(i), None, at(i)) for i in (10, 18)]
    assert found.schema == EVENT


def test_a_hit_of_a_streak_is_above_one_percent():
    # 0.99 %, then five of more than 1.7 %
    closes = [1.0, 1.0099, 1.03, 1.06, 1.09, 1.13, 1.17]
    assert module.fifth_hits(bars("A", closes), sessions(10))["event_date"].to_list() == [session(6)]


def test_a_streak_counts_the_close_and_not_distributions():
    closes = [100.0] * 7
    prices = bars("A", closes, dividends=dict.fromkeys(range(7), 2.0))
    assert module.fifth_hits(prices, sessions(10)).is_empty()


def test_a_long_gap_ends_a_streak():
    closes = [1.1**i for i in range(9)]
    prices = bars("A", [*closes[:4], *[None] * 11, *closes[4:]])
    # 4 bars, a gap of 11, then the first return is missing and four follow
    assert module.fifth_hits(prices, sessions(40)).is_empty()


def test_phase_changes_name_both_phases():
    phases = [None, None, "bullish", "bullish", "warning", None, "warning", "bearish", "bearish", "bullish"]
    frame = pl.DataFrame({"session_date": [session(i) for i in range(10)], "phase": phases})
    assert module.phase_changes(frame, sessions(20)).rows() == [
        ("phase_change", session(4), "bullish -> warning", at(4)),
        ("phase_change", session(7), "warning -> bearish", at(7)),
        ("phase_change", session(9), "bearish -> bullish", at(9)),
    ]


def test_an_nber_trough_is_the_last_session_of_its_month_and_known_with_the_announcement():
    recessions = [
        Recession(
            peak=dt.date(2001, 1, 1),
            peak_announced_on=dt.date(2001, 3, 1),
            trough=dt.date(2001, 6, 1),
            trough_announced_on=dt.date(2002, 1, 15),
        ),
        Recession(peak=dt.date(2003, 1, 1), peak_announced_on=dt.date(2003, 3, 1)),
    ]
    # 2001-06-29 was a Friday; 23:59 New York in January is 04:59 UTC of the day after
    assert module.nber_troughs(recessions, sessions(400)).rows() == [
        ("nber_trough", dt.date(2001, 6, 29), None, dt.datetime(2002, 1, 16, 4, 59, tzinfo=dt.UTC))
    ]


def test_first_cuts_are_known_with_the_decision():
    cuts = pl.DataFrame({"decided_on": [session(5)], "available_at": [at(5, dt.time(19))]}).cast(
        {"available_at": pl.Datetime("us", "UTC")}
    )
    assert module.first_cuts(cuts).rows() == [("first_cut", session(5), None, at(5, dt.time(19)))]


def test_an_uninversion_is_known_when_the_confirming_spread_is_public():
    confirmed, public = session(9), at(10, dt.time(20, 15))
    inversions = pl.DataFrame(
        [
            ("10y2y", "sustained", confirmed, public),
            ("10y2y", "sustained", None, None),
            ("10y2y", "raw", session(3), at(3)),
            ("10y3m", "sustained", session(4), at(4)),
        ],
        schema=INVERSIONS,
        orient="row",
    )
    assert module.uninversions(inversions).rows() == [("uninversion", confirmed, None, public)]


def test_all_events_are_those_of_every_kind_and_of_one_symbol():
    inversions = pl.DataFrame(schema=INVERSIONS)
    cuts = pl.DataFrame({"decided_on": [session(5)], "available_at": [at(5, dt.time(19))]}).cast(
        {"available_at": pl.Datetime("us", "UTC")}
    )
    # 250 rising closes, then half of the price: bullish until the second low close; B moves the other way
    a = [100 + 0.1 * i for i in range(250)] + [50.0, 51, 53, 55, 57, 59, 59]
    prices = pl.concat([bars("A", a), bars("B", [1.02**i for i in range(len(a))])])
    found = module.all_events(prices, sessions(300), cuts, inversions, [], "A")
    # 51/50, 53/51, 55/53, 57/55, 59/57 are five gains above 1 %: sessions 251 to 255
    assert found.select("event_type", "event_date", "detail").rows() == [
        ("first_cut", session(5), None),
        ("streak", session(255), None),
        ("phase_change", session(251), "bullish -> distribution"),
    ]
