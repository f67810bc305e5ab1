"""The counterparty matrix of the simulated pools: what their operator would hand to a desk."""

from darkpool_watch.market.counterparties import Pairing
from darkpool_watch.sim.population import BARRED, DARK_VENUES


def pairings() -> tuple[Pairing, ...]:
    """Return the pairs of segments that no simulated pool lets meet, one line a pool."""
    pairs = sorted({(min(pair), max(pair)) for pair in BARRED})
    return tuple(
        Pairing(low, high, allowed=False, venue=pool) for pool in DARK_VENUES for low, high in pairs
    )
