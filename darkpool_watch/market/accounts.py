"""Effective-dated accounts: what was known of a participant at a time, not what is known now."""

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.ids import put_id
from kernels.layout import I64_MAX
from kernels.market_rows import ID_ROW
from kernels.people import AGENCY, PRINCIPAL, RECORD

Rows = npt.NDArray[np.void]

CAPACITIES = {"principal": PRINCIPAL, "agency": AGENCY}


class AccountInfo(NamedTuple):
    """One participant, from `valid_from_ns` until the next record or `valid_to_ns`."""

    account: int
    owner: int = 0
    group: int = 0  # affiliate group; 0 = none known
    capacity: str = "agency"
    segment: int = 0
    valid_from_ns: int = 0
    valid_to_ns: int = I64_MAX  # exclusive


class AccountTable(NamedTuple):
    """The history as arrays: `kernels.people.PeopleState` has them all."""

    accounts: Rows  # (2^k,) ID_ROW
    spans: npt.NDArray[np.int64]  # (accounts, 2)
    records: Rows  # (R,) RECORD


class AccountHistory:
    """Every record of every account, in the order of their dates.

    Attributes:
        version: raised whenever a record came or was corrected.
    """

    def __init__(self) -> None:
        self.version = 0
        self._records: dict[int, list[AccountInfo]] = {}

    def add(self, info: AccountInfo) -> None:
        """Enter a record; one of the same account and date is corrected by it."""
        held = self._records.setdefault(info.account, [])
        place = bisect_right(held, info.valid_from_ns, key=lambda one: one.valid_from_ns)
        if place and held[place - 1].valid_from_ns == info.valid_from_ns:
            held[place - 1] = info
        else:
            held.insert(place, info)
        self.version += 1

    def at(self, account: int, ts: int) -> AccountInfo | None:
        """Return the record that holds at a time in ns, None where none does."""
        held = self._records.get(account, [])
        place = bisect_right(held, ts, key=lambda one: one.valid_from_ns)
        if place == 0 or held[place - 1].valid_to_ns <= ts:
            return None
        return held[place - 1]

    def table(self) -> AccountTable:
        """Return all records as new arrays."""
        count = len(self._records)
        accounts = np.zeros(1 << max(3, (2 * count).bit_length()), ID_ROW)
        accounts["id"] = -1
        spans = np.zeros((count, 2), np.int64)
        rows: list[tuple[Any, ...]] = []
        for i, (account, held) in enumerate(self._records.items()):
            put_id(accounts, np.int64(account), np.int64(i))
            spans[i] = len(rows), len(held)
            rows += [
                (
                    one.valid_from_ns,
                    one.valid_to_ns,
                    one.owner,
                    one.group,
                    one.segment,
                    CAPACITIES[one.capacity],
                    (0, 0, 0),
                )
                for one in held
            ]
        return AccountTable(accounts, spans, np.array(rows, RECORD))
