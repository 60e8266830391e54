"""FRED: macro series with every vintage where there is a key, else FRED's public CSV download. No Dagster."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from functools import partial

import polars as pl

from pipeline.calendar import NEW_YORK, new_york_instant
from pipeline.config import Series
from pipeline.contracts import raw
from pipeline.settings import Settings
from pipeline.sources import Captured
from pipeline.sources.live.asking import SOURCE, Question, Served
from pipeline.sources.live.fred_client import BAD_REQUEST, Client, NoVintages, what_else
from pipeline.sources.live.http import Session
from pipeline.sources.live.pace import NoData, Pace, Rejected, Unknown, Unreadable

VINTAGES_A_REQUEST = 2000  # FRED refuses a window that holds more
FOREVER = dt.date(9999, 12, 31)  # FRED's realtime_end of a value that still holds
VINTAGE_CLOCK = dt.time(0)  # New York; before all that was received on its day, or it would seem a repetition
METADATA_DAYS = dt.timedelta(days=7)
RECENT = dt.timedelta(days=400)  # the age of a newest observation; a cut falls anywhere in decades
FURTHEST = dt.timedelta(days=366)  # an observation may lie ahead (a target rate), but not by more than a year
NOT_FOUND = 404
DATE = r"^\d{4}-\d{2}-\d{2}$"
DAY = dt.timedelta(days=1)
EXCERPT_LENGTH = 160
DATE_COLUMNS, VALUE_COLUMN = ("observation_date", "date"), "value"
UTC = pl.Datetime("us", "UTC")


def questions(
    settings: Settings,
    series: Sequence[Series],
    captured: Captured,
    *,
    now: dt.datetime,
    pace: Pace,
) -> list[Question]:
    """List what to ask FRED: each series, and with a key what FRED says of it, unless it said so within a week.

    Args:
        settings: the key and the addresses.
        series: what is configured.
        captured: all captures of a raw table so far, by its name.
        now: UTC instant of the run, which rows without a vintage are captured at.
        pace: the pace that every single request keeps to.
    """
    session = Session(pace)
    if settings.fred_api_key is None:
        return [
            Question("macro", one.series_id, partial(_from_csv, session, settings.fred_csv_url, one.series_id, now))
            for one in series
        ]
    client = Client(settings.fred_api_url, settings.fred_api_key, session)
    newest = dict(captured("macro_captures").group_by("series_id").agg(pl.col("vintage_on").max()).rows())
    described = _described_since(captured("answers"), now - METADATA_DAYS)
    return [
        *(
            Question("macro", one.series_id, partial(_from_api, client, one, newest.get(one.series_id), now))
            for one in series
        ),
        *(
            Question("metadata", one.series_id, partial(_metadata, client, one.series_id, now))
            for one in series
            if one.series_id not in described
        ),
    ]


def _described_since(answers: pl.DataFrame, since: dt.datetime) -> set[str]:
    good = answers.filter(
        (pl.col("dataset") == "metadata") & (pl.col("outcome") == "ok") & (pl.col("captured_at") > since)
    )
    return set(good["id"])


# what is asked


def _from_csv(session: Session, url: str, series_id: str, now: dt.datetime) -> Served:
    """The newest values by FRED's public CSV download. FRED answers 404 for a series it does not know.

    FRED ends its last line. An answer that does not, and stops long ago, may have been cut: it is asked for once more.
    """
    has_been_cut = False

    def call() -> pl.DataFrame:
        nonlocal has_been_cut
        response = session.get(url, params={"id": series_id})
        if response.status_code == NOT_FOUND:
            raise Unknown("FRED does not know the series")
        if response.status_code >= BAD_REQUEST:
            raise Rejected(f"HTTP {response.status_code}")
        if _may_be_cut(response.content, now) and not has_been_cut:
            has_been_cut = True
            raise Unreadable(what_else(response.content))
        return _cells(response.content, series_id, now)

    return _latest([session.pace.ask(call)], series_id, f"fred csv {series_id}", now)


def _may_be_cut(content: bytes, now: dt.datetime) -> bool:
    """The last line lacks its end, and its date is not recent, as that of a mirror's last line is."""
    last = content.rsplit(b"\n", 1)[-1].decode("utf-8", errors="replace")
    found = re.search(r"\d{4}-\d{2}-\d{2}", last)
    is_recent = found is not None and found[0] >= f"{(now - RECENT).date()}"
    return not content.endswith(b"\n") and not is_recent


def _from_api(client: Client, one: Series, newest: dt.date | None, now: dt.datetime) -> Served:
    """Every vintage of a revised series, else the newest values. Daily series have too many vintages to be useful."""
    if one.is_revised and one.frequency != "daily":
        try:
            return _vintages(client, one.series_id, newest, now)
        except NoVintages:
            pass  # some owners allow FRED to show their newest values only
    return _latest(client.get_series(one.series_id), one.series_id, f"fred api {one.series_id}", now)


