"""Ids of what a tape names: the same in every tape, so that two tapes in one daemon do not mix."""

import hashlib
from collections.abc import Iterable

_U32 = 1 << 32


def instrument_id(venue: str, symbol: str) -> int:
    """Return the id of a listing, 1 to 2^32 - 1: a hash of its venue and symbol."""
    return _hashed("instrument", venue, symbol)


def security_id(symbol: str, currency: str, class_: str) -> int:
    """Return the id of a security, 1 to 2^32 - 1, the same on every venue and day."""
    return _hashed("security", symbol, currency, class_)


def distinct(ids: Iterable[int]) -> list[int]:
    """Return `ids` with each that an earlier one has taken moved to the next free one.

    Two of 10,000 symbols meet in 32 bits once in 86 tapes; within a tape they must not.
    """
    taken: set[int] = set()
    found = []
    for wanted in ids:
        while wanted in taken:
            wanted = wanted % (_U32 - 1) + 1
        taken.add(wanted)
        found.append(wanted)
    return found


def _hashed(*parts: str) -> int:
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (_U32 - 1) + 1
