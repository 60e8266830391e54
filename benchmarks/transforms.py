"""Our transforms against peers: same definitions, same input in memory, same machine; results are compared first.

Ours takes core.prices and gives the whole table, with its keys, sorted. A peer starts from its own shape of the same
rows (conversion is not timed) and may leave its rows in any order. The libraries of technical analysis have a part of
the columns and know nothing of dates: they are compared on symbols without a long gap, and the columns that agree, or
differ on less than 1 % of the rows for a reason given below, are timed on all. Ours is always the whole family: its
functions give no columns alone, so against a library the ratio is of many columns to few. Pairs are joined for the
libraries beforehand, and neither keys nor the rule for gaps cost them anything.
"""

import importlib
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import polars as pl

from benchmarks import market
from benchmarks.agreement import Agreement, agreements, unbroken
from benchmarks.timing import in_turn, ratio, summary
from pipeline import config
from pipeline.config import StreakRule
from pipeline.transforms.bar_events import bar_events
from pipeline.transforms.drawdowns import drawdowns
from pipeline.transforms.records import records
from pipeline.transforms.relative_strength import relative_strength
from pipeline.transforms.returns import returns
from pipeline.transforms.streaks import streak_events
from pipeline.transforms.trend import trend

PEERS = {
    "pandas": "in_pandas",
    "DuckDB": "in_duckdb",
    "TA-Lib": "in_talib",
    "polars-talib": "in_polars_talib",
    "pandas-ta-classic": "in_pandas_ta",
}
NO_PEER = {
    "pandas-ta": "0.4.71b0, the last one: needs Python 3.12 (a SyntaxError on 3.11) and pins numba 0.61.2, which needs "
    "NumPy below 2.3"
}
NOISE = "the running sums of pandas keep noise of values that have left the window; exact arithmetic gives ours"
NO_MOVES = "without moves it is 50 by definition, 0 there"
REASONS = {
    **{
        ("pandas", name): NOISE
        for name in ("bollinger_upper", "bollinger_lower", "bollinger_pct_b", "distance_sma50_sd", "realized_vol_21d")
    },
    **{(name, "rsi_14"): NO_MOVES for name in ("TA-Lib", "polars-talib")},
    ("pandas-ta-classic", "rsi_14"): "without moves it is 50 by definition, NULL there",
    ("pandas-ta-classic", "bollinger_pct_b"): "bands without a width: NULL by definition, a figure there",
}
RARE = 0.01  # share of rows up to which a difference with a known reason leaves a column comparable
PLAIN = ("returns", "relative_strength", "trend", "bar_events")
FAMILIES = (*PLAIN, "streaks", "records", "drawdowns")
BY_SESSION = ["symbol", "session_date"]
KEYS = {
    "streaks": ["symbol", "rule", "allowed_misses", "start_date"],
    "records": ["symbol", "benchmark", "measure", "direction", "session_date"],
    "drawdowns": ["symbol", "peak_date"],
}
SESSIONS = 2_500
SYMBOLS = 100
MANY = 375  # about 850,000 bars, for the plain windows; DuckDB would take minutes
FEWER = {("records", "pandas"): 20, ("records", "DuckDB"): 4}  # symbols: these take a minute on more
ROUNDS = 5
PANDAS_TARGET = {**dict.fromkeys(FAMILIES, 20.0), **dict.fromkeys(PLAIN, 3.0)}
HEADER = (
    "family",
    "symbols",
    "bars",
    "peer",
    "columns agreed",
    "ours",
    "peer",
    "ratio",
    "target",
    "met",
)
OURS = "ours"


class Market(NamedTuple):
    """What everybody computes from."""

    prices: pl.DataFrame
    pairs: list[tuple[str, str]]
    rules: list[StreakRule]


def made_up(symbols: int, sessions: int) -> Market:
    """A market with a pair of each symbol and the benchmark."""
    rules = list(config.load().rules.streak_rules)
    return Market(market.whole_market(symbols, sessions), market.pairs(symbols), rules)


def ours(given: Market, family: str) -> pl.DataFrame:
    """A family as the pipeline computes it."""
    functions: dict[str, Callable[[], pl.DataFrame]] = {
        "returns": lambda: returns(given.prices),
        "relative_strength": lambda: relative_strength(given.prices, given.pairs),
        "trend": lambda: trend(given.prices, market.BENCHMARK),
        "bar_events": lambda: bar_events(given.prices),
        "streaks": lambda: streak_events(given.prices, given.rules),
        "records": lambda: records(given.prices, given.pairs),
        "drawdowns": lambda: drawdowns(given.prices),
    }
    return functions[family]()


