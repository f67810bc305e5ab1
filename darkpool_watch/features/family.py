"""What the catalogue says of one family of features."""

from typing import Final, NamedTuple

GROUPS: Final = ("price", "volume", "time", "order flow")
SCALINGS: Final = ("none", "log1p", "asinh")


class Family(NamedTuple):
    """One formula over four windows, or a single feature; `windows` features from `base` on."""

    base: int  # index of its first feature
    name: str
    group: str  # one of GROUPS
    windows: int  # 4: one feature a window; 1: a single feature
    unit: str
    formula: str
    source: str  # paper the formula is taken from; empty where it is common knowledge
    needs: tuple[str, ...]  # of "quotes", "depth", "dark", "accounts": what must be in the flow
    scaling: str  # one of SCALINGS, applied before the normaliser
