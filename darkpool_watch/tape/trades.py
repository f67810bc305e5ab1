"""Plain trades, csv or parquet: timestamp, price, size, side, and a symbol where there are several.

A tape without orders or quotes still works: what cannot be computed is masked.
"""

import io
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from darkpool_watch.errors import TapeError
from darkpool_watch.tape import ids
from darkpool_watch.tape.archive import read_bytes
from darkpool_watch.tape.tape import Tape
from darkpool_watch.units import NS_PER_S, PRICE_SCALE, UNDEFINED_PRICE
from darkpool_watch.wire.events import Definition
from kernels import layout
from kernels.validate import EARLIEST, LATEST, PRICE_LIMIT, SIZE_LIMIT

NAMES: Final = {
    "timestamp": ("timestamp", "ts", "time", "ts_event", "datetime", "date"),
    "price": ("price", "px"),
    "size": ("size", "amount", "qty", "quantity", "volume"),
    "side": ("side", "is_buy", "is_buyer_maker", "direction"),
    "symbol": ("symbol", "ticker", "instrument"),
}
BUY: Final = ("b", "buy", "bid", "1", "true")
SELL: Final = ("s", "sell", "ask", "a", "-1", "false")
SIZE_STEP: Final = 100_000_000  # coins trade in decimals: sizes are kept in 1e-8 where needed
VENUE: Final = "XOFF"
CURRENCY: Final = "XXX"  # ISO 4217: no currency is stated
CLASS: Final = "trades"
DAY_NS: Final = 86_400 * NS_PER_S


def is_trades_header(columns: list[str]) -> bool:
    """Return whether a table with these columns is a plain-trades tape."""
    found = _match(columns)
    return all(need in found for need in ("timestamp", "price", "size"))


