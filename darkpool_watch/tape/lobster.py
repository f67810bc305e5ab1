"""LOBSTER message and order-book files: csv, csv.gz or zip; any level; 6 or 7 columns.

Source: https://lobsterdata.com/info/DataStructure.php (message types 1-7, prices x10,000, seconds
after midnight of the exchange with a decimal part).
"""

import io
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from darkpool_watch.errors import TapeError
from darkpool_watch.tape import ids
from darkpool_watch.tape.archive import is_zip, read_bytes, read_member, zip_members
from darkpool_watch.tape.tape import Tape
from darkpool_watch.units import NS_PER_S, UNDEFINED_PRICE
from darkpool_watch.wire.events import Definition
from kernels import layout
from kernels.lobster import EMPTY, PRICE_STEP, interleave_levels

NAME = re.compile(
    r"(?P<symbol>[A-Z0-9.]+)_(?P<date>\d{4}-\d{2}-\d{2})_(?P<open>\d+)_(?P<close>\d+)"
    r"_message_(?P<levels>\d+)\.csv"
)
VENUE = "XNAS"
UNDATED = date(2012, 6, 21)  # the published samples' day, for a file whose name has no date
NEW_YORK = ZoneInfo("America/New_York")
_I64_END = 1 << 63
PARTICIPANT = "participant"  # a seventh column of later files, not used
SUBMIT, PARTIAL, DELETE, VISIBLE, HIDDEN, CROSS, HALT = range(1, 8)
KIND = np.zeros(8, np.uint8)
KIND[[SUBMIT, PARTIAL, DELETE, VISIBLE, HIDDEN, CROSS, HALT]] = [
    layout.ADD,
    layout.CANCEL,
    layout.CANCEL,
    layout.EXECUTE,
    layout.EXECUTE,
    layout.TRADE,
    layout.STATUS,
]


@dataclass(frozen=True)
class LobsterTape(Tape):
    """A LOBSTER day, with the book file for whoever wants to check a book against it.

    Attributes:
        book: (M, L, 4) int64: ask price, ask size, bid price, bid size a level, prices x10,000;
            None without a book file.
        row_end: (M,) int64: index in `events` just after message m and its LEVEL events.
        counts: messages by LOBSTER type, (8,) int64, index = type.
    """

    book: npt.NDArray[np.int64] | None = None
    row_end: npt.NDArray[np.int64] | None = None
    counts: npt.NDArray[np.int64] | None = None


def read_lobster(path: Path, book_path: Path | None = None) -> LobsterTape:
    """Read a LOBSTER tape; the book file is found beside the message file or in its zip.

    Raises TapeError naming the file, the line and what was found there.
    """
    name, messages, book_name, book_bytes = _find(path, book_path)
    stated = NAME.search(name)
    day = _day(stated["date"], name) if stated else UNDATED
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).timestamp()) * NS_PER_S
    symbol = stated["symbol"] if stated else Path(name).stem.split("_")[0] or "UNKNOWN"

    listing = ids.instrument_id(VENUE, symbol)
    table = _parse_messages(messages, name)
    events, counts, displayed = _to_events(table, midnight, listing, name)
    book = row_end = None
    if book_bytes is not None:
        book = _parse_book(book_bytes, book_name, len(events))
        events, row_end = _with_levels(events, displayed, book)
    events["sequence"] = np.arange(1, len(events) + 1)
    opens = int(stated["open"]) * 1_000_000 if stated else 34_200 * NS_PER_S
    closes = int(stated["close"]) * 1_000_000 if stated else 57_600 * NS_PER_S
    if closes <= opens:
        raise TapeError(f"{name}: its name says that the session ends before it begins")
    definition = Definition(
        instrument_id=listing,
        security_id=ids.security_id(symbol, "USD", "equity"),
        symbol=symbol,
        venue=VENUE,
        dark=False,
        tick=100 * PRICE_STEP,
        size_unit="share",
        currency="USD",
        session_open_ns=midnight + opens,
        session_close_ns=midnight + closes,
        class_="equity",
    )
    return LobsterTape(
        label=path.name,
        format="lobster",
        events=events,
        definitions=(definition,),
        book=book,
        row_end=row_end,
        counts=counts,
    )


