"""Marsaglia's multiply-with-carry with MWC64X's output mix, in Python integers."""

LOW = (1 << 32) - 1


def uniform(state: int) -> tuple[int, float]:
    """Return the next state and a number in (0, 1)."""
    x, c = state & LOW, state >> 32
    return x * 4294883355 + c, ((x ^ c) + 0.5) / (1 << 32)
