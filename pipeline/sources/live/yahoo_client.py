"""yfinance with our session and our errors: the one place where it is worked around."""

import logging
import threading
import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from curl_cffi import requests

from pipeline.settings import NEW_YORK, YAHOO_URL
from pipeline.sources.live.http import TIMEOUT, Session
from pipeline.sources.live.pace import NoData, Pace, Rejected, SourceError, Unknown, Unreachable, Unreadable

if TYPE_CHECKING:
    import pandas as pd

QUERY_HOSTS = ("https://query1.finance.yahoo.com", YAHOO_URL)
NOT_FOUND, CLIENT_ERROR = 404, 400
LOCKED_OUT = (401, 403)  # says nothing of the symbol, whatever the answer's text


class YahooSession(Session):
    """Sends yfinance's requests for data to Yahoo or to a gateway.

    yfinance writes the hosts into many modules, some of them into addresses; all of them pass here.
    """

    def __init__(self, pace: Pace, url: str) -> None:
        """Open a session whose requests to the query hosts go to `url`, paths unchanged."""
        super().__init__(pace)
        self._url = url
        self._seen = threading.local()
        self._has_no_cookie = False

    @property
    def answer(self) -> Any:
        """This thread's last answer; None before the first."""
        return getattr(self._seen, "answer", None)

    def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Send one request; see `Session.request`. A symbol that Yahoo does not know raises Unknown."""
        host = next((one for one in QUERY_HOSTS if url.startswith(one)), None)
        if host is None or "getcrumb" in url:
            return self._cookie_or_crumb(method, url, *args, **options)
        response = super().request(method, url.replace(host, self._url, 1), *args, **options)
        self._seen.answer = response
        if response.status_code == NOT_FOUND and "/chart/" in url:
            raise Unknown(_description(response))
        return response

    def _cookie_or_crumb(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
        """Charts need neither: trouble with them is left to yfinance, which goes on without. A gateway has its own.

        Once is enough: yfinance would wait for a blocked host again before every request, one thread after the other.
        """
        if self._url != YAHOO_URL or self._has_no_cookie:
            raise requests.exceptions.DNSError("asked for data only")
        try:
            return self.send(method, url, *args, **options)
        except requests.exceptions.RequestException:
            self._has_no_cookie = True
            raise


def _description(response: Any) -> str:
    """Yahoo's reason for not finding a symbol; anything else under that status is no answer of Yahoo's."""
    try:
        return str(response.json()["chart"]["error"]["description"])
    except (ValueError, KeyError, TypeError):
        raise Rejected(f"HTTP {NOT_FOUND} without Yahoo's explanation") from None


def _trouble(error: Exception, answer: Any) -> SourceError:
    """What an error of yfinance's means; it takes whatever holds no prices for Yahoo's word that there are none."""
    status, reason = _status(answer), getattr(error, "yahoo_reason", None)
    if status in LOCKED_OUT:
        return Unreachable(f"HTTP {status}")
    if status >= CLIENT_ERROR and reason is None:
        return Rejected(f"HTTP {status}")
    if isinstance(error, _yfinance().exceptions.YFPricesMissingError) and (reason is not None or _has_result(answer)):
        return NoData(reason or "no bars for these days")
    return Unreadable(f"not Yahoo's chart format ({type(error).__name__})")


def _status(answer: Any) -> int:
    return 0 if answer is None else int(answer.status_code)


def _has_result(answer: Any) -> bool:
    try:
        return "result" in answer.json()["chart"]
    except (ValueError, KeyError, TypeError):
        return False


class Client:
    """Asks Yahoo through yfinance. Safe to share between threads."""

    def __init__(self, pace: Pace, url: str) -> None:
        """Ask at `url`, at the given pace."""
        self._pace = pace
        self._session = YahooSession(pace, url)

    def history(self, symbol: str, start: date) -> "pd.DataFrame":
        """Daily bars from `start` on, not dividend-adjusted, with dividends, splits and capital gains.

        Raises:
            SourceError: in the terms of `pace`.
        """
        return self._pace.ask(partial(self._history, symbol, start))

    def _history(self, symbol: str, start: date) -> "pd.DataFrame":
        yfinance = _yfinance()
        ticker = yfinance.Ticker(symbol, session=self._session)
        ticker._tz = NEW_YORK.key  # or it asks for the time zone of each symbol first: twice the requests
        try:
            return ticker.history(start=start, auto_adjust=False, actions=True, timeout=TIMEOUT)
        except SourceError:
            raise
        except Exception as error:  # whatever it makes of a page, of half an answer, of a changed format
            raise _trouble(error, self._session.answer) from None

    def quotes(self, symbols: Sequence[str]) -> list[Mapping[str, Any]]:
        """What Yahoo states about symbols today, in one request.

        Raises:
            SourceError: in the terms of `pace`.
        """
        return self._pace.ask(partial(self._quotes, symbols))

    def _quotes(self, symbols: Sequence[str]) -> list[Mapping[str, Any]]:
        _yfinance()
        from yfinance.data import YfData  # `Ticker.info` would take two requests a symbol

        try:
            answer = YfData(session=self._session).get_raw_json(
                f"{YAHOO_URL}/v7/finance/quote", params={"symbols": ",".join(symbols)}, timeout=TIMEOUT
            )
            return [quote for quote in answer["quoteResponse"]["result"] if isinstance(quote, Mapping)]
        except SourceError:
            raise
        except Exception as error:
            status = _status(self._session.answer)
            if status >= CLIENT_ERROR:
                raise NoData(f"HTTP {status}") from None
            raise Unreadable(f"not Yahoo's quote format ({type(error).__name__})") from None


@cache
def _yfinance() -> ModuleType:
    import yfinance  # takes a second; only this source needs it

    yfinance.config.debug.hide_exceptions = False  # or every failure is an empty frame
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # failures are ours to tell
    warnings.filterwarnings("ignore", module="yfinance")  # what it calls of pandas is not the user's business
    return yfinance
