"""The catalogue's volume families (64-95)."""

from typing import Final

from darkpool_watch.features.family import Family

_VPIN = "Easley, Lopez de Prado & O'Hara (2012), Review of Financial Studies 25(5)"


def _family(
    base: int, name: str, unit: str, formula: str, *, source: str = "", needs: tuple[str, ...] = ()
) -> Family:
    return Family(base, name, "volume", 4, unit, formula, source, needs, "none")


FAMILIES: Final = (
    _family(64, "lit_volume", "ln ratio", "ln(1 + sum q lit and hidden / expected)"),
    _family(68, "dark_volume", "ln ratio", "ln(1 + sum q dark / expected)", needs=("dark",)),
    _family(72, "dark_share", "0..1", "dark / (dark + lit) quantity", needs=("dark",)),
    _family(76, "hidden_share", "0..1", "hidden executions / all lit executions"),
    _family(80, "trade_size", "ln ratio", "ln(mean trade size / P50)"),
    _family(84, "size_entropy", "0..1", "entropy of 8 log2 bins of q / P50, from 1/8 to 8, / ln 8"),
    _family(
        88,
        "vpin",
        "0..1",
        "sum over panes of |sum d q| / sum q, trades with d not 0",
        source=_VPIN,
    ),
    _family(
        92,
        "depth_ratio",
        "ln ratio",
        "ln(mean depth of levels 1-5 over events / its slow mean)",
        needs=("depth",),
    ),
)
