"""From bytes to tables of text: encodings, comments, several tables in one file, yfinance's headers of many lines."""

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass

import polars as pl

from pipeline.sources.files.names import dated_comment
from pipeline.sources.files.refusals import FAULT_SCHEMA, Refused
from pipeline.sources.files.shapes import DATES, PRICE_FIELDS, recognise, word

BOM = b"\xef\xbb\xbf"
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
STARTS_WITH_DATE = re.compile(r"^\d{1,4}[-/]\d{1,2}[-/]\d{1,4}|^\d{8}$|^[A-Z][a-z]{2} \d{1,2}, \d{4}")
TUPLE_NAME = re.compile(r"""^\(['"](.*?)['"], ['"](.*?)['"]\)$""")  # how pandas writes two-level names to Parquet
TOP_LINES = 6  # the longest header block met is 4 lines


@dataclass
class Table:
    """One table as text: `rows` has `line` (Int64) and a String column "0", "1", ... for each name of `header`."""

    header: tuple[str, ...]
    tickers: tuple[str, ...] | None  # one a column, where yfinance wrote them in a header line
    line: int  # of the header
    rows: pl.DataFrame
    faults: pl.DataFrame  # lines that do not fit the header, as refusals.FAULT_SCHEMA
    captured_at: dt.datetime | None = None  # where a comment above the header says so
    open_line: int | None = None  # last line of the file, where it may have been cut: no line end, no closing quote


def tables_of(data: bytes) -> list[Table]:
    """Split a file's content into its tables. Raises Refused where it is empty, binary or not separated by commas."""
    if not data.strip():
        raise Refused("empty file")
    if data.startswith(b"PAR1"):
        return [_parquet(data)]
    if data.startswith(BOM):
        data = data[len(BOM) :]
    if b"\r" in data and b"\0" not in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    clean = _clean_csv(data)
    return [clean] if clean else _any_csv(_decoded(data))


def _clean_csv(data: bytes) -> Table | None:
    """The quick way, for a file with one header line and nothing odd; None where it is not that."""
    if not data.isascii() or any(odd in data for odd in (b'"', b"#", b"\0", b"\n\n")):
        return None
    head, _, body = data.partition(b"\n")
    header = tuple(name.strip() for name in head.decode().split(","))
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    # a line with too many fields stops the reader below, so equal sums mean that no line has too few
    if not body or body.count(b",") != (len(header) - 1) * lines:
        return None
    try:
        shape = recognise(header)
        rows = pl.read_csv(
            body, has_header=False, schema={str(i): pl.String for i in range(len(header))}, quote_char=None
        ).with_row_index("line", offset=2)
    except (Refused, pl.exceptions.PolarsError):
        return None
    days = rows[str(shape.columns.get("date", shape.columns.get("session_date", 0)))]
    first, last = str(days.min()), str(days.max())
    if days.null_count() or first < "0" or last > ":":  # some text among the days, perhaps a second header
        return None
    return Table(
        header,
        None,
        1,
        rows.cast({"line": pl.Int64}),
        pl.DataFrame(schema=FAULT_SCHEMA),
        open_line=None if body.endswith(b"\n") else lines + 1,
    )


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            text = data.decode("utf-16").replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise Refused("binary data, not text") from None
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    odd = CONTROL.search(text)
    if odd:
        raise Refused("binary data, not text", line=text.count("\n", 0, odd.start()) + 1)
    return text


def _any_csv(text: str) -> list[Table]:
    """The careful way, line by line: comments, further headers, quotes, lines of the wrong length."""
    lines = text.split("\n")
    delimiter = _delimiter(lines)
    starts = _header_lines(lines, delimiter)
    if not starts:
        raise Refused("nothing but comments")
    ends = [*(index for index, _ in starts[1:]), len(lines)]
    tables = [_table(lines, index, end, delimiter, comment) for (index, comment), end in zip(starts, ends, strict=True)]
    last = lines[-1].rstrip()
    if last and not last.endswith('"'):
        tables[-1].open_line = len(lines)
    return tables


def _header_lines(lines: list[str], delimiter: str) -> list[tuple[int, str]]:
    """Index of each line that begins a table (the first, and each further header), with the comment above it."""
    starts: list[tuple[int, str]] = []
    comment = ""
    for index, line in enumerate(lines):
        if line.lstrip().startswith("#"):
            comment = line
        elif line.strip():
            # most lines begin with a digit: they are data, and need no closer look
            if not starts or (
                not line[0].isdigit() and _is_header(_cells(line, delimiter), after_comment=bool(comment))
            ):
                starts.append((index, comment))
            comment = ""
    return starts


