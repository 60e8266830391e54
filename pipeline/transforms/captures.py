"""Captures of the same value compared: what a source changed later, and on which basis its copies are.

One file alone cannot show that its closes are on another split basis, dividend-adjusted, or wrong; two copies can.
"""

import datetime as dt

import polars as pl

from pipeline.calendar import new_york_day

KEY = ["symbol", "session_date"]
BAR = ["open", "high", "low", "close"]
COMPARED = [*BAR, "dividend", "capital_gain", "split_ratio"]
VENDOR_NOISE = 1e-5  # relative; prices this near are the same
HALF_A_CENT = 0.00501  # copies rounded to cents differ by up to this
SPLIT_RATIOS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 1.5, 1.25)
COPY = ["symbol", "captured_at", "origin"]  # two files of one folder may share their instant
ADJUSTED_BARS = 60  # bars that differ: a quarter's, as far as one distribution reaches back
SPLIT_BARS = 10  # bars that differ: as many as an incremental download overlaps
SPLIT_MAJORITY = 0.9  # share of the differing bars that show the ratio; the others were corrected besides
SPLIT_TOLERANCE = 1e-3  # closes of a copy rounded to cents scatter this much around the ratio
ALREADY_REPORTED = dt.timedelta(days=5)  # a source may date a split, or restate its history for it, a few days off
IS_LIVE = pl.col("source") == "live"  # its closes are unadjusted, and a copy holds only the bars that changed


