"""The default lists hold what the definitions and claims need, and every kind of mistake is named by place."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from pipeline.config import SAMPLE_DIR, Config, ReleaseRule, load
from pipeline.errors import FileError
from pipeline.sources.sample import RECESSIONS
from pipeline.transforms.macro import available_at


def _words(text: str) -> list[str]:
    return text.split()


SYMBOLS = _words("""
    AGG AVUV BIL DIA EEM EFA GLD HYG IAT IBB IEF IJH IJR IJS IJT IVE IVV IVW IWB IWC IWD IWF IWM IWN IWO IWR IYR IYT
    JNK KBE KRE LQD MDY MTUM QQQ QUAL RSP SCHA SHY SIZE SMH SOXX SPSM SPY TIP TLT USMV VB VBK VBR VLUE VNQ VTI VTV VTWO
    VUG XLB XLC XLE XLF XLI XLK XLP XLRE XLU XLV XLY XRT ^GSPC ^VIX ^RUT ^NDX ^IXIC
""")

ROLES = {
    "small": "IWM", "large": "SPY", "tech": "QQQ", "micro": "IWC", "mid": "MDY", "growth": "IVW", "value": "IVE",
    "small_value": "IWN", "small_growth": "IWO", "large_growth": "IWF", "large_value": "IWD", "crsp_growth": "VUG",
    "crsp_value": "VTV", "equal_weight": "RSP", "semiconductors": "SMH", "regional_banks": "KRE", "high_yield": "HYG",
    "treasury_7_10y": "IEF", "treasury_20y": "TLT", "dow": "DIA", "emerging": "EEM", "small_index": "^RUT",
    "large_index": "^GSPC", "tech_index": "^NDX", "nasdaq_index": "^IXIC", "volatility": "^VIX",
}  # fmt: skip

PAIRS = _words("""
    IWM/SPY IWM/QQQ ^RUT/^GSPC ^RUT/QQQ IWC/IWM MDY/SPY RSP/SPY SMH/SPY EEM/SPY KRE/SPY IWN/IVW IVW/IWN HYG/IEF QQQ/SPY
    IWF/IWD VUG/VTV IWO/IWN IVW/IVE IWM/^GSPC
""")

SERIES = {
    "T10Y2Y": "curve_10y2y", "T10Y3M": "curve_10y3m", "DGS10": "treasury_10y", "DGS2": "treasury_2y",
    "BAMLH0A0HYM2": "credit_spread", "BAA10Y": "baa_spread", "BAA": "baa_yield", "UNRATE": "unemployment_rate",
    "PAYEMS": "payrolls", "CPIAUCSL": "cpi", "CPIAUCNS": "cpi_unadjusted", "CPILFESL": "core_cpi",
    "ICSA": "initial_claims", "DFEDTARU": "target_upper", "EFFR": "effective_fed_funds", "USREC": "recession",
    "HOUST": "housing_starts", "PERMIT": "building_permits", "HSN1F": "new_home_sales",
    "TTLCONS": "construction_spending", "GDPC1": "real_gdp", "GDP": "nominal_gdp", "INDPRO": "industrial_production",
    "FYFSD": "federal_balance_fiscal_year", "MTSDS133FMS": "federal_balance_monthly", "VIXCLS": "implied_volatility",
}  # fmt: skip

# Named in definitions.md only as levels, or kept to check our own numbers.
OTHER_SERIES = _words("""
    NFCI STLFSI4 JTSJOL RSAFS MICH M2SL MORTGAGE30US T10YIE SAHMREALTIME AAA AAA10Y AHETPI BAMLC0A0CM CCSA CFNAI
    CIVPART DFEDTAR DFEDTARL DTB3 FEDFUNDS JHGDPBRINDX RECPROUSM156N TB3MS U6RATE