def _day(stated: str, name: str) -> date:
    try:
        return date.fromisoformat(stated)
    except ValueError as err:
        raise TapeError(f"{name}: its name says {stated}, which is no date") from err


def _find(path: Path, book_path: Path | None) -> tuple[str, bytes, str, bytes | None]:
    """Return (message name, bytes, book name, bytes or None)."""
    if is_zip(path):
        members = zip_members(path)
        messages = [m for m in members if "_message_" in m]
        books = [m for m in members if "_orderbook_" in m]
        if len(messages) != 1:
            raise TapeError(
                f"Zip {path} holds {len(messages)} LOBSTER message files (*_message_*.csv), "
                "needed exactly one"
            )
        book = read_member(path, books[0]) if books else None
        return messages[0], read_member(path, messages[0]), books[0] if books else "", book
    if book_path is None:
        beside = path.with_name(path.name.replace("_message_", "_orderbook_"))
        book_path = beside if beside != path and beside.exists() else None
    book = read_bytes(book_path) if book_path is not None else None
    return path.name, read_bytes(path), str(book_path or ""), book


def _parse_messages(content: bytes, name: str) -> pl.DataFrame:
    columns = content[: content.find(b"\n") + 1 or len(content)].count(b",") + 1
    if columns not in (6, 7):
        raise TapeError(
            f"{name}, line 1: {columns} columns, needed 6 or 7 "
            "(time, type, order id, size, price, direction[, participant])"
        )
    schema: dict[str, pl.DataType] = {
        "time": pl.Float64(),
        "type": pl.Int64(),
        "order_id": pl.Int64(),
        "size": pl.Int64(),
        "price": pl.Int64(),
        "direction": pl.Int64(),
    }
    if columns == 7:
        schema[PARTICIPANT] = pl.String()
    return _read_csv(content, name, schema)