def _metadata(client: Client, series_id: str, now: dt.datetime) -> Served:
    told = client.get_series_info(series_id)
    try:
        row = {
            "captured_at": now,
            "source": SOURCE,
            "origin": f"fred api {series_id}",
            "series_id": series_id,
            "title": told.get("title"),
            "unit": told.get("units"),
            "frequency": told.get("frequency"),
            "seasonal_adjustment": told.get("seasonal_adjustment"),
            "first_observed_on": dt.date.fromisoformat(told["observation_start"]),
            "last_observed_on": dt.date.fromisoformat(told["observation_end"]),
            "last_updated_at": dt.datetime.fromisoformat(told["last_updated"]).astimezone(dt.UTC),
        }
    except (KeyError, ValueError):
        raise Unreadable("a description without its dates") from None
    return Served({"series": pl.DataFrame([row], schema=raw.SeriesCapture.create_empty().schema)})


def _latest(pages: Iterable[pl.DataFrame], series_id: str, origin: str, now: dt.datetime) -> Served:
    """Newest values, received now."""
    values, refused = _read((page.select("date", "value") for page in pages), now)
    rows = values.select(
        captured_at=pl.lit(now, UTC), observed_on="observed_on", value="value", vintage_on=pl.lit(None, pl.Date)
    )
    return _served(rows, values, refused, series_id, origin, now)


def _vintages(client: Client, series_id: str, newest: dt.date | None, now: dt.datetime) -> Served:
    """Every value with the day from which it was known; after the first time from the newest captured vintage on.

    Rows of a window's first day are clipped: most began earlier, and were captured then. `captures.new_rows` leaves
    those out, as it does every value that repeats the one before it. One that differs is new: FRED changed it later
    on that day, or it could not be read before. Dated on that day it is never known too early.
    """
    windows = [(newest, FOREVER)] if newest else _windows(client.get_series_vintage_dates(series_id))
    pages = (page for window in windows for page in client.get_series_all_releases(series_id, *window))
    values, refused = _read(pages, now)
    still = values.filter(pl.col("realtime_end") == FOREVER)
    rows = _changes(values, _may_end(still, refused)).with_columns(
        captured_at=new_york_instant(pl.col("vintage_on"), VINTAGE_CLOCK).cast(UTC)
    )
    return _served(rows, still, refused, series_id, f"fred api {series_id}", now)


def _may_end(still: pl.DataFrame, refused: pl.DataFrame) -> pl.Expr:
    """Whether an ended value was withdrawn, and not the whole beginning of the series cut off: that deletes nothing.

    Beside a refused row it is not known whether a value ended, or that row went on with it.
    """
    if refused["observed_on"].null_count():
        return pl.lit(False)
    is_served = pl.col("observed_on") >= still["observed_on"].min()
    return is_served.fill_null(False) & ~pl.col("observed_on").is_in(refused["observed_on"].implode())