""")

# What the agencies really did: observation, date of its first release. The hard cases of each calendar.
RELEASES = {
    "UNRATE": """2016-09-01 2016-10-07, 2017-02-01 2017-03-10, 2019-12-01 2020-01-10, 2020-12-01 2021-01-08,
                 2021-09-01 2021-10-08, 2024-12-01 2025-01-10, 2013-09-01 2013-10-22, 2013-10-01 2013-11-08,
                 2025-09-01 2025-11-20, 2025-11-01 2025-12-16, 2026-01-01 2026-02-11""",
    "CPIAUCSL": """2015-01-01 2015-02-26, 2016-09-01 2016-10-18, 2016-12-01 2017-01-18, 2017-01-01 2017-02-15,
                   2017-10-01 2017-11-15, 2024-06-01 2024-07-11, 2025-06-01 2025-07-15, 2025-09-01 2025-10-24""",
    "ICSA": "2024-07-06 2024-07-11, 2025-09-20 2025-09-25, 2025-10-18 2025-11-20",
    "JTSJOL": """2016-01-01 2016-03-17, 2019-10-01 2019-12-17, 2019-11-01 2020-01-17, 2021-10-01 2021-12-08,
                 2025-01-01 2025-03-11, 2025-09-01 2025-12-09, 2026-01-01 2026-03-13""",
    "HOUST": """2008-12-01 2009-01-22, 2020-12-01 2021-01-21, 2018-12-01 2019-02-26, 2019-01-01 2019-03-08,
                2025-10-01 2026-01-09, 2026-01-01 2026-03-12, 2026-02-01 2026-04-29""",
    "PERMIT": "2013-09-01 2013-11-26, 2013-10-01 2013-11-26, 2020-12-01 2021-01-27, 2022-11-01 2022-12-23",
    "HSN1F": """2018-10-01 2018-11-28, 2020-12-01 2021-01-28, 2018-12-01 2019-03-05, 2025-12-01 2026-02-20,
                2026-01-01 2026-03-19""",
    "TTLCONS": """2017-11-01 2018-01-03, 2018-07-01 2018-09-04, 2020-11-01 2021-01-04, 2019-11-01 2020-01-03,
                  2025-08-01 2025-11-17, 2025-12-01 2026-02-27, 2026-01-01 2026-03-23""",
    "RSAFS": """2022-12-01 2023-01-18, 2023-06-01 2023-07-18, 2024-05-01 2024-06-18, 2019-02-01 2019-04-01,
                2026-01-01 2026-03-06""",
    "INDPRO": "2018-12-01 2019-01-18, 2021-09-01 2021-10-18, 2024-05-01 2024-06-18, 2025-10-01 2025-12-23",
    "GDPC1": """2009-04-01 2009-07-31, 2013-04-01 2013-07-31, 2019-07-01 2019-10-30, 2024-07-01 2024-10-30,
                2018-10-01 2019-02-28, 2025-10-01 2026-02-20""",
    "M2SL": "2009-11-01 2009-12-17, 2021-01-01 2021-02-23, 2024-12-01 2025-01-28",
    "CFNAI": "2018-09-01 2018-10-22, 2020-10-01 2020-11-23, 2025-09-01 2025-12-22, 2026-05-01 2026-06-25",
    "MTSDS133FMS": "2019-09-01 2019-10-25, 2018-12-01 2019-02-13, 2025-10-01 2025-11-25",
    "FYFSD": "2019-09-30 2019-10-25, 2013-09-30 2013-10-30",
    "MICH": "2018-08-01 2018-08-31, 2023-03-01 2023-03-31",
    "RECPROUSM156N": "2013-03-01 2013-06-03, 2024-08-01 2024-11-01",
    "STLFSI4": "2022-10-28 2022-11-03, 2024-10-18 2024-10-24",
}


@pytest.fixture(scope="module")
def config() -> Config:
    return load()


def _known_from(config: Config, series_id: str, observed_on: str) -> str:
    """New York day and time at which the rule makes an observation public."""
    series = config.by_series_id[series_id]
    frame = pl.DataFrame({"observed_on": [dt.date.fromisoformat(observed_on)]})
    instant = frame.select(available_at(series).dt.convert_time_zone("America/New_York")).item()
    return instant.strftime("%Y-%m-%d %H:%M")


# --- the default lists -----------------------------------------------------------------------------------------------


def test_all_symbols_are_listed_once(config: Config):
    assert len(SYMBOLS) == 73
    assert sorted(i.symbol for i in config.instruments) == sorted(SYMBOLS)


def test_principal_roles(config: Config):
    by_role = {i.role: i.symbol for i in config.instruments}
    assert {role: by_role.get(role) for role in ROLES} == ROLES
    assert len(by_role) == 73


def test_only_indexes_are_no_funds(config: Config):
    assert {i.symbol for i in config.instruments if not i.is_fund} == {"^RUT", "^GSPC", "^NDX", "^IXIC", "^VIX"}


def test_splits_that_the_source_lacks(config: Config):
    splits = {i.symbol: [(s.session_date, s.ratio) for s in i.splits] for i in config.instruments if i.splits}
    assert splits == {symbol: [(dt.date(2025, 12, 5), 2.0)] for symbol in ("XLK", "XLE", "XLU", "XLB", "XLY")}


def test_pairs_that_the_definitions_and_claims_name(config: Config):
    assert set(PAIRS) - {f"{p.symbol}/{p.benchmark}" for p in config.pairs} == set()


def test_every_size_style_and_sector_fund_is_measured_against_spy(config: Config):
    funds = {i.symbol for i in config.instruments if i.group in ("size", "style", "sector")} - {"SPY"}
    assert len(funds) == 55
    assert funds - {p.symbol for p in config.pairs if p.benchmark == "SPY"} == set()


def test_series_and_their_roles(config: Config):
    roles = {s.series_id: s.role for s in config.series}
    assert sorted(roles) == sorted([*SERIES, *OTHER_SERIES])
    assert {series_id: roles[series_id] for series_id in SERIES} == SERIES


def test_frequencies(config: Config):
    frequencies = {s.series_id: s.frequency for s in config.series}
    assert {i for i, f in frequencies.items() if f == "weekly"} == {"ICSA", "CCSA", "NFCI", "STLFSI4", "MORTGAGE30US"}
    assert {i for i, f in frequencies.items() if f == "quarterly"} == {"GDP", "GDPC1", "JHGDPBRINDX"}
    assert {i for i, f in frequencies.items() if f == "annual"} == {"FYFSD"}
    assert {i for i, f in frequencies.items() if f == "daily"} == {
        "T10Y2Y", "T10Y3M", "T10YIE", "DGS10", "DGS2", "DTB3", "DFEDTARU", "DFEDTARL", "DFEDTAR", "EFFR",
        "BAMLH0A0HYM2", "BAMLC0A0CM", "BAA10Y", "AAA10Y", "VIXCLS",
    }  # fmt: skip


def test_published_precision(config: Config):
    decimals = {"UNRATE": 1, "PAYEMS": 0, "CPIAUCSL": 3, "T10Y2Y": 2, "ICSA": 0, "INDPRO": 4, "GDP": 3, "HOUST": 0}
    assert {series_id: config.by_series_id[series_id].decimals for series_id in decimals} == decimals


def test_rates_that_are_already_annual_say_so(config: Config):
    annual = {s.series_id for s in config.series if s.seasonal_adjustment == "annual rate, seasonally adjusted"}
    assert annual == {"HOUST", "PERMIT", "HSN1F", "TTLCONS", "GDP", "GDPC1"}


def test_series_that_may_not_be_passed_on(config: Config):
    restricted = {s.series_id for s in config.series if "not redistributable" in s.licence}
    assert restricted == {"BAMLH0A0HYM2", "BAMLC0A0CM", "BAA", "AAA", "BAA10Y", "AAA10Y", "VIXCLS", "MICH"}


def test_rules(config: Config):
    assert [(r.rule, r.above, r.below) for r in config.rules.streak_rules] == [
        ("up", 0.0, None),
        ("down", None, 0.0),
        ("up_1pct", 0.01, None),
        ("down_1pct", None, -0.01),
    ]
    assert [f"{v.growth}/{v.value}" for v in config.rules.valuation_pairs] == [
        "IVW/IWN", "IWF/IWD", "VUG/VTV", "IWO/IWN", "IVW/IVE",
    ]  # fmt: skip
    assert [(c.curve, c.spread, c.long_yield, c.has_recession_probability) for c in config.rules.curves] == [
        ("10y2y", "T10Y2Y", "DGS10", False),
        ("10y3m", "T10Y3M", "DGS10", True),
    ]


def test_universes_are_lists_of_groups(config: Config):
    universes = {u.universe: u for u in config.rules.universes}
    assert sorted(universes["sectors"].symbols) == _words("XLB XLC XLE XLF XLI XLK XLP XLRE XLU XLV XLY")
    for rules in (config, load(SAMPLE_DIR)):
        listed = {u.universe: set(u.symbols) for u in rules.rules.universes}
        sectors, others = listed.pop("sectors"), {"us_styles_and_sizes": ("size", "style")}
        others["us_equity"] = (*others["us_styles_and_sizes"], "sector")
        assert listed == {name: {i.symbol for i in rules.instruments if i.group in others[name]} for name in others}
        roles = {rules.by_symbol[symbol].role for symbol in sectors}
        assert roles == {config.by_symbol[symbol].role for symbol in universes["sectors"].symbols}
    assert {u.version for u in universes.values()} == {dt.date(2026, 11, 21)}


def test_event_studies_are_of_the_same_roles_in_the_sample(config: Config):
    studies = [(s.symbol, s.benchmark) for s in config.rules.event_studies]
    assert studies == [
        ("IWM", None), ("^RUT", None), ("SPY", None), ("QQQ", None), ("IWM", "SPY"), ("^RUT", "^GSPC"),
    ]  # fmt: skip
    sample = load(SAMPLE_DIR)
    role = {i.symbol: i.role for i in (*config.instruments, *sample.instruments)}
    roles = [(role[a], role.get(b)) for a, b in studies]
    assert [(role[s.symbol], role.get(s.benchmark)) for s in sample.rules.event_studies] == roles


def test_fomc_meetings(config: Config):
    """Eight a year since 2009, on Tuesdays to Thursdays; the calendars of the Federal Reserve."""
    of_year = {year: sum(one.year == year for one in config.fomc.scheduled) for year in range(2009, 2028)}
    assert of_year == dict.fromkeys(range(2009, 2028), 8)
    assert list(config.fomc.scheduled) == sorted(config.fomc.scheduled)
    assert {one.weekday() for one in config.fomc.scheduled} == {1, 2, 3}
    assert config.fomc.cancelled == {dt.date(2020, 3, 18): dt.date(2020, 3, 15)}
    assert {str(one): at for one, at in config.fomc.unscheduled.items() if one.year >= 2008} == {
        "2008-01-22": "08:30", "2008-10-08": "07:00", "2020-03-03": "10:00", "2020-03-15": "17:00",
    }  # fmt: skip
    assert [(one.at, one.since) for one in config.fomc.announced] == [("14:15", None), ("14:00", dt.date(2013, 3, 1))]


def test_recessions_are_those_the_nber_announced(config: Config):
    announced = """
        1980-01 1980-06-03 1980-07 1981-07-08, 1981-07 1982-01-06 1982-11 1983-07-08,
        1990-07 1991-04-25 1991-03 1992-12-22, 2001-03 2001-11-26 2001-11 2003-07-17,
        2007-12 2008-12-01 2009-06 2010-09-20, 2020-02 2020-06-08 2020-04 2021-07-19
    """
    listed = [
        f"{one.peak:%Y-%m} {one.peak_announced_on} {one.trough:%Y-%m} {one.trough_announced_on}"
        for one in config.recessions
    ]
    assert listed == [one.strip() for one in announced.split(",")]


def test_recessions_of_the_sample_are_those_of_its_series():
    months = [(f"{one.peak:%Y-%m}", f"{one.trough:%Y-%m}") for one in load(SAMPLE_DIR).recessions]
    # a recession begins the month after the peak and ends with the trough
    ends = [(first[:7], last[:7]) for first, last in RECESSIONS]
    assert ends == [("2001-04", "2001-12"), ("2008-02", "2009-06"), ("2020-03", "2020-05")]
    assert months == [("2001-03", "2001-12"), ("2008-01", "2009-06"), ("2020-02", "2020-05")]


def test_spreads_are_known_after_the_close_since_june_2019(config: Config):
    expected = (
        ReleaseRule(business_days=1, at="16:15"),
        ReleaseRule(since=dt.date(2019, 6, 21), business_days=0, at="17:01"),
    )
    assert {i: config.by_series_id[i].release for i in ("T10Y2Y", "T10Y3M", "DGS10", "DGS2", "DTB3")} == dict.fromkeys(
        ("T10Y2Y", "T10Y3M", "DGS10", "DGS2", "DTB3"), expected
    )


@pytest.mark.parametrize(
    ("series_id", "observed_on", "known_from"),
    [
        ("T10Y2Y", "2019-06-20", "2019-06-21 16:15"),
        ("T10Y2Y", "2019-06-21", "2019-06-21 17:01"),
        ("DFEDTARU", "2024-09-19", "2024-09-19 00:00"),  # decided on 2024-09-18 at 14:00
        ("DFEDTAR", "1998-10-15", "1998-10-15 15:15"),
        ("UNRATE", "2023-05-01", "2023-06-02 08:30"),
        ("CPIAUCSL", "2024-06-01", "2024-07-15 08:30"),
        ("ICSA", "2024-07-06", "2024-07-11 08:30"),
        ("ICSA", "2024-11-23", "2024-11-29 08:30"),  # Thanksgiving: the rule errs late
        ("CCSA", "2024-07-06", "2024-07-18 08:30"),
        ("NFCI", "2024-07-12", "2024-07-17 08:30"),
        ("NFCI", "2024-08-30", "2024-09-05 08:30"),  # Labor Day: Thursday
        ("VIXCLS", "2024-07-05", "2024-07-08 09:36"),
        ("EFFR", "2024-07-05", "2024-07-08 09:00"),
        ("MORTGAGE30US", "2024-07-03", "2024-07-03 12:00"),
        ("JTSJOL", "2024-05-01", "2024-07-11 10:00"),
        ("GDPC1", "2024-04-01", "2024-07-30 08:30"),
        ("HOUST", "2013-09-01", "2013-12-18 08:30"),
        ("PERMIT", "2013-09-01", "2013-12-06 08:30"),
        ("PERMIT", "2022-11-01", "2022-12-28 08:30"),  # revised on 2022-12-23
        ("UNRATE", "2013-10-01", "2013-11-08 08:30"),
    ],
)
def test_when_an_observation_is_known(config: Config, series_id: str, observed_on: str, known_from: str):
    assert _known_from(config, series_id, observed_on) == known_from


@pytest.mark.parametrize("series_id", RELEASES)
def test_no_rule_is_earlier_than_the_release(config: Config, series_id: str):
    released = dict(case.split() for case in RELEASES[series_id].split(","))
    early = {
        observed_on: (known_from, released_on)
        for observed_on, released_on in released.items()
        if (known_from := _known_from(config, series_id, observed_on)[:10]) < released_on
    }
    assert early == {}


def test_shutdown_dates_are_later_than_the_rule(config: Config):
    not_needed = []
    for series in config.series:
        by_rule = series.model_copy(update={"shutdown_releases": {}})
        frame = pl.DataFrame({"observed_on": list(series.shutdown_releases)}, schema={"observed_on": pl.Date})
        known = frame.with_columns(rule=available_at(by_rule), listed=available_at(series))
        not_needed += [
            (series.series_id, str(row[0])) for row in known.filter(~(pl.col("listed") > pl.col("rule"))).rows()
        ]
    assert sum(len(s.shutdown_releases) for s in config.series) > 100
    assert not_needed == []


def test_both_surveys_of_a_report_have_the_same_rule(config: Config):
    late = {i: config.by_series_id[i].shutdown_releases for i in ("UNRATE", "PAYEMS", "CIVPART", "SAHMREALTIME")}
    assert late["UNRATE"][dt.date(2025, 10, 1)] == dt.date(2025, 12, 16)
    assert all(dates == late["UNRATE"] for dates in late.values())


# --- overrides -------------------------------------------------------------------------------------------------------


def test_an_override_replaces_one_file(config: Config, tmp_path: Path):
    (tmp_path / "pairs.yaml").write_text("- {symbol: IWC, benchmark: IWM}\n")
    mine = load(tmp_path)
    assert [(p.symbol, p.benchmark) for p in mine.pairs] == [("IWC", "IWM")]
    assert (mine.instruments, mine.series, mine.rules) == (config.instruments, config.series, config.rules)


def test_the_last_override_wins_and_none_is_skipped(tmp_path: Path):
    for name, symbol in (("first", "IWC"), ("second", "MDY")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pairs.yaml").write_text(f"- {{symbol: {symbol}, benchmark: SPY}}\n")
    assert [p.symbol for p in load(tmp_path / "first", None, tmp_path / "second").pairs] == ["MDY"]


def test_yaml_guesses_no_types(tmp_path: Path):
    """YAML 1.1 reads 16:15 as 975 minutes, ON as true and 1e-2 as text."""
    (tmp_path / "etfs.yaml").write_text(
        ETF + "- {symbol: ON, name: 3, role: other, group: size, why: a name}\n" + OTHERS
    )
    (tmp_path / "macro.yaml").write_text(MACRO.replace('"08:30"', "16:15"))
    (tmp_path / "pairs.yaml").write_text("- {symbol: ON, benchmark: IWM}\n")
    (tmp_path / "rules.yaml").write_text("streak_rules: [{rule: up, above: 1e-2}]\nvaluation_pairs: []\ncurves: []\n")
    mine = load(tmp_path)
    assert (mine.by_symbol["ON"].name, mine.pairs[0].symbol) == ("3", "ON")
    assert mine.series[0].release[0].at == "16:15"
    assert mine.rules.streak_rules[0].above == 0.01


# --- mistakes: file, line, field -------------------------------------------------------------------------------------

ETF = "- {symbol: IWM, name: A fund, role: small, group: size, why: because}\n"
OTHERS = "- {symbol: SPY, name: A fund, role: large, group: size, why: because}\n"
MACRO = """\
- series_id: UNRATE
  role: unemployment_rate
  title: Unemployment Rate
  unit: percent
  frequency: monthly
  decimals: 1
  seasonal_adjustment: seasonally adjusted
  is_revised: true
  release:
    - {months: 1, weekday: friday, nth: 2, at: "08:30"}
  shutdown_releases:
    2013-09-01: 2013-10-22
  licence: public domain
  why: because
