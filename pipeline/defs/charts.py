"""The main figure of a table as a small chart, and its newest value as a number that Dagster plots over time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import polars as pl

from pipeline.config import Config
from pipeline.settings import Settings
from pipeline.sparkline import line_svg, markdown_image
from pipeline.writing import SYNTHETIC


@dataclass(frozen=True)
class Chart:
    """One line of a table: the column `value` by `day`, of the rows that have the values `of`."""

    title: str
    value: str
    of: Mapping[str, str]
    day: str = "session_date"

    def metadata(self, table: pl.LazyFrame) -> dict[str, Any]:
        """Return the chart and its newest figure; nothing where the table has none."""
        chosen = [pl.col(column) == value for column, value in self.of.items()]
        drawn = table.filter(*chosen, pl.col(self.value).is_not_null())
        line = drawn.select(self.day, self.value).sort(self.day).collect()
        if line.is_empty():
            return {}
        values, (day, newest) = line[self.value].to_list(), line.row(-1)
        text = f"{self.title}: {newest:.4g} on {day} ({min(values):.4g} to {max(values):.4g} since {line.row(0)[0]})"
        chart = f"{text}\n\n{markdown_image(line_svg(values))}"
        return {"chart": dg.MetadataValue.md(chart), "newest": float(newest)}


def charts(settings: Settings, config: Config) -> dict[str, Chart]:
    """The chart of every table that has a natural main figure; what is not configured is not drawn."""
    small, large = config.symbol("small"), config.symbol("large")
    growth, value = next(((one.growth, one.value) for one in config.rules.valuation_pairs), ("", ""))
    curve = next((one.curve for one in config.rules.curves), "")
    widest = max(((len(one.symbols), one.universe) for one in config.rules.universes), default=(0, ""))[1]
    price = {"basis": "price"}
    drawn = {
        "core.prices": Chart(f"{small}, close in USD", "close", {"symbol": small}),
        "derived.returns": Chart(f"{small}, volatility of 21 sessions", "realized_vol_21d", {"symbol": small, **price}),
        "derived.relative_strength": Chart(
            f"{small} / {large}", "ratio", {"symbol": small, "benchmark": large, **price}
        ),
        "derived.valuation_gap": Chart(
            f"ln({growth} / {value}), a divergence of prices", "log_price_ratio", {"growth": growth, "value": value}
        ),
        "derived.yield_curve_status": Chart(
            f"{curve} spread in percentage points", "spread_pp", {"curve": curve}, "observed_on"
        ),
        "derived.credit_regime": Chart(
            "Baa spread over the 10-year yield in percent", "level_pct", {"measure": "baa"}, "observed_on"
        ),
        "derived.macro_indicators": Chart(
            "Sahm indicator as first known, percentage points",
            "value",
            {"indicator": "sahm_pp", "vintage": "realtime"},
            "observed_on",
        ),
        "derived.breadth": Chart(
            f"{widest}: % of funds above their 200-session mean", "pct_above_sma200", {"universe": widest}
        ),
        "marts.rotation_daily": Chart("Small less large, 63 sessions, percentage points", "spread_63d_pp", {}),
    }
    mark = SYNTHETIC if settings.source == "sample" else ""
    return {name: replace(chart, title=mark + chart.title) for name, chart in drawn.items()}