def _windows(vintages: Sequence[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Windows that follow each other without a gap, each with at most VINTAGES_A_REQUEST vintages."""
    starts = vintages[::VINTAGES_A_REQUEST]
    if not starts:
        raise NoVintages("ALFRED has no vintages of the series")
    return list(zip(starts, [*(start - DAY for start in starts[1:]), FOREVER], strict=True))


# how it is read


def _cells(content: bytes, series_id: str, now: dt.datetime) -> pl.DataFrame:
    """Split FRED's CSV into text: date and value, NULL where a line has no such cell.

    Columns are found by name. Lines are split by hand: CSV readers take a missing cell for an empty one. A last line
    that may have been cut is not believed.
    """
    header, *lines = content.decode("utf-8-sig", errors="replace").splitlines() or [""]
    if not header or "<" in header:
        raise Unreadable(what_else(content))
    names = [name.strip() for name in header.split(",")]
    days = [place for place, name in enumerate(names) if name.lower() in DATE_COLUMNS]
    values = [place for place, name in enumerate(names) if name == series_id or name.lower() == VALUE_COLUMN]
    if len(names) != 2 or len(days) != 1 or len(values) != 1:
        raise Unreadable(f"columns other than a date and {series_id}")
    if lines and _may_be_cut(content, now):
        lines[-1] = lines[-1].split(",")[0]
    cells = pl.col("line").str.splitn(",", 2).struct.rename_fields(["0", "1"])
    rows = pl.DataFrame({"line": lines}, schema={"line": pl.String}).filter(pl.col("line") != "")
    return rows.select(cells).unnest("line").select(date=str(days[0]), value=str(values[0]))


def _read(pages: Iterable[pl.DataFrame], now: dt.datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Type pages of text; return (values, refused rows: reason, excerpt, observed_on).

    Raises:
        NoData: there is no row at all.
    """
    read = [_typed(page, now) for page in pages]
    values = pl.concat([good for good, _ in read])
    refused = [bad for _, bad in read]
    if values.height + sum(bad.height for bad in refused) == 0:
        raise NoData("FRED has no observation of the series")
    values, twice = _without_contradictions(values)
    return values, pl.concat([*refused, twice])


def _typed(page: pl.DataFrame, now: dt.datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    days = [name for name in page.columns if name != "value"]
    text = pl.col("value").str.strip_chars()
    typed = page.with_columns(
        text.cast(pl.Float64, strict=False),
        *(
            pl.when(pl.col(day).str.contains(DATE)).then(pl.col(day)).str.to_date("%Y-%m-%d", strict=False).alias(day)
            for day in days
        ),
        is_nothing=text.is_in([".", ""]),
    ).with_columns(reason=_reason(days, now.astimezone(NEW_YORK).date()))
    is_good = typed["reason"].is_null()
    excerpt = pl.concat_str(pl.all().fill_null("?"), separator=",")
    refused = page.filter(~is_good).select(
        reason=typed["reason"].filter(~is_good), excerpt=excerpt, observed_on=typed["date"].filter(~is_good)
    )
    return typed.filter(is_good).drop("reason", "is_nothing").rename({"date": "observed_on"}), refused


def _reason(days: list[str], today: dt.date) -> pl.Expr:
    """Why a row is refused, NULL for a good one; `days` are its columns of dates."""
    value = pl.col("value")
    is_ahead = pl.col("realtime_start") > today if "realtime_start" in days else pl.lit(False)
    return pl.coalesce(
        pl.when(pl.any_horizontal(pl.col(days).is_null())).then(pl.lit("date cannot be read")),
        pl.when(~(pl.col("is_nothing") | value.is_finite()).fill_null(False)).then(pl.lit("number cannot be read")),
        pl.when(pl.col("date") > today + FURTHEST).then(pl.lit("dated more than a year ahead")),
        pl.when(is_ahead).then(pl.lit("vintage dated ahead")),
    )


def _without_contradictions(values: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keep one of equal rows; refuse all rows of a period that come with different values: none is more right."""
    key = [name for name in ("observed_on", "realtime_start") if name in values.columns]
    values = values.sort(key)
    if not values.select(pl.all_horizontal(pl.col(key) == pl.col(key).shift(1)).any()).item():
        return values, pl.DataFrame(schema={"reason": pl.String, "excerpt": pl.String, "observed_on": pl.Date})
    values = values.unique(maintain_order=True)
    differs = values.select(pl.struct(key).is_duplicated()).to_series()
    excerpt = pl.concat_str(pl.all().cast(pl.String).fill_null("."), separator=",").alias("excerpt")
    reason = pl.lit("the period comes twice with different values").alias("reason")
    return values.filter(~differs), values.filter(differs).select(reason, excerpt, "observed_on")


# what follows from it


def _changes(values: pl.DataFrame, may_end: pl.Expr) -> pl.DataFrame:
    """Turn values with their first and last days into changes: observed_on, value, vintage_on.

    A row that merely continues the one before it (the next window begins) is no change. Where a value ends and none
    follows, and it `may_end`, FRED withdrew it: a NULL from the next day on.
    """
    ordered = values.sort("observed_on", "realtime_start")
    begins, ends, value = pl.col("realtime_start"), pl.col("realtime_end"), pl.col("value")
    follows = (pl.col("observed_on") == pl.col("observed_on").shift(1)) & (ends.shift(1) + DAY >= begins)
    continues = follows & value.eq_missing(value.shift(1))
    withdrawn = may_end & (ends < FOREVER) & value.is_not_null() & ~follows.shift(-1).fill_null(False)
    return pl.concat(
        [
            ordered.filter(~continues.fill_null(False)).select("observed_on", "value", vintage_on=begins),
            ordered.filter(withdrawn).select(
                "observed_on", pl.lit(None, pl.Float64).alias("value"), vintage_on=ends + DAY
            ),
        ]
    ).sort("observed_on", "vintage_on")


def _served(
    rows: pl.DataFrame, served: pl.DataFrame, refused: pl.DataFrame, series_id: str, origin: str, now: dt.datetime
) -> Served:
    """Shape `rows` as captures; `served` is what FRED serves at this time, whether it is new or not."""
    source = {"source": pl.lit(SOURCE), "origin": pl.lit(origin)}
    valued = served.filter(pl.col("value").is_not_null())["observed_on"]
    macro = rows.with_columns(
        **source, series_id=pl.lit(series_id), is_vintage=pl.col("vintage_on").is_not_null()
    ).select(raw.MacroCapture.column_names())
    rejects = refused.with_columns(
        **source,
        captured_at=pl.lit(now, UTC),
        line=pl.lit(None, pl.Int64),  # lines move when history is cut or grows: a refusal is noted once
        excerpt=pl.col("excerpt").str.slice(0, EXCERPT_LENGTH).str.replace_all(r"[\x00-\x1f\x7f]", " "),
    ).select(raw.Reject.column_names())
    return Served(
        {"macro": macro, "rejects": rejects},
        served_from=valued.min(),  # type: ignore[arg-type]
        served_to=valued.max(),  # type: ignore[arg-type]
        outcome="incomplete" if refused.height else "ok",
        detail=f"rows refused: {refused.height}, first: {refused['reason'][0]}" if refused.height else None,
    )