def read_trades(path: Path, symbol: str = "") -> Tape:
    """Read a trades tape; `symbol` keeps one of several.

    Raises TapeError naming the file, the row and what was found there.
    """
    content = read_bytes(path)
    try:
        if content[:4] == b"PAR1":
            table = pl.read_parquet(io.BytesIO(content))
        else:
            # Types from the whole file: sizes may be whole for long before one is not.
            table = pl.read_csv(io.BytesIO(content), infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as err:
        raise TapeError(f"Cannot read trades {path}: {str(err).splitlines()[0]}") from err
    found = _match(table.columns)
    if not is_trades_header(table.columns):
        raise TapeError(
            f"{path}: columns {', '.join(table.columns)}; needed timestamp, price, size "
            "and, where known, side and symbol"
        )
    if "symbol" in found and symbol:
        table = table.filter(pl.col(found["symbol"]) == symbol)
    if table.is_empty():
        raise TapeError(f"{path} holds no trades" + (f" of {symbol}" if symbol else ""))
    return _to_tape(table, found, path, symbol)


def _match(columns: list[str]) -> dict[str, str]:
    lower = {column.lower(): column for column in columns}
    return {
        meaning: lower[name]
        for meaning, names in NAMES.items()
        for name in reversed(names)
        if name in lower
    }


def _to_tape(table: pl.DataFrame, found: dict[str, str], path: Path, symbol: str) -> Tape:
    ts = _nanoseconds(table[found["timestamp"]], path)
    _check(ts, (ts >= EARLIEST) & (ts < LATEST), path, "timestamp", "ns UTC from 1990 to 2199")
    # Trades of one venue and instant keep their file order.
    order = np.argsort(ts, kind="stable")
    price = _numbers(table[found["price"]], "price", path)
    size = _numbers(table[found["size"]], "size", path)
    whole = bool((size == np.rint(size)).all())
    step = 1 if whole else SIZE_STEP
    units, steps = np.rint(price * PRICE_SCALE), np.rint(size * step)
    _check(price, (units > 0) & (units < PRICE_LIMIT), path, "price", "1e-9 to 4.6e9")
    _check(size, steps < SIZE_LIMIT, path, "size", f"below {2**53 / step:g}")
    if "symbol" in found:
        unnamed = table[found["symbol"]].is_null().to_numpy()
        _check(table[found["symbol"]], ~unnamed, path, "symbol", "a name")
        names, codes = np.unique(
            table[found["symbol"]].cast(pl.String).to_numpy(), return_inverse=True
        )
    else:
        names, codes = np.array([symbol or path.stem.split(".")[0]]), np.zeros(len(table), np.int64)

    events = np.zeros(len(table), layout.EVENT)
    events["ts_event"] = events["ts_recv"] = ts
    events["ts_ref"] = layout.I64_MAX
    events["price"] = units.astype(np.int64)
    events["aux_price"] = UNDEFINED_PRICE
    events["size"] = np.maximum(steps, 1).astype(np.uint64)
    listings = ids.distinct(ids.instrument_id(VENUE, str(name)) for name in names)
    securities = ids.distinct(ids.security_id(str(name), CURRENCY, CLASS) for name in names)
    events["instrument_id"] = np.array(listings, np.uint32)[codes]
    events["kind"] = layout.TRADE
    events["side"] = _sides(table, found, path)
    events["flags"] = layout.ONE_CLOCK
    events = events[order]
    events["sequence"] = np.arange(1, len(events) + 1)
    opens = int(events["ts_event"][0]) // DAY_NS * DAY_NS
    definitions = tuple(
        Definition(
            instrument_id=listing,
            security_id=security,
            symbol=str(name),
            venue=VENUE,
            dark=False,
            tick=_tick(events["price"][events["instrument_id"] == listing]),
            size_unit="unit" if whole else "1e-8 unit",
            currency=CURRENCY,
            session_open_ns=opens,
            session_close_ns=opens + DAY_NS,
            class_=CLASS,
        )
        for name, listing, security in zip(names, listings, securities, strict=True)
    )
    return Tape(label=path.name, format="trades", events=events, definitions=definitions)


def _check(
    values: npt.NDArray[np.generic] | pl.Series,
    good: npt.NDArray[np.bool_],
    path: Path,
    column: str,
    needed: str,
) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise TapeError(f"{path}, row {row + 1}: `{column}` is {values[row]}, needed {needed}")


def _nanoseconds(column: pl.Series, path: Path) -> npt.NDArray[np.int64]:
    if column.dtype == pl.String:
        column = _parse_datetimes(column, path)
    if column.dtype.is_temporal():
        if column.dtype not in (pl.Datetime, pl.Date):
            raise TapeError(f"{path}: timestamps are {column.dtype}, needed date and time")
        _check(column, ~column.is_null().to_numpy(), path, "timestamp", "a date and time")
        return column.cast(pl.Datetime("ns")).cast(pl.Int64).to_numpy()
    values = _numbers(column, "timestamp", path)
    # Seconds, ms, us or ns since 1970: told by size, a tape of after 1990 fits just one.
    unit = next((u for u in (1, 10**3, 10**6, 10**9) if values[0] * u > 631_152_000 * 10**9), None)
    if unit is None:
        raise TapeError(f"{path}, row 1: timestamp {values[0]:g} is before 1990 in every unit")
    if column.dtype.is_integer():
        return column.cast(pl.Int64).to_numpy() * unit
    return np.rint(values * unit).astype(np.int64)


def _parse_datetimes(column: pl.Series, path: Path) -> pl.Series:
    try:
        parsed = column.str.to_datetime(time_unit="ns", strict=False)
    except pl.exceptions.ComputeError:  # not even the first one is a date
        parsed = pl.Series([None] * len(column), dtype=pl.Datetime("ns"))
    if parsed.null_count():
        row = int(parsed.is_null().arg_true()[0])
        raise TapeError(
            f"{path}, row {row + 1}: timestamp {column[row]!r} is no ISO 8601 date and time"
        )
    return parsed


def _numbers(column: pl.Series, name: str, path: Path) -> npt.NDArray[np.float64]:
    values = column.cast(pl.Float64, strict=False).to_numpy()
    bad = ~np.isfinite(values) | (values <= 0)
    if bad.any():
        row = int(np.argmax(bad))
        raise TapeError(f"{path}, row {row + 1}: `{name}` is {column[row]!r}, needed a number > 0")
    return values


def _sides(table: pl.DataFrame, found: dict[str, str], path: Path) -> npt.NDArray[np.uint8]:
    if "side" not in found:
        return np.full(len(table), layout.SIDE_NONE, np.uint8)
    text = table[found["side"]].cast(pl.String).str.to_lowercase().fill_null("")
    buys, sells = text.is_in(BUY).to_numpy(), text.is_in(SELL).to_numpy()
    unknown = ~(buys | sells) & (text != "").to_numpy()
    if unknown.any():
        row = int(np.argmax(unknown))
        raise TapeError(f"{path}, row {row + 1}: side is {text[row]!r}, needed buy or sell")
    if found["side"].lower() == "is_buyer_maker":
        buys, sells = sells, buys
    sides = np.full(len(table), layout.SIDE_NONE, np.uint8)
    sides[buys], sides[sells] = layout.BID, layout.ASK
    return sides


def _tick(prices: npt.NDArray[np.int64]) -> int:
    """Return the greatest common divisor of the prices: the tick that the tape itself shows."""
    return max(int(np.gcd.reduce(prices)), 1)