def _table(lines: list[str], start: int, end: int, delimiter: str, comment: str) -> Table:
    header, tickers, used = _header(lines[start:end], delimiter)
    width = len(header)
    rows: list[tuple[int | str, ...]] = []
    faults: list[tuple[int, str, str]] = []
    for index in range(start + used, end):
        line = lines[index]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = _cells(line, delimiter)
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if not any(cells):
            continue
        if len(cells) == width:
            rows.append((index + 1, *cells))
        else:
            cut = ": cut short" if len(cells) < width else ""
            faults.append((index + 1, f"line has {len(cells)} of {width} fields{cut}", line[:1000]))
    names = {"line": pl.Int64, **{str(i): pl.String for i in range(width)}}
    return Table(
        header,
        tickers,
        start + 1,
        pl.DataFrame(rows, schema=names, orient="row"),
        pl.DataFrame(faults, schema=FAULT_SCHEMA, orient="row"),
        captured_at=dated_comment(comment),
    )


def _delimiter(lines: list[str]) -> str:
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    if first.count(";") > first.count(","):
        raise Refused(
            "separated by semicolons (decimal commas?); save it with commas and decimal points", excerpt=first
        )
    return "\t" if first.count("\t") > first.count(",") else ","


def _cells(line: str, delimiter: str) -> list[str]:
    if '"' in line:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        except (csv.Error, StopIteration):
            pass  # taken as it stands; its cells will not be readable
    return [cell.strip() for cell in line.split(delimiter)]


def _is_header(cells: list[str], *, after_comment: bool) -> bool:
    if STARTS_WITH_DATE.match(cells[0]):
        return False
    if after_comment and not any(_is_number(cell) for cell in cells):
        return True
    try:
        recognise(tuple(cells))
    except Refused:
        return False
    return True


def _header(lines: list[str], delimiter: str) -> tuple[tuple[str, ...], tuple[str, ...] | None, int]:
    """Names, tickers and number of lines of the header that `lines` begin with.

    yfinance writes one line of field names, one of tickers and one that only says Date; some files carry one of them
    twice. Their order differs between its versions.
    """
    block: list[list[str]] = []
    for line in lines[:TOP_LINES]:
        cells = _cells(line, delimiter)
        if any(_is_number(cell) or STARTS_WITH_DATE.match(cell) for cell in cells):
            break
        block.append(cells)
    fields = [row for row in block if sum(word(cell) in PRICE_FIELDS for cell in row[1:]) >= 4]
    others = [row for row in block if fields and row not in fields and len(row) == len(fields[0]) and all(row[2:])]
    if len(block) < 2 or not others or any(row != fields[0] for row in fields):
        return tuple(_cells(lines[0], delimiter)), None, 1
    return ("Date", *fields[0][1:]), ("", *others[0][1:]), len(block)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")


def _parquet(data: bytes) -> Table:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise Refused(f"Parquet file cannot be read (cut short?): {str(error).splitlines()[0]}") from None
    names = [TUPLE_NAME.match(name) for name in frame.columns]
    header = tuple(match[1] if match else name for match, name in zip(names, frame.columns, strict=True))
    tickers = (
        tuple(match[2] if match else "" for match in names) if any(match and match[2] for match in names) else None
    )
    header = tuple(
        "Date" if name == "__index_level_0__" else name for name in header
    )  # pandas' name for a nameless index
    # pandas writes its index last
    order = sorted(range(len(header)), key=lambda i: word(header[i]) not in (*DATES, "sasdate"))
    header = tuple(header[i] for i in order)
    tickers = tuple(tickers[i] for i in order) if tickers else None
    text = [_as_text(frame[frame.columns[i]], str(place)) for place, i in enumerate(order)]
    rows = pl.DataFrame(text).with_row_index("line", offset=1).cast({"line": pl.Int64})
    return Table(header, tickers, 0, rows, pl.DataFrame(schema=FAULT_SCHEMA))


def _as_text(column: pl.Series, name: str) -> pl.Series:
    if column.dtype == pl.Datetime:
        column = column.dt.date()  # the day on the column's own clock
    return column.cast(pl.String).alias(name)
