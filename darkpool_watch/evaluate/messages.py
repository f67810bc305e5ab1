"""The messages of a tape with the fields that no detector may learn from.

None of these says anything about behaviour: ids, digits below the resolution of a clock or of a
round lot, numbering, position. A generator that gives its labels away gives them away here first.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.sim.market import Simulator
from darkpool_watch.sim.population import TICK, security_of
from darkpool_watch.units import NS_PER_S
from darkpool_watch.wire.frame import FRAME_EVENTS
from kernels.layout import ADD, EXECUTE, REPLACE, UNDEFINED_PRICE

NUISANCES: Final = (
    "order_id",  # the last three digits of the id it names
    "order_id_bits",  # its lowest 6 bits
    "id_gap",  # the id of an order that comes in less the newest before it; NaN where none does
    "nanoseconds",  # ts_event mod 1 us
    "size_mod_100",
    "price_mod_tick",
    "sequence_gap",  # sequence less that of the feed's message before
    "account_hash",  # of the sender's id, 0..1
    "account_bits",  # the lowest 4 bits of that id
    "account_age",  # how late on the tape its sender was first heard of, s; 0 in the first minute
    "position",  # place in its frame of the wire
)

# Who is heard of so soon may have been there for years: a tape does not tell how old it is. An age
# counted from its first message would be a clock, and tell the time rather than the account.
OLD_NS: Final = 60 * NS_PER_S

MESSAGE: Final = np.dtype(
    [
        ("fields", "<f4", (len(NUISANCES),)),
        ("kind", "<i4"),  # event, flags, order of size, and whether its id is a new one
        ("cluster", "<i4"),  # security row
        ("campaign", "<i4"),  # the campaign that gives the zone; -1 = none
        ("typology", "i1"),
        ("zone", "u1"),
        ("own", "u1"),  # 1: a message of a campaign
    ]
)

Change = Callable[[NDArray[np.void], NDArray[np.void]], NDArray[np.void]]  # (events, labels)


def hashed(account: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return a number in [0, 1) that scatters neighbouring ids (Fibonacci hashing)."""
    mixed = np.asarray(account, np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    scattered: NDArray[np.float64] = (mixed >> np.uint64(11)) / float(1 << 53)
    return scattered


def messages_of(simulator: Simulator, change: Change | None = None) -> NDArray[np.void]:
    """Return (N,) MESSAGE of a simulator's tape; `change` may return other events in their place.

    Cost: about 2 us a message and 60 bytes.
    """
    parts = []
    memory = _Memory(simulator.config.securities, simulator.begins)
    for events, labels in simulator.blocks():
        shown = events if change is None else change(events.copy(), labels)
        parts.append(memory.table(shown, labels))
    return np.concatenate(parts) if parts else np.zeros(0, MESSAGE)


class _Memory:
    """What the fields of a block need to know of the blocks before it."""

    def __init__(self, securities: int, begins: int) -> None:
        self.begins = begins
        self.newest_id = np.zeros(securities, np.int64)  # 0 = none yet
        self.seen: dict[int, int] = {}  # ns of each account's first message
        self.sequence = 0
        self.count = 0

    def table(self, events: NDArray[np.void], labels: NDArray[np.void]) -> NDArray[np.void]:
        """Return (N,) MESSAGE of a block."""
        out = np.zeros(len(events), MESSAGE)
        security = (security_of(events["instrument_id"]) - 1).astype(np.int64)
        size = events["size"].astype(np.int64)
        order = np.floor(np.log2(np.maximum(size, 1))).astype(np.int32)
        out["cluster"] = security
        for name in ("zone", "typology", "campaign", "own"):
            out[name] = labels[name]
        named = np.where(events["kind"] == REPLACE, events["contra_order_id"], events["order_id"])
        gap = self._gaps(events, security, named.astype(np.int64))
        fresh = np.where(np.isnan(gap), 0, np.where(gap > 0, 1, 2))
        flags = events["flags"].astype(np.int32)
        out["kind"] = ((fresh * 16 + events["kind"]) << 14 | flags) << 6 | order
        price = events["price"]
        fields = {
            "order_id": named % np.uint64(1_000),
            "order_id_bits": named & np.uint64(63),
            "id_gap": gap,
            "nanoseconds": events["ts_event"] % 1_000,
            "size_mod_100": size % 100,
            "price_mod_tick": np.where(price == UNDEFINED_PRICE, np.nan, price % TICK),
            "sequence_gap": np.diff(events["sequence"].astype(np.int64), prepend=self.sequence),
            "account_hash": hashed(events["account"]),
            "account_bits": events["account"] & 15,
            "account_age": self._late(events),
            "position": (self.count + np.arange(len(events))) % FRAME_EVENTS,
        }
        for i, name in enumerate(NUISANCES):
            out["fields"][:, i] = fields[name]
        self.sequence = int(events["sequence"][-1]) if len(events) else self.sequence
        self.count += len(events)
        return out

    def _gaps(
        self, events: NDArray[np.void], security: NDArray[np.int64], named: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return (N,) the id of each order that comes in less the newest of its security before."""
        kind = events["kind"]
        incoming = events["contra_order_id"].astype(np.int64)
        new = np.where(kind == ADD, named, np.where(np.isin(kind, (REPLACE, EXECUTE)), incoming, 0))
        gap = np.full(len(events), np.nan)
        for s in np.unique(security):
            mine = np.flatnonzero(security == s)
            ids = new[mine]
            newest = np.maximum.accumulate(np.append(self.newest_id[s], ids))
            known = (ids > 0) & (newest[:-1] > 0)
            gap[mine] = np.where(known, ids - newest[:-1], np.nan)
            self.newest_id[s] = newest[-1]
        return gap

    def _late(self, events: NDArray[np.void]) -> NDArray[np.float64]:
        """Return (N,) how late each sender was first heard of, in s after the first minute."""
        account, first = np.unique(events["account"], return_index=True)
        for one, at in zip(account.tolist(), first.tolist(), strict=True):
            self.seen.setdefault(one, int(events["ts_event"][at]))
        born = np.array([self.seen[one] for one in account.tolist()], np.int64)
        late = np.maximum(born - self.begins - OLD_NS, 0) / NS_PER_S
        of: NDArray[np.float64] = late[np.searchsorted(account, events["account"])]
        return of