def _read_csv(content: bytes, name: str, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    try:
        table = pl.read_csv(io.BytesIO(content), has_header=False, schema=schema)
    except pl.exceptions.PolarsError as err:
        text = str(err).splitlines()[0]
        raise TapeError(_first_bad_line(content, name, schema) or f"{name}: {text}") from err
    if sum(table[column].null_count() for column in schema if column != PARTICIPANT):
        raise TapeError(_first_bad_line(content, name, schema) or f"{name}: a value is missing")
    return table


def _first_bad_line(content: bytes, name: str, schema: dict[str, pl.DataType]) -> str | None:
    """Return which line of the file is not as `schema` wants, for the error's text."""
    for number, line in enumerate(content.splitlines(), 1):
        cells = line.split(b",")
        if len(cells) != len(schema):
            return f"{name}, line {number}: {len(cells)} columns, needed {len(schema)}"
        for cell, (column, dtype) in zip(cells, schema.items(), strict=True):
            try:
                fits = True
                if dtype.is_integer():
                    fits = -_I64_END <= int(cell) < _I64_END
                elif dtype.is_numeric():
                    float(cell)
            except ValueError:
                shown = cell[:40].decode("utf-8", "replace")
                return f"{name}, line {number}: column `{column}` is {shown!r}, needed a number"
            if not fits:
                shown = cell[:40].decode("utf-8", "replace")
                return (
                    f"{name}, line {number}: column `{column}` is {shown}, needed a number of at "
                    "most 63 bits"
                )
    return None


def _to_events(
    table: pl.DataFrame, midnight: int, instrument_id: int, name: str
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    types = table["type"].to_numpy()
    _check(types, (types >= 1) & (types <= 7), name, "type", "1 to 7")
    orders = table["order_id"].to_numpy()  # negative for a cross, which names the auction
    _check(orders, (orders >= 0) | (types >= CROSS), name, "order_id", "0 or more")
    seconds = table["time"].to_numpy()
    _check(seconds, (seconds >= 0) & (seconds < 172_800), name, "time", "0 to 172,800 s")
    direction = table["direction"].to_numpy()
    _check(direction, np.abs(direction) == 1, name, "direction", "1 or -1")
    sizes = table["size"].to_numpy()
    _check(sizes, (sizes > 0) & (sizes < 1 << 53) | (types == HALT), name, "size", "1 to 2^53 - 1")
    prices = table["price"].to_numpy()
    fits = (prices > 0) & (prices < EMPTY) | (types == HALT)
    _check(prices, fits, name, "price", f"1 to {EMPTY - 1}")

    events = np.zeros(len(table), layout.EVENT)
    # A float64 of seconds is exact to 0.01 ns here, so rounding gives the file's nanosecond.
    events["ts_event"] = midnight + np.rint(seconds * 1e9).astype(np.int64)
    events["ts_recv"] = events["ts_event"]
    events["ts_ref"] = layout.I64_MAX
    events["order_id"] = np.where((types == HIDDEN) | (types >= CROSS), 0, orders)
    halted = types == HALT
    events["price"] = np.where(halted, UNDEFINED_PRICE, prices * PRICE_STEP)
    events["aux_price"] = UNDEFINED_PRICE
    events["size"] = np.where(halted, 0, sizes)
    events["instrument_id"] = instrument_id
    events["kind"] = KIND[types]
    # LOBSTER's direction is the resting order's; ours of a TRADE is the aggressor's, here unknown.
    side = np.where(direction == 1, layout.BID, layout.ASK)
    events["side"] = np.where((types == CROSS) | halted, layout.SIDE_NONE, side)
    flags = np.full(len(table), layout.ONE_CLOCK, np.uint16)
    flags[types == HIDDEN] |= layout.HIDDEN
    flags[types == CROSS] |= layout.AUCTION
    flags[halted & (prices == -1)] |= layout.HALT
    events["flags"] = flags
    displayed = ((types <= VISIBLE) & (types >= SUBMIT)).astype(np.uint8)
    return events, np.bincount(types, minlength=8).astype(np.int64), displayed


def _check(
    values: npt.NDArray[np.generic],
    good: npt.NDArray[np.bool_],
    name: str,
    column: str,
    needed: str,
) -> None:
    if not good.all():
        at = int(np.argmin(good))
        raise TapeError(f"{name}, line {at + 1}: `{column}` is {values[at]}, needed {needed}")


def _parse_book(content: bytes, name: str, rows: int) -> npt.NDArray[np.int64]:
    columns = content[: content.find(b"\n") + 1 or len(content)].count(b",") + 1
    if columns % 4:
        raise TapeError(f"{name}, line 1: {columns} columns, needed a multiple of 4")
    table = _read_csv(content, name, {f"c{i}": pl.Int64() for i in range(columns)})
    if len(table) != rows:
        raise TapeError(f"{name} has {len(table)} rows, its message file {rows}: not a pair")
    book = np.ascontiguousarray(table.to_numpy().reshape(rows, columns // 4, 4), dtype=np.int64)
    prices, sizes = book[:, :, ::2], book[:, :, 1::2]
    shown = (prices > 0) & (prices < EMPTY) & (sizes >= 0) & (sizes < 1 << 53)
    good = (shown | (np.abs(prices) == EMPTY)).all(axis=(1, 2))
    if not good.all():
        raise TapeError(
            f"{name}, line {int(np.argmin(good)) + 1}: needed prices of 1 to {EMPTY - 1}, or "
            f"{EMPTY} with either sign where there is none, and sizes of 0 to 2^53 - 1"
        )
    return book


def _with_levels(
    messages: npt.NDArray[np.void],
    displayed: npt.NDArray[np.uint8],
    book: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.int64]]:
    levels = book.shape[1]
    row_end = np.empty(len(messages), np.int64)
    held = np.zeros((2, 2, levels + 1), np.int64)
    parts = []
    done = 0
    # In chunks, because the bound on LEVEL events a message is far above what files hold.
    for start in range(0, len(messages), 8192):
        rows = slice(start, start + 8192)
        out = np.zeros(len(messages[rows]) * (4 * levels + 3), layout.EVENT)
        n = interleave_levels(messages[rows], displayed[rows], book[rows], held, out, row_end[rows])
        row_end[rows] += done
        done += n
        parts.append(out[:n].copy())
    return np.concatenate(parts), row_end