def on_newest_split_basis(captures: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """Bring older copies of a symbol to the split basis of its newest one.

    What was captured before a known split is on the basis before it, unless its closes show that the source had
    restated them early. Other changes of basis show when a later copy's closes differ from the earlier one's by one and
    the same plausible split ratio: then everything captured before is multiplied by it (volumes divided). These are
    applied oldest first, because each moves the basis that the next is compared with; the loop runs once per split. A
    copy counts once: where it agrees with one older copy and not with another, it would else be applied back and forth
    for ever. All rows moved are flagged `split_basis`.

    Args:
        splits: known splits: symbol, split_on, ratio.
    """
    rebased = _across_known_splits(captures.with_columns(rebased=pl.lit(1.0)), splits)
    applied = captures.select("symbol", split_at="captured_at").clear()
    while (split := _first_split(rebased, applied)).height:
        applied = pl.concat([applied, split.select("symbol", "split_at")])
        factor = pl.when(pl.col("captured_at") < pl.col("split_at")).then("factor")
        rebased = _multiplied(
            rebased.join(split, on="symbol", how="left", maintain_order="left").with_columns(factor=factor)
        ).drop("split_at")
    return rebased.with_columns(flags=flagged(pl.col("flags"), "split_basis", pl.col("rebased") != 1))


def _across_known_splits(captures: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    newest = captures.group_by("symbol").agg(newest=pl.col("captured_at").max())
    crossed = (
        captures.select(COPY)
        .unique()
        .join(splits, on="symbol")
        .join(newest, on="symbol")
        .filter(
            (new_york_day(pl.col("captured_at")) < pl.col("split_on"))
            & (new_york_day(pl.col("newest")) >= pl.col("split_on"))
        )
    )
    if not crossed.height:
        return captures
    factors = (
        crossed.join(_restated_early(captures, crossed), on=[*COPY, "split_on"], how="anti")
        .group_by(COPY)
        .agg(factor=1 / pl.col("ratio").product())
    )
    return _multiplied(captures.join(factors, on=COPY, how="left", maintain_order="left"))


def _restated_early(captures: pl.DataFrame, crossed: pl.DataFrame) -> pl.DataFrame:
    """Rows of `crossed` (copies, and splits after them) where the copy is on the basis after the split already.

    Shown by the copy's newest close and the first one since the split, as they were captured: their ratio is nearer to
    1 than to the split's. A copy may hold nothing but an old bar corrected, at another level of prices: that shows
    nothing.
    """
    captured_on = new_york_day(pl.col("captured_at"))
    shortly_before = crossed.filter(pl.col("split_on") - captured_on <= ALREADY_REPORTED)
    before = (
        shortly_before.join(captures.select(*COPY, "session_date", "close"), on=COPY)
        .filter(
            (pl.col("session_date") < pl.col("split_on")) & (captured_on - pl.col("session_date") <= ALREADY_REPORTED)
        )
        .group_by(*COPY, "split_on", "ratio")
        .agg(before=pl.col("close").sort_by("session_date", "close").last())
    )
    since = (
        before.select("symbol", "split_on")
        .unique()
        .join(captures.select("symbol", "captured_at", "session_date", "close"), on="symbol")
        .filter((pl.col("session_date") >= pl.col("split_on")) & (captured_on >= pl.col("split_on")))
        .group_by("symbol", "split_on")
        # of a bar's copies the oldest, as a later one may be on the basis after another split; closes for a fixed order
        .agg(since=pl.col("close").sort_by("session_date", "captured_at", "close").first())
    )
    ratio = pl.col("before") / pl.col("since")
    return before.join(since, on=["symbol", "split_on"]).filter(
        ratio.log().abs() < (ratio / pl.col("ratio")).log().abs()
    )


def _multiplied(captures: pl.DataFrame) -> pl.DataFrame:
    """Multiply prices by the column `factor` (NULL: 1), divide volumes, and drop it."""
    factor = pl.col("factor").fill_null(1.0)
    return captures.with_columns(
        *(pl.col(name) * factor for name in (*BAR, "adj_close", "dividend", "capital_gain", "rebased")),
        pl.col("volume") / factor,
    ).drop("factor")


def flagged(flags: pl.Expr, name: str, where: pl.Expr) -> pl.Expr:
    """Add a flag's name to the flags of the rows where it holds."""
    return pl.when(where).then(pl.concat_str(flags, pl.lit(name), separator=" ", ignore_nulls=True)).otherwise(flags)


def price_edits(captures: pl.DataFrame, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """One row per price that a later capture changed beyond vendor noise, in the shape of core.capture_edits.

    Copies of one instant may differ; none of them is later. What the live source changes is never `adjusted`.

    Args:
        captures: raw.price_captures, as captured (not rebased), so that a change of split basis shows.
        as_of: UTC instant of a replay: what was captured later counts for nothing.
    """
    captures = captures if as_of is None else captures.filter(pl.col("captured_at") <= as_of)
    pairs = _successive(captures)
    kinds = _kinds(pairs, captures).select(*COPY, "kind")
    pairs = pairs.filter(pl.col("captured_at") > pl.col("old_captured_at"))
    edits = [
        pairs.filter(differs(pl.col(name), pl.col(f"old_{name}"))).select(
            "symbol",
            "session_date",
            "captured_at",
            "old_captured_at",
            "origin",
            "source",
            column_name=pl.lit(name),
            old_value=f"old_{name}",
            new_value=name,
        )
        for name in COMPARED
    ]
    return (
        pl.concat(edits)
        .join(kinds, on=COPY, how="left")
        .select(
            dataset=pl.lit("prices"),
            id="symbol",
            observed_on="session_date",
            column_name="column_name",
            captured_at="captured_at",
            old_captured_at="old_captured_at",
            old_value="old_value",
            new_value="new_value",
            kind=pl.when(IS_LIVE & (pl.col("kind") == "adjusted"))
            .then(pl.lit("revised"))
            .otherwise(pl.col("kind").fill_null("revised")),
            origin="origin",
        )
        .sort("id", "observed_on", "column_name", "captured_at")
    )


def adjusted_copies(captures: pl.DataFrame) -> pl.DataFrame:
    """Copies whose closes are dividend-adjusted, seen by comparison with another copy of the symbol.

    An adjusted copy differs on all bars before its last distribution. Where few bars differ, and few of the copy's
    own up to the last of them, they were corrected: the rest of the copy, often all there is, must stay. A copy of the
    live source is never adjusted: its few bars all differ, as that is why they were kept.

    Args:
        captures: on one split basis.

    Returns:
        symbol, captured_at and origin of the adjusted copy, up_to (last session that shows it), differing (rows), and
        other_captured_at (the copy that shows it).
    """
    kinds = _kinds(_successive(captures), captures).filter(pl.col("kind") == "adjusted")
    newer_is_adjusted = pl.col("ratio") < 1
    shown = kinds.select(
        "symbol",
        captured_at=pl.when(newer_is_adjusted).then("captured_at").otherwise("old_captured_at"),
        origin=pl.when(newer_is_adjusted).then("origin").otherwise("old_origin"),
        other_captured_at=pl.when(newer_is_adjusted).then("old_captured_at").otherwise("captured_at"),
        up_to="last_session",
        differing="differing",
    )
    own_bars = (
        captures.filter(~IS_LIVE)
        .join(shown, on=COPY)
        .filter(pl.col("session_date") <= pl.col("up_to"))
        .group_by(*COPY, "up_to", "differing")
        .agg(bars=pl.len())
    )
    many = (pl.col("differing") >= ADJUSTED_BARS) | (2 * pl.col("differing") >= pl.col("bars"))
    return shown.join(own_bars.filter(many), on=[*COPY, "up_to", "differing"], how="semi")


def _successive(captures: pl.DataFrame) -> pl.DataFrame:
    """Each capture of a bar beside the capture before it; bars captured once have no row."""
    return (
        in_order(captures)
        .with_columns(pl.col(name).shift(1).alias(f"old_{name}") for name in [*COMPARED, "captured_at", "origin"])
        .filter(is_another_copy())
    )


def in_order(captures: pl.DataFrame) -> pl.DataFrame:
    """Sort by bar and instant; copies of one instant stay in the order in which they were received."""
    return captures.sort(*KEY, "captured_at", maintain_order=True)


def is_another_copy() -> pl.Expr:
    """The row before is of the same bar, in captures that are `in_order`."""
    return pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in KEY).fill_null(False)


def differs(new: pl.Expr, old: pl.Expr) -> pl.Expr:
    """Beyond vendor noise, and beyond the rounding of copies kept in cents; NULL means that a source does not say."""
    gap = (new - old).abs()
    in_cents = ((new * 100 - (new * 100).round()).abs() < 1e-6) | ((old * 100 - (old * 100).round()).abs() < 1e-6)
    return (gap > VENDOR_NOISE * old.abs()) & (~in_cents | (gap > HALF_A_CENT))


def _kinds(pairs: pl.DataFrame, captures: pl.DataFrame) -> pl.DataFrame:
    """Say for every copy that changed closes of its predecessor what kind of change it is.

    split: one ratio that funds split by, on nearly all differing bars, which are an unbroken stretch from the first or
    to the last bar known before, ten of them or half of all: two glitched bars are no split.
    adjusted: at least two closes, all on one side of the other copy's, nearing it as time goes on, as dividends fall
    away. revised: anything else.
    """
    ratio = pl.col("close") / pl.col("old_close")
    # nearing 1 with time: a step the other way by more than noise is no dividend
    step = (ratio - 1).abs().diff()
    changed = (
        pairs.filter(differs(pl.col("close"), pl.col("old_close")))
        .sort(*COPY, "session_date")
        .group_by(COPY, maintain_order=True)
        .agg(
            old_captured_at=pl.col("old_captured_at").last(),
            old_origin=pl.col("old_origin").last(),
            ratio=ratio.median(),
            majority=((ratio / ratio.median() - 1).abs() < SPLIT_TOLERANCE).mean(),
            lowest=ratio.min(),
            highest=ratio.max(),
            nears_one=(step.fill_null(0) <= 3e-4).all(),
            differing=pl.len().cast(pl.Int64),
            first_session=pl.col("session_date").first(),
            last_session=pl.col("session_date").last(),
        )
    )
    one_sided = (pl.col("highest") < 1) | (pl.col("lowest") > 1)
    within_a_split = pl.col("ratio").is_between(0.5 + SPLIT_TOLERANCE, 2 - SPLIT_TOLERANCE)
    return (
        changed.join(_known_before(changed, captures), on=COPY, how="left", maintain_order="left")
        .with_columns(split_factor=_nearest_split(pl.col("ratio")))
        .with_columns(
            kind=pl.when(
                (pl.col("majority") >= SPLIT_MAJORITY) & pl.col("split_factor").is_not_null() & _is_whole_stretch()
            )
            .then(pl.lit("split"))
            .when((pl.col("differing") >= 2) & one_sided & within_a_split & pl.col("nears_one"))
            .then(pl.lit("adjusted"))
            .otherwise(pl.lit("revised"))
        )
    )


def _known_before(changed: pl.DataFrame, captures: pl.DataFrame) -> pl.DataFrame:
    """Of each copy in `changed`: the bars of its symbol captured before it, all and within its differing stretch."""
    within = pl.col("session_date").is_between(pl.col("first_session"), pl.col("last_session"))
    return (
        changed.select(*COPY, "first_session", "last_session")
        .join(captures.select("symbol", "session_date", earlier="captured_at"), on="symbol")
        .filter(pl.col("earlier") < pl.col("captured_at"))
        .group_by(COPY)
        .agg(
            first_known=pl.col("session_date").min(),
            last_known=pl.col("session_date").max(),
            bars_known=pl.col("session_date").n_unique().cast(pl.Int64),
            bars_within=pl.col("session_date").filter(within).n_unique().cast(pl.Int64),
        )
    )


def _is_whole_stretch() -> pl.Expr:
    unbroken = pl.col("differing") == pl.col("bars_within")
    at_an_end = (pl.col("first_session") == pl.col("first_known")) | (pl.col("last_session") == pl.col("last_known"))
    many = (pl.col("differing") >= SPLIT_BARS) | (2 * pl.col("differing") >= pl.col("bars_known"))
    return (pl.col("differing") >= 2) & unbroken & at_an_end & many


def _nearest_split(ratio: pl.Expr) -> pl.Expr:
    """The split factor that a ratio of closes shows, or NULL."""
    factors = [factor for size in SPLIT_RATIOS for factor in (size, 1 / size)]
    return pl.coalesce(pl.when((ratio / factor - 1).abs() < SPLIT_TOLERANCE).then(factor) for factor in factors)


def _first_split(captures: pl.DataFrame, applied: pl.DataFrame) -> pl.DataFrame:
    """Per symbol the oldest change of split basis that has not been applied: symbol, split_at, factor."""
    return (
        _kinds(_successive(captures), captures)
        .filter(pl.col("kind") == "split")
        .join(applied, left_on=["symbol", "captured_at"], right_on=["symbol", "split_at"], how="anti")
        .sort("symbol", "captured_at")
        .unique("symbol", keep="first", maintain_order=True)
        .select("symbol", split_at="captured_at", factor="split_factor")
    )