"""
WAYS = (
    "name the release day in exactly one way: business_days; days; months and day; months, weekday and nth; "
    "after_week_of, weekday and nth"
)
ONE_RULE = "{months: 1, weekday: friday, nth: 2, at: \"08:30\"}"  # fmt: skip
FOMC = "announced: [{at: '14:00'}]\nscheduled: [2020-03-18]\nunscheduled:\n  2020-03-15: '17:00'\n"
RULES = "streak_rules: [{rule: up, above: 0}]\nvaluation_pairs: []\ncurves: []\n"
RECESSION = "- {peak: 2001-03-01, peak_announced_on: 2001-11-26, trough: 2001-11-01, trough_announced_on: 2003-07-17}\n"
LATER = "- {peak: 2007-12-01, peak_announced_on: 2008-12-01}\n"
UNIVERSES = "universes:\n  - {universe: size, version: 2026-11-21, symbols: [IWM, SPY]}\n"


def _etf(old: str, new: str) -> str:
    assert old in ETF
    return OTHERS + ETF.replace(old, new)


def _recession(old: str, new: str) -> str:
    assert old in RECESSION
    return RECESSION.replace(old, new)


def _macro(old: str, new: str) -> str:
    assert old in MACRO
    return MACRO.replace(old, new)


MISTAKES = {
    "unknown field": ("etfs", _etf("why:", "reason: x, why:"), "2: reason: Extra inputs are not permitted"),
    "unknown field, own line": (
        "macro",
        _macro("  unit:", "  units: x\n  unit:"),
        "4: units: Extra inputs are not permitted",
    ),
    "missing field": ("etfs", _etf("group: size, ", ""), "2: group: Field required"),
    "missing field, block": ("macro", _macro("  decimals: 1\n", ""), "1: decimals: Field required"),
    "empty field": ("etfs", _etf("A fund", ""), "2: name: Input should be a valid string"),
    "not one of": (
        "etfs",
        _etf("size", "sise"),
        "2: group: Input should be 'size', 'style', 'sector', 'credit', 'bond', 'commodity', 'international', 'index' "
        "or 'volatility'",
    ),
    "wrong type": (
        "macro",
        _macro("decimals: 1", "decimals: one"),
        "6: decimals: Input should be a valid integer, unable to parse string as an integer",
    ),
    "wrong type, truth": (
        "macro",
        _macro("is_revised: true", "is_revised: sometimes"),
        "8: is_revised: Input should be a valid boolean, unable to interpret input",
    ),
    "role is no slug": (
        "etfs",
        _etf("role: small", "role: Small caps"),
        "2: role: String should match pattern '^[a-z][a-z0-9_]*$'",
    ),
    "clock": (
        "macro",
        _macro('"08:30"', '"8:30"'),
        r"10: release.0.at: String should match pattern '^([01]\d|2[0-3]):[0-5]\d$'",
    ),
    "no such day": (
        "macro",
        _macro("2013-10-22", "2013-02-30"),
        "12: shutdown_releases.2013-09-01: Input should be a valid date or datetime, "
        "day value is outside expected range",
    ),
    "not a number": (
        "rules",
        RULES.replace("above: 0", "above: .nan"),
        "1: streak_rules.0.above: Input should be a valid number, unable to parse string as a number",
    ),
    "infinite": (
        "rules",
        RULES.replace("above: 0", "above: inf"),
        "1: streak_rules.0.above: Input should be a finite number",
    ),
    "split ratio": (
        "etfs",
        _etf("because}", "because, splits: [{session_date: 2025-12-05, ratio: 0}]}"),
        "2: splits.0.ratio: Input should be greater than 0",
    ),
    "two ways": ("macro", _macro("{months: 1", "{days: 5, months: 1"), f"10: release.0: {WAYS}"),
    "a way and a bit": ("macro", _macro("nth: 2", "nth: 2, day: 5"), f"10: release.0: {WAYS}"),
    "half a way": ("macro", _macro("nth: 2, ", ""), f"10: release.0: {WAYS}"),
    "no way": ("macro", _macro(ONE_RULE, '{at: "08:30"}'), f"10: release.0: {WAYS}"),
    "no release rule": (
        "macro",
        _macro(f"\n    - {ONE_RULE}", " []"),
        "9: release: Tuple should have at least 1 item after validation, not 0",
    ),
    "only a later rule": (
        "macro",
        _macro("{months: 1", "{since: 2020-01-01, months: 1"),
        "9: release: exactly one rule has no 'since': it holds for the earliest observations",
    ),
    "two rules of one day": (
        "macro",
        _macro(ONE_RULE, "\n    - ".join([ONE_RULE, *['{since: 2020-01-01, days: 5, at: "08:30"}'] * 2])),
        "9: release: two rules begin on the same day",
    ),
    "duplicate symbol": ("etfs", ETF + OTHERS + ETF.replace("small", "other"), "3: symbol: IWM is listed twice"),
    "duplicate role": ("etfs", ETF + ETF.replace("IWM", "IJR"), "2: role: small is listed twice"),
    "duplicate pair": ("pairs", "- {symbol: IWM, benchmark: SPY}\n" * 2, "2: symbol: IWM/SPY is listed twice"),
    "duplicate series": ("macro", MACRO + MACRO, "15: series_id: UNRATE is listed twice"),
    "duplicate series role": (
        "macro",
        MACRO + MACRO.replace("UNRATE", "U6RATE"),
        "16: role: unemployment_rate is listed twice",
    ),
    "duplicate rule": (
        "rules",
        RULES.replace("[{rule: up, above: 0}]", "\n- {rule: up, above: 0}\n- {rule: up, above: 1}"),
        "3: streak_rules.1.rule: up is listed twice",
    ),
    "empty universe": (
        "rules",
        RULES + UNIVERSES.replace("IWM, SPY", ""),
        "5: universes.0.symbols: Tuple should have at least 1 item after validation, not 0",
    ),
    "undated universe": (
        "rules",
        RULES + UNIVERSES.replace("version: 2026-11-21, ", ""),
        "5: universes.0.version: Field required",
    ),
    "duplicate universe": (
        "rules",
        RULES + UNIVERSES + UNIVERSES.splitlines()[1],
        "6: universes.1.universe: size is listed twice",
    ),
    "duplicate member": (
        "rules",
        RULES + UNIVERSES.replace("[IWM, SPY]", "\n    [IWM,\n    SPY,\n    IWM]"),
        "8: universes.0.symbols.2: IWM is listed twice",
    ),
    "duplicate study of a symbol": (
        "rules",
        RULES + "event_studies:\n- {symbol: IWM}\n- {symbol: IWM, benchmark: SPY}\n- {symbol: IWM}\n",
        "7: event_studies.2.symbol: IWM is listed twice",
    ),
    "duplicate study of a pair": (
        "rules",
        RULES + "event_studies:\n- {symbol: IWM, benchmark: SPY}\n- {symbol: IWM, benchmark: SPY}\n",
        "6: event_studies.1.symbol: IWM/SPY is listed twice",
    ),
    "study against itself": (
        "rules",
        RULES + "event_studies:\n- {symbol: IWM}\n- {symbol: SPY, benchmark: SPY}\n",
        "6: event_studies.1: a symbol cannot be its own benchmark",
    ),
    "a day within a month": (
        "recessions",
        _recession("peak: 2001-03-01", "peak: 2001-03-02"),
        "1: peak: a month is given by its first day",
    ),
    "trough not announced": (
        "recessions",
        LATER + _recession(", trough_announced_on: 2003-07-17", ""),
        "2: entry: a trough has a month and the day of its announcement, or neither",
    ),
    "trough before the peak": (
        "recessions",
        _recession("trough: 2001-11-01", "trough: 2001-03-01"),
        "1: entry: a trough comes after the peak and is announced after its month",
    ),
    "trough announced too early": (
        "recessions",
        _recession("2003-07-17", "2001-10-31"),
        "1: entry: a trough comes after the peak and is announced after its month",
    ),
    "peak announced too early": (
        "recessions",
        LATER.replace("2008-12-01", "2007-11-30"),
        "1: entry: a peak is announced after its month and before the trough",
    ),
    "peak announced after the trough": (
        "recessions",
        _recession("2001-11-26", "2003-07-18"),
        "1: entry: a peak is announced after its month and before the trough",
    ),
    "recessions out of order": (
        "recessions",
        LATER + RECESSION,
        "2: peak: 2001-03-01 is not after the trough of the recession before it",
    ),
    "two open recessions": (
        "recessions",
        RECESSION + LATER + LATER.replace("2007", "2010").replace("2008", "2011"),
        "3: peak: 2010-12-01 is not after the trough of the recession before it",
    ),
    "field given twice": ("etfs", _etf("role: small", "name: B, role: small"), "2: name: given twice in one entry"),
    "date given twice": (
        "macro",
        _macro("2013-10-22\n", "2013-10-22\n    2013-09-01: 2013-10-23\n"),
        "13: 2013-09-01: given twice in one entry",
    ),
    "above and below": (
        "rules",
        RULES.replace("above: 0", "above: 0, below: 1"),
        "1: streak_rules.0: give either above or below",
    ),
    "meeting twice": ("fomc", FOMC.replace("2020-03-18", "2020-03-15"), "1: entry: 2020-03-15 is listed twice"),
    "meeting called off that was never planned": (
        "fomc",
        FOMC + "cancelled:\n  2020-03-17: 2020-03-15\n",
        "1: entry: 2020-03-17 is cancelled but not scheduled",
    ),
    "hour of a decision": (
        "fomc",
        FOMC.replace("17:00", "5 pm"),
        r"4: unscheduled.2020-03-15: String should match pattern '^([01]\d|2[0-3]):[0-5]\d$'",
    ),
    "no hour at first": (
        "fomc",
        FOMC.replace("'14:00'", "'14:00', since: 2013-03-01"),
        "1: entry: exactly one entry of 'announced' has no 'since': it holds for the earliest decisions",
    ),
    "own benchmark": ("pairs", "- {symbol: IWM, benchmark: IWM}\n", "1: entry: a symbol cannot be its own benchmark"),
    "syntax error": (
        "etfs",
        ETF + "- {symbol: IJR, name: A fund\n- {symbol: SPY}\n",
        "3: not valid YAML: expected ',' or '}', but got '{'",
    ),
    "tab": (
        "macro",
        _macro("  unit", "\tunit"),
        "4: not valid YAML: found character '\\t' that cannot start any token",
    ),
    "control character": ("etfs", _etf("A fund", "A\x07fund"), "1: not valid YAML: special characters are not allowed"),
    "unknown anchor": (
        "macro",
        _macro("release:", "release: *none\n  x:"),
        "9: not valid YAML: found undefined alias 'none'",
    ),
    "fields instead of a list": ("etfs", "symbol: IWM\n", "1: expected a list of entries, each starting with '- '"),
    "empty file": ("pairs", "", "1: expected a list of entries, each starting with '- '"),
    "a list instead of fields": ("rules", "- up\n", "1: expected fields with values, such as 'streak_rules:'"),
    "an entry that is a word": (
        "pairs",
        "- {symbol: IWM, benchmark: SPY}\n- IWC/IWM\n",
        "2: entry: Input should be a valid dictionary or instance of Pair",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_by_file_line_and_field(mistake: str, tmp_path: Path):
    name, text, expected = MISTAKES[mistake]
    path = tmp_path / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{path}:{expected}"


@pytest.mark.parametrize(
    ("name", "text", "expected", "listed_in"),
    [
        ("pairs", "- {symbol: IWM, benchmark: SPY}\n- {symbol: ABC, benchmark: SPY}\n", "2: symbol: ABC", "etfs"),
        # VBX begins like VB, and the line above names it in a comment: the line must be that of the entry
        (
            "pairs",
            "# not VBX\n- {symbol: VB, benchmark: SPY}\n- symbol: IWM\n  benchmark: VBX\n",
            "4: benchmark: VBX",
            "etfs",
        ),
        (
            "rules",
            RULES.replace("pairs: []", "pairs: [{growth: IVW, value: ABC}]"),
            "2: valuation_pairs.0.value: ABC",
            "etfs",
        ),
        (
            "rules",
            RULES.replace("curves: []", "curves:\n- curve: x\n  spread: T10Y2Y\n  long_yield: DGS30"),
            "6: curves.0.long_yield: DGS30",
            "macro",
        ),
        ("rules", RULES + UNIVERSES.replace("SPY", "ABC"), "5: universes.0.symbols.1: ABC", "etfs"),
        ("rules", RULES + "event_studies:\n- {symbol: IWM}\n- {symbol: ABC}", "6: event_studies.1.symbol: ABC", "etfs"),
        (
            "rules",
            RULES + "event_studies:\n- {symbol: IWM, benchmark: ABC}",
            "5: event_studies.0.benchmark: ABC",
            "etfs",
        ),
    ],
)
def test_an_unknown_symbol_or_series(name: str, text: str, expected: str, listed_in: str, tmp_path: Path):
    path = tmp_path / f"{name}.yaml"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    where, rest = str(caught.value).rsplit(" is not listed in ", 1)
    assert where == f"{path}:{expected}"
    assert Path(rest.split(";")[0]).name == f"{listed_in}.yaml"


def test_a_file_that_is_not_utf8(tmp_path: Path):
    path = tmp_path / "etfs.yaml"
    path.write_bytes((OTHERS + ETF).replace("A fund", "Fonds spécial").encode("latin-1"))
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{path}:1: not UTF-8 text; save it as UTF-8"
    path.write_bytes(OTHERS.encode() + ETF.replace("A fund", "Fonds spécial").encode("latin-1"))
    with pytest.raises(FileError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{path}:2: not UTF-8 text; save it as UTF-8"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path):
    (tmp_path / "pairs.yaml").write_bytes(b"\xef\xbb\xbf- {symbol: IWC, benchmark: IWM}\r\n")
    assert [p.symbol for p in load(tmp_path).pairs] == ["IWC"]


def test_a_folder_that_is_missing(tmp_path: Path):
    folder = tmp_path / "nowhere"
    with pytest.raises(FileError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder}: no such folder of config files; check --config or ROTATION_CONFIG"
