"""What a rule found: one figure with its interval, beside the bound it is held against."""

import msgspec

from darkpool_watch.evaluate.bootstrap import Interval


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one rule; `detail` says where the figure comes from, by name."""

    figure: float
    low: float
    high: float
    bound: tuple[float, float]  # the least and the most allowed, of what `met` looks at
    met: bool
    n: int  # what the figure rests on: campaigns, episodes, accounts or records
    says: str  # what the figure is, and what of it has to lie within the bound
    detail: dict[str, float | str] = {}


def upper_within(
    interval: Interval, most: float, n: int, says: str, detail: dict[str, float | str]
) -> Finding:
    """Return a finding that is met when the interval's upper end is at most `most`."""
    return Finding(
        figure=interval.figure,
        low=interval.low,
        high=interval.high,
        bound=(0.0, most),
        met=interval.high <= most,
        n=n,
        says=says,
        detail=detail,
    )
