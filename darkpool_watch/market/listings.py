"""Reference data: which listings exist, which security each belongs to, and who the accounts are.

The feed's sparse ids become dense rows here, so that everything behind indexes arrays.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from darkpool_watch.config import MarketConfig
from darkpool_watch.errors import MarketError
from darkpool_watch.market.accounts import CAPACITIES, AccountHistory, AccountInfo
from darkpool_watch.units import UNDEFINED_PRICE
from kernels.ids import find_id, put_id
from kernels.layout import I64_MAX
from kernels.market_rows import DAY_NS, HALF_DAY_NS, ID_ROW, LISTING, MAX_LISTINGS, SECURITY

Rows = npt.NDArray[np.void]

_U32 = 1 << 32


class DefinitionLike(Protocol):
    """What `Listings.define` reads; the wire's Definition has all of it."""

    @property
    def instrument_id(self) -> int: ...
    @property
    def security_id(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    @property
    def venue(self) -> str: ...
    @property
    def dark(self) -> bool: ...
    @property
    def tick(self) -> int: ...
    @property
    def size_unit(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def session_open_ns(self) -> int: ...
    @property
    def session_close_ns(self) -> int: ...
    @property
    def class_(self) -> str: ...


class AccountLike(Protocol):
    """What `Listings.account` reads; the wire's AccountRecord has all of it."""

    @property
    def account(self) -> int: ...
    @property
    def owner(self) -> int: ...
    @property
    def group(self) -> int: ...
    @property
    def capacity(self) -> str: ...
    @property
    def segment(self) -> int: ...
    @property
    def valid_from_ns(self) -> int: ...


class ListingInfo(NamedTuple):
    """One security on one venue; also a plain definition for callers without a wire."""

    instrument_id: int
    security_id: int
    symbol: str
    venue: str = "XXXX"  # MIC
    dark: bool = False
    tick: int = 10_000_000  # 1e-9 currency
    size_unit: str = "share"
    currency: str = "USD"
    session_open_ns: int = 0  # ns UTC; 0 with close 0: sessions are UTC days
    session_close_ns: int = 0
    class_: str = "equity"


class SecurityInfo(NamedTuple):
    """What trades under one security id on all its venues."""

    security_id: int
    symbol: str
    currency: str
    class_: str


class Listings:
    """The registry of listings, securities and accounts, with the arrays the kernels index.

    Attributes:
        infos: the definition of each listing row.
        securities: each security row.
        accounts: account -> its newest record.
        history: all records of all accounts.
        defined: raised by every definition, renewals included.
        version: raised whenever a kernel-side array was replaced or a row added.
    """

    def __init__(self, config: MarketConfig | None = None) -> None:
        config = config or MarketConfig()
        self.infos: list[ListingInfo] = []
        self.securities: list[SecurityInfo] = []
        self.accounts: dict[int, AccountInfo] = {}
        self.history = AccountHistory()
        self.defined = 0
        self.version = 0
        self.listing_rows: Rows = np.zeros(config.listings, LISTING)
        self.security_rows: Rows = _blank_securities(config.securities)
        self.instruments: Rows = _blank_ids(2 * config.listings)
        self.groups: Rows = _blank_ids(64)
        self._security_of: dict[int, int] = {}

    def row(self, instrument_id: int) -> int:
        """Return the listing row of an instrument id, -1 where it was never defined."""
        return int(find_id(self.instruments, np.int64(instrument_id)))

    def security_row(self, security_id: int) -> int:
        """Return the dense row of a security id, -1 where it has no listing."""
        return self._security_of.get(security_id, -1)

    def define(self, definition: DefinitionLike) -> int:
        """Enter or renew a listing and return its row.

        A listing may change its tick, names and session, never its security or whether it is dark.
        Raises MarketError for values out of range or a contradiction.
        """
        info = ListingInfo(*(getattr(definition, name) for name in ListingInfo._fields))
        _check(info)
        row = self.row(info.instrument_id)
        if row < 0:
            row = self._add_listing(info)
        else:
            old = self.infos[row]
            if (old.security_id, old.dark) != (info.security_id, info.dark):
                raise MarketError(
                    f"Instrument {info.instrument_id} was security {old.security_id}, dark "
                    f"{old.dark}; now security {info.security_id}, dark {info.dark}: "
                    "give the new listing an instrument id of its own"
                )
            self._set_session(self.listing_rows[row]["security"], info)
        self.infos[row] = info
        self.defined += 1
        self.listing_rows[row]["tick"] = info.tick
        return row

    def account(self, record: AccountLike) -> None:
        """Enter or renew an account; one older than the newest held only joins the history.

        Raises MarketError for ids out of range or a capacity that is none.
        """
        names = [name for name in AccountInfo._fields if hasattr(record, name)]
        info = AccountInfo(**{name: getattr(record, name) for name in names})
        ids = (info.owner, info.group, info.segment)
        if not 0 < info.account < _U32 or any(not 0 <= one < _U32 for one in ids):
            raise MarketError(
                f"Account {info.account}, group {info.group}, owner {info.owner}, segment "
                f"{info.segment}: needed 1 and 0 to {_U32 - 1}"
            )
        if info.capacity not in CAPACITIES:
            raise MarketError(
                f"Account {info.account} has capacity {info.capacity!r}: needed one of "
                f"{', '.join(CAPACITIES)}"
            )
        self.history.add(info)
        held = self.accounts.get(info.account)
        if held is not None and held.valid_from_ns > info.valid_from_ns:
            return
        self.accounts[info.account] = info
        if 2 * len(self.accounts) > len(self.groups):
            self.groups = _grown_ids(self.groups)
            self.version += 1
        put_id(self.groups, np.int64(info.account), np.int64(info.group or info.account))

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the arrays; names and accounts are re-sent by their feed."""
        return {
            "listing_rows": self.listing_rows[: len(self.infos)].copy(),
            "security_rows": self.security_rows[: len(self.securities)].copy(),
        }

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned, into a registry with the same definitions.

        Raises MarketError where the definitions differ.
        """
        listings, securities = arrays["listing_rows"], arrays["security_rows"]
        ids = self.listing_rows["instrument_id"][: len(self.infos)]
        if not np.array_equal(listings["instrument_id"], ids) or len(securities) != len(
            self.securities
        ):
            raise MarketError(
                f"The snapshot has {len(listings)} listings of {len(securities)} securities, "
                f"the registry {len(self.infos)} of {len(self.securities)}, or in another order: "
                "restore it after the definitions it was taken with"
            )
        self.listing_rows[: len(listings)] = listings
        self.security_rows[: len(securities)] = securities

    def _add_listing(self, info: ListingInfo) -> int:
        row = len(self.infos)
        if row == MAX_LISTINGS:
            raise MarketError(f"More than {MAX_LISTINGS} listings: split the feed over daemons")
        security = self._security_of.get(info.security_id)
        if security is None:
            security = self._add_security(info)
        else:
            self._set_session(security, info)
        if row == len(self.listing_rows):
            self.listing_rows = np.concatenate([self.listing_rows, np.zeros(row, LISTING)])
        if 2 * (row + 1) > len(self.instruments):
            self.instruments = _grown_ids(self.instruments)
        listing, held = self.listing_rows[row], self.security_rows[security]
        listing["security"] = security
        listing["instrument_id"] = info.instrument_id
        listing["dark"] = info.dark
        listing["next_lit"] = -1
        if not info.dark:
            listing["next_lit"] = held["first_lit"]
            held["first_lit"] = row
        put_id(self.instruments, np.int64(info.instrument_id), np.int64(row))
        self.infos.append(info)
        self.version += 1
        return row

    def _add_security(self, info: ListingInfo) -> int:
        row = len(self.securities)
        if row == len(self.security_rows):
            self.security_rows = np.concatenate([self.security_rows, _blank_securities(row)])
        self.securities.append(
            SecurityInfo(info.security_id, info.symbol, info.currency, info.class_)
        )
        self._security_of[info.security_id] = row
        self.security_rows[row]["next_session"] = info.session_open_ns
        self._set_length(row, info)
        return row

    def _set_session(self, row: int, info: ListingInfo) -> None:
        """Move the security's next session to the definition's where that is another day's.

        Venues of one security may open at different hours of a day: the earliest opens it.
        """
        held = self.security_rows[row]
        started = held["session"] > 0
        opens = info.session_open_ns
        later = opens >= held["opened"] + HALF_DAY_NS if started else True
        if later and (opens < held["next_session"] or opens >= held["next_session"] + HALF_DAY_NS):
            held["next_session"] = opens
            self._set_length(row, info)

    def _set_length(self, row: int, info: ListingInfo) -> None:
        length = info.session_close_ns - info.session_open_ns
        self.security_rows[row]["session_length"] = length or DAY_NS


def _check(info: ListingInfo) -> None:
    for name, value in (("instrument_id", info.instrument_id), ("security_id", info.security_id)):
        if not 0 <= value < _U32:
            raise MarketError(f"{info.symbol}: {name} is {value}, needed 0 to {_U32 - 1}")
    if not 0 < info.tick < I64_MAX:
        raise MarketError(f"{info.symbol}: tick is {info.tick}, needed at least 1 (1e-9 currency)")
    if not 0 <= info.session_open_ns <= info.session_close_ns < I64_MAX:
        raise MarketError(
            f"{info.symbol}: session {info.session_open_ns} to {info.session_close_ns}, "
            "needed ns UTC, open before close"
        )


def _blank_ids(least: int) -> Rows:
    rows = np.zeros(1 << max(3, (least - 1).bit_length()), ID_ROW)
    rows["id"] = -1
    return rows


def _grown_ids(old: Rows) -> Rows:
    new = _blank_ids(2 * len(old))
    for row in old[old["id"] >= 0]:
        put_id(new, row["id"], row["value"])
    return new


def _blank_securities(count: int) -> Rows:
    rows = np.zeros(count, SECURITY)
    for name in ("bid", "ask", "mid2", "last_trade", "quote_bid", "quote_ask"):
        rows[name] = UNDEFINED_PRICE
    rows["first_lit"] = -1
    rows["quote_listing"] = -1
    for name in ("touch_depth", "depth5", "depth_imbalance"):
        rows[name] = np.nan
    return rows
