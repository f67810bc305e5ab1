"""What an operator sees of who sends what: three views of one tape.

`venue` sees every account. `ats`, the operator of the pool, sees the accounts of its own flow and
of those lit orders that its subscribers drop-copy to it. `public` sees none. The views differ in
accounts and in nothing else, so a difference between scores in two of them is what accounts are
worth: the pool's orders stay in the public view, nameless. A feed that lacks them altogether is
another matter (features that cannot be computed are masked).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.wire.events import AccountRecord
from kernels.layout import DARK

ViewName = Literal["venue", "ats", "public"]
VIEWS: Final[tuple[ViewName, ...]] = get_args(ViewName)
TRAINING_SHARES: Final = (0.25, 0.5, 0.25)  # of the sequences, in the order of VIEWS
LIT_SHARE: Final = 0.2  # of lit messages, at most, that name an account in `ats`


@dataclass(frozen=True, eq=False)
class View:
    """Who is seen; `apply` and `records` are pure, and applying a view again changes nothing.

    Attributes:
        name: one of VIEWS.
        pool: (P,) uint32, sorted: accounts that the pool's operator knows.
        copied: (C,) uint32, sorted: those whose lit orders are drop-copied to it.
    """

    name: ViewName
    pool: NDArray[np.uint32]
    copied: NDArray[np.uint32]

    def apply(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Return EVENT rows (N,) as this view shows them: unseen accounts are 0.

        The input is not written to; `venue` returns it as it is.
        """
        if self.name == "venue":
            return events
        seen = events.copy()
        for field in ("account", "contra_account"):
            account = seen[field]
            if self.name == "public":
                account[:] = 0
            else:
                lit = (seen["flags"] & DARK) == 0
                account[lit & ~np.isin(account, self.copied)] = 0
        return seen

    def records(self, records: Iterable[AccountRecord]) -> list[AccountRecord]:
        """Return the account records that this view has: those of accounts it can name."""
        if self.name == "venue":
            return list(records)
        if self.name == "public":
            return []
        known = set(self.pool.tolist()) | set(self.copied.tolist())
        return [one for one in records if one.account in known]


def view_of(
    name: str,
    records: Iterable[AccountRecord],
    events: NDArray[np.void],
    *,
    seed: int = 0,
    lit_share: float = LIT_SHARE,
) -> View:
    """Return a view of a tape, fitted to `events`: the tape itself, EVENT (N,) in any order.

    The pool's subscribers are who appears in its flow. Whole owners drop-copy or do not: they are
    taken in an order that only the seed decides, each unless it would take the lit messages that
    name an account over `lit_share`. So no choice looks at what an account does, beyond how much.
    Raises ConfigError for an unknown name.
    """
    if name not in VIEWS:
        raise ConfigError(f"View {name!r} is unknown, needed one of {', '.join(VIEWS)}")
    view: ViewName = name
    none = np.zeros(0, np.uint32)
    if view != "ats":
        return View(view, none, none)
    dark = (events["flags"] & DARK) > 0
    pool = _named(events[dark])
    copied = _copied(list(records), events[~dark], pool, seed, lit_share)
    return View(view, pool, copied)


def drawn_view(seed: int, number: int) -> ViewName:
    """Return the view of training sequence `number`: venue, ats, public as 0.25 / 0.5 / 0.25.

    A function of the two alone, so that training resumed by number draws the same.
    """
    digest = hashlib.sha256(f"view/{seed}/{number}".encode()).digest()
    aim = int.from_bytes(digest[:8], "little") / 2**64
    return VIEWS[int(np.searchsorted(np.cumsum(TRAINING_SHARES), aim, side="right"))]


def _named(events: NDArray[np.void]) -> NDArray[np.uint32]:
    """Return the accounts that events name, sorted, 0 left out."""
    both = np.union1d(events["account"], events["contra_account"])
    return both[both > 0].astype(np.uint32)


def _copied(
    records: list[AccountRecord],
    lit: NDArray[np.void],
    pool: NDArray[np.uint32],
    seed: int,
    share: float,
) -> NDArray[np.uint32]:
    """Return the accounts whose lit orders are drop-copied, sorted."""
    owner_of = {one.account: one.owner for one in records}
    # An account without a record is its own owner, told apart from owners by the sign.
    houses: dict[int, list[int]] = {}
    for account in pool.tolist():
        houses.setdefault(owner_of.get(account, -account), []).append(account)
    taken = lit["contra_account"][lit["contra_account"] != lit["account"]]
    senders = np.concatenate([lit["account"], taken])
    counts = np.bincount(senders, minlength=int(pool.max(initial=0)) + 1)
    room = share * len(lit)
    chosen: list[int] = []
    for house in sorted(houses, key=lambda owner: _rank(seed, owner)):
        needed = int(counts[houses[house]].sum())
        if needed <= room:
            room -= needed
            chosen += houses[house]
    return np.array(sorted(chosen), np.uint32)


def _rank(seed: int, owner: int) -> bytes:
    """Return what orders owners without regard to anything but the seed."""
    return hashlib.sha256(f"drop copy/{seed}/{owner}".encode()).digest()
