"""Changes of the target for the federal funds rate, and when they were announced. Definitions, sections 6 and 7."""

from collections.abc import Iterable

import polars as pl

from pipeline.calendar import sessions
from pipeline.config import Series

TARGETS = ("target_upper", "target_lower")  # roles of the series that FRED dates alike
DECISION = ["decided_on", "decided_at", "target_pct", "previous_target_pct"]
OBSERVATION = ["series_id", "observed_on"]


def with_announcements(releases: pl.DataFrame, meetings: pl.DataFrame, series: Iterable[Series]) -> pl.DataFrame:
    """Return core.macro_releases in which a new target is known from its announcement on.

    FRED dates a target the day after the decision (the day itself until 2016), and a release rule knows no decisions:
    it is ten hours late, or fourteen early. A change without a known meeting keeps the instant of the rule. Announced
    releases pass unchanged.

    Args:
        releases: core.macro_releases.
        meetings: core.fomc_meetings, not cut earlier than `releases`: an emergency move is announced at its own hour.
        series: the configured series; those with a role in `TARGETS` are touched.
    """
    changes = _announced(_changes(releases, _ids(series, *TARGETS)), meetings)
    announced = changes.filter(pl.col("decided_at").is_not_null()).select(*OBSERVATION, "seq", "decided_at")
    return (
        releases.join(announced, on=[*OBSERVATION, "seq"], how="left", maintain_order="left")
        .with_columns(available_at=pl.coalesce("decided_at", "available_at"))
        .drop("decided_at")
    )


def target_decisions(releases: pl.DataFrame, meetings: pl.DataFrame, series: Iterable[Series]) -> pl.DataFrame:
    """One row per change of the target (upper bound), sorted by decided_on.

    Columns: effective_on (date of FRED's target series that first carries it, NULL before that series exists),
    decided_on, available_at (UTC instant of the announcement), target_pct, previous_target_pct. Before FRED's series
    begins: captured decisions, and of days without one its series of the single target.

    Args:
        releases: core.macro_releases, `with_announcements`.
        meetings: core.fomc_meetings.
        series: the configured series.
    """
    series = list(series)
    of_range = _of_range(releases, meetings, _ids(series, "target_upper"))
    before = _before_range(releases, meetings, _ids(series, "target_rate"))
    first = pl.lit(None, pl.Date) if of_range.is_empty() else pl.lit(of_range["decided_on"][0])
    return (
        pl.concat([before.filter((pl.col("decided_on") < first).fill_null(True)), of_range])
        .sort("decided_on")
        .with_columns(previous_target_pct=pl.coalesce("previous_target_pct", pl.col("target_pct").shift(1)))
        .filter(pl.col("target_pct") != pl.col("previous_target_pct"))
        .select("effective_on", "decided_on", pl.col("decided_at").alias("available_at"), *DECISION[2:])
    )


def first_cuts(decisions: pl.DataFrame) -> pl.DataFrame:
    """First decreases of the target after a rise, at least 6 months after the previous cut: decided_on, available_at.

    `decisions` are those of `target_decisions`.
    """
    change = pl.col("target_pct") - pl.col("previous_target_pct")
    previous_cut = pl.when(change < 0).then("decided_on").forward_fill().shift(1)
    is_late = (previous_cut.dt.offset_by("6mo") <= pl.col("decided_on")).fill_null(True)
    return decisions.filter((change < 0) & (change.shift(1) > 0) & is_late).select("decided_on", "available_at")


def _ids(series: Iterable[Series], *roles: str) -> list[str]:
    return [one.series_id for one in series if one.role in roles]


def _before_range(releases: pl.DataFrame, meetings: pl.DataFrame, series_ids: list[str]) -> pl.DataFrame:
    """Captured decisions, and changes of the single target on other days, which FRED dates on the day itself."""
    captured = meetings.filter(pl.col("target_pct").is_not_null()).select(
        pl.lit(None, pl.Date).alias("effective_on"), *DECISION
    )
    changes = _changes(releases, series_ids).select(
        pl.lit(None, pl.Date).alias("effective_on"),
        decided_on="observed_on",
        decided_at="available_at",
        target_pct="value",
        previous_target_pct=pl.lit(None, pl.Float64),  # a day beside a captured one must not count twice
    )
    return pl.concat([captured, changes.join(captured, on="decided_on", how="anti")])


def _of_range(releases: pl.DataFrame, meetings: pl.DataFrame, series_ids: list[str]) -> pl.DataFrame:
    """First value and changes of the upper bound as decisions: effective_on and DECISION."""
    previous_session = sessions().select(previous_session="session_date")
    return (
        _announced(_changes(releases, series_ids), meetings)
        .with_columns(day_before=pl.col("observed_on").dt.offset_by("-1d"))
        .sort("day_before")
        .join_asof(previous_session, left_on="day_before", right_on="previous_session")
        .select(
            effective_on="observed_on",
            decided_on=pl.coalesce("decided_on", "previous_session"),
            decided_at="available_at",
            target_pct="value",
            previous_target_pct="previous",
        )
    )


def _changes(releases: pl.DataFrame, series_ids: list[str]) -> pl.DataFrame:
    """First values of target series that differ from the day before, and the first of all, whose `previous` is NULL.

    Values are those first published, and one that became public after a later day's is left out, as in the curve.
    """
    previous = pl.col("value").shift(1).over("series_id")
    return (
        releases.filter(pl.col("series_id").is_in(series_ids) & pl.col("value").is_not_null())
        .sort(*OBSERVATION, "seq")
        .unique(OBSERVATION, keep="first", maintain_order=True)
        .filter(pl.col("available_at") <= pl.col("available_at").cum_min(reverse=True).over("series_id"))
        .with_columns(previous=previous)
        .filter(pl.col("value").ne_missing(pl.col("previous")))
    )


def _announced(changes: pl.DataFrame, meetings: pl.DataFrame) -> pl.DataFrame:
    """Add decided_on and decided_at: the newest meeting on the day that FRED gives a new target, or the day before."""
    held = meetings.filter(pl.col("cancelled_on").is_null()).select("decided_on", "decided_at", met_on="decided_on")
    return changes.sort("observed_on").join_asof(
        held.sort("met_on"), left_on="observed_on", right_on="met_on", tolerance="1d"
    )
