"""Units of money and time: integers everywhere, converted here and nowhere else."""

from typing import Final

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
PRICE_SCALE: Final = 1_000_000_000  # 1e-9 of the currency
UNDEFINED_PRICE: Final = (1 << 63) - 1


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, the plural's s where it needs one, for people to read."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def from_price(price: int) -> float:
    """Return an integer price as a float of the currency, for people to read."""
    return price / PRICE_SCALE
