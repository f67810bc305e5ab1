"""The class of a security, from a list of its first messages."""

from collections.abc import Sequence
from typing import Any


def usable(messages: Sequence[Any]) -> list[Any]:
    return [o for o in messages if o["quoted"] and not o["crossed"]]


def complete(messages: Sequence[Any]) -> bool:
    """Return whether the messages of a security, from its first, tell its class."""
    minute = int(messages[-1]["ts"]) - int(messages[0]["ts"]) >= 60 * 10**9
    return minute and len(messages) >= 100 and len(usable(messages)) > 0


def measures(messages: Sequence[Any], tick: int) -> list[float]:
    """Return mean midpoint in currency, mean spread in ticks, messages a second."""
    quoted = usable(messages)
    mids = [(int(o["bid"]) + int(o["ask"])) / 2e9 for o in quoted]
    spreads = [(int(o["ask"]) - int(o["bid"])) / tick for o in quoted]
    seconds = (int(messages[-1]["ts"]) - int(messages[0]["ts"])) / 1e9
    return [sum(mids) / len(quoted), sum(spreads) / len(quoted), len(messages) / seconds]


def class_of(found: Sequence[float], bounds: Sequence[Sequence[float]]) -> int:
    """Return 9 price + 3 spread + rate, each the number of bounds that it reaches."""
    price, spread, rate = (
        sum(x >= bound for bound in both) for x, both in zip(found, bounds, strict=True)
    )
    return 9 * price + 3 * spread + rate