def installed() -> dict[str, ModuleType]:
    """Modules of the peers whose packages are there."""
    found = {}
    for name, module in PEERS.items():
        try:
            found[name] = importlib.import_module(f"benchmarks.peers.{module}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("benchmarks"):
                raise
    return found


def compared(given: Market, family: str, peer: ModuleType, data: Any, table: pl.DataFrame) -> list[Agreement]:
    """How the peer's columns compare with ours."""
    theirs = peer.frame(data, family, peer.computed(data, family))
    if peer.UNBROKEN_ONLY:
        whole = pl.col("symbol").is_in(unbroken(given.prices).implode())
        table, theirs = table.filter(whole), theirs.filter(whole)
    return agreements(table, theirs, KEYS.get(family, BY_SESSION))


def measure(*, quick: bool = False) -> dict:
    """Compare, then time, every family with every peer that has it; `quick`: on hardly any data, once."""
    peers = installed()
    sessions, rounds = (600, 1) if quick else (SESSIONS, ROUNDS)
    cases = []
    for family in FAMILIES:
        sizes: dict[int, list[str]] = {}
        for name in (name for name, peer in peers.items() if family in peer.FAMILIES):
            for symbols in (3,) if quick else _sizes(family, name):
                sizes.setdefault(symbols, []).append(name)
        for symbols, names in sizes.items():
            print(f"{family}, {symbols} symbols: {', '.join(names)}", file=sys.stderr, flush=True)
            chosen = {name: peers[name] for name in names}
            cases += cases_of(made_up(symbols, sessions), family, chosen, rounds)
    missing = {name: "not installed: pip install -e .[bench]" for name in PEERS if name not in peers}
    return {"sessions": sessions, "rounds": rounds, "cases": cases, "absent": missing | NO_PEER}


def is_comparable(peer: str, one: Agreement) -> bool:
    """Whether a column may be timed: it agrees, or differs on few rows for a known reason."""
    return one.agrees or ((peer, one.column) in REASONS and one.differing <= RARE * one.rows)


def _sizes(family: str, peer: str) -> tuple[int, ...]:
    """Numbers of symbols."""
    usual = FEWER.get((family, peer), SYMBOLS)
    return (usual, MANY) if family in PLAIN and peer != "DuckDB" else (usual,)


def cases_of(given: Market, family: str, peers: dict[str, ModuleType], rounds: int) -> list[dict]:
    """One family on one market: what agrees, and the seconds of ours and of each peer, taken in turn."""
    table = ours(given, family)
    data = {name: peer.prepared(*given) for name, peer in peers.items()}
    found = {name: compared(given, family, peer, data[name], table) for name, peer in peers.items()}
    functions: dict[str, Callable[[], Any]] = {OURS: partial(ours, given, family)}
    for name, peer in peers.items():
        agreed = [one.column for one in found[name] if is_comparable(name, one)]
        functions[name] = partial(peer.computed, data[name], family, agreed)
    seconds = in_turn(functions, rounds)
    size = {"symbols": given.prices["symbol"].n_unique(), "bars": given.prices.height, "columns": len(table.columns)}
    return [{"family": family, **size, **_case(name, found[name], family, seconds)} for name in peers]


def _case(name: str, found: list[Agreement], family: str, seconds: dict[str, list[float]]) -> dict:
    return {
        "peer": name,
        "agreed": [one.column for one in found if one.agrees],
        "differing": [vars(one) for one in found if not one.agrees],
        "seconds": {"ours": summary(seconds[OURS]), "peer": summary(seconds[name])},
        "times_as_fast": ratio(seconds[name], seconds[OURS]),
        "target": PANDAS_TARGET[family] if name == "pandas" else 1.0,
    }


def table(result: dict) -> str:
    """Markdown: a line a family, size and peer; then what does not agree."""
    lines = [
        f"Milliseconds, median (minimum) of {result['rounds']} rounds in turn, {result['sessions']} sessions. The "
        "ratio is the peer's time over ours (median of the rounds; of the minima in brackets): above 1 ours is faster. "
        "Libraries compute nothing but the columns that may be compared, ours the whole family.",
        "",
        f"| {' | '.join(HEADER)} |",
        "|---" * len(HEADER) + "|",
        *(_line(case) for case in result["cases"]),
        "",
        *(f"- {line}" for case in result["cases"] for line in _differences(case)),
        *(f"- {name}: {reason}." for name, reason in result["absent"].items()),
    ]
    return "\n".join(lines)


def _line(case: dict) -> str:
    times, seconds = case["times_as_fast"], case["seconds"]
    met = "yes" if times["median"] >= case["target"] else "no"
    cells = [
        case["family"],
        str(case["symbols"]),
        f"{case['bars']:,}",
        case["peer"],
        f"{len(case['agreed'])} of {len(case['agreed']) + len(case['differing'])}",
        *(_milliseconds(seconds[name]) for name in ("ours", "peer")),
        f"{times['median']:.2f} ({times['minimum']:.2f})",
        f"{case['target']:g}",
        met,
    ]
    return f"| {' | '.join(cells)} |"


def _milliseconds(seconds: dict) -> str:
    return f"{1000 * seconds['median']:.1f} ({1000 * seconds['minimum']:.1f})"


def _differences(case: dict) -> list[str]:
    """What a reader must know of the columns that are not the same."""
    where = f"{case['family']}, {case['peer']}, {case['symbols']} symbols"
    return [
        f"{where}: `{one['column']}` differs on {one['differing']} of {one['rows']} rows, by at most "
        f"{one['largest']:.1e}; on {one['one_sided']} of them one side has no value. "
        f"{REASONS.get((case['peer'], one['column']), 'Nobody has said why')}."
        for one in case["differing"]
    ]
