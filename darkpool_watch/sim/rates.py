"""How often each type of message arrives, and how messages excite one another.

The mix and the branching are fixed by hand against real half hours; base rates then follow so that
the stationary rate of every type is as asked.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.sim_state import (
    ADD_BEHIND,
    ADD_INSIDE,
    ADD_TOUCH,
    DARK_CANCEL,
    DARK_PROBE,
    DARK_REST,
    HIDDEN_TRADE,
    KERNELS,
    LIT_CANCEL,
    MARKET,
    MARKS,
    REQUOTE,
    SOURCES,
    TYPES,
)

DECAY: Final = np.array([2_500.0, 25.0, 0.4])  # 1/s
EAGER: Final = 2.8  # log odds of a trade's side for each unit of imbalance
FADE: Final = 0.25  # chance that a quote is pulled soon for each unit of imbalance beyond 0.4
CHASE: Final = 0.4  # of the fundamental's distance that makers go along
LIVELINESS: Final = 0.9  # of ln volatility that the base rate follows
BASE_DARK_SHARE: Final = 0.25  # of traded volume, at the mix below

_MIX: Final = {
    ADD_TOUCH: 0.24,
    ADD_INSIDE: 0.20,
    ADD_BEHIND: 0.30,
    MARKET: 0.075,
    HIDDEN_TRADE: 0.030,
    REQUOTE: 0.060,
    DARK_REST: 0.050,
    DARK_PROBE: 0.055,
}
# Messages on the tape for one arrival of a type, cancels included.
_MESSAGES: Final = {
    ADD_TOUCH: 1.85,
    ADD_INSIDE: 1.85,
    ADD_BEHIND: 1.85,
    MARKET: 1.4,
    HIDDEN_TRADE: 1.0,
    REQUOTE: 1.0,
    DARK_REST: 1.9,
    DARK_PROBE: 2.0,
}
# Expected children of one message, by kernel: 0.4 ms, 40 ms, 2.5 s.
_CHILDREN: Final = {
    ADD_TOUCH: (0.374, 0.075, 0.060),
    ADD_INSIDE: (0.374, 0.075, 0.060),
    ADD_BEHIND: (0.352, 0.075, 0.060),
    MARKET: (0.352, 0.105, 0.105),
    HIDDEN_TRADE: (0.275, 0.060, 0.060),
    REQUOTE: (0.440, 0.045, 0.045),
    DARK_REST: (0.220, 0.038, 0.038),
    DARK_PROBE: (0.220, 0.045, 0.045),
    LIT_CANCEL: (0.418, 0.060, 0.045),
    DARK_CANCEL: (0.220, 0.038, 0.038),
}
# Large messages excite more than the mean one, which raises rates by as much (measured).
_EXCESS: Final = 1.3
# Messages of each source an action of all types brings along, relative to all actions.
_CANCELS: Final = 0.87 * 0.73


def mix(dark_share: float) -> NDArray[np.float64]:
    """Return (TYPES,) shares of actions whose dark volume is about `dark_share` of the traded."""
    odds = dark_share / (1.0 - dark_share) * (1.0 - BASE_DARK_SHARE) / BASE_DARK_SHARE
    shares = np.array([_MIX[kind] for kind in range(TYPES)])
    shares[[DARK_REST, DARK_PROBE]] *= odds
    normal: NDArray[np.float64] = shares / shares.sum()
    return normal


def _targets(source: int, side: int, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (MARKS,) what the children of one message are, summing to 1."""
    target = np.zeros(MARKS)
    for kind in range(TYPES):
        target[2 * kind + side] = 0.60 * shares[kind]
        target[2 * kind + 1 - side] = 0.40 * shares[kind]
    own = np.zeros(MARKS)
    if source in (MARKET, HIDDEN_TRADE):
        own[2 * MARKET + side] = 0.62
        own[2 * HIDDEN_TRADE + side] = 0.12
        own[2 * ADD_TOUCH + side] = 0.16
        own[2 * DARK_PROBE + side] = 0.10
        return 0.45 * target + 0.55 * own
    if source in (DARK_REST, DARK_PROBE):
        own[2 * DARK_PROBE + side] = 0.6
        own[2 * DARK_REST + side] = 0.4
        return 0.7 * target + 0.3 * own
    own[2 * ADD_TOUCH + side] = 0.5
    own[2 * ADD_BEHIND + side] = 0.3
    own[2 * ADD_TOUCH + 1 - side] = 0.2
    return 0.6 * target + 0.4 * own


def kicks(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (KERNELS, SOURCES, MARKS) what one message adds to each intensity, in 1/s."""
    kick = np.zeros((KERNELS, SOURCES, MARKS))
    for source, children in _CHILDREN.items():
        for side in range(2):
            target = _targets(source, side, shares)
            for m in range(KERNELS):
                kick[m, 2 * source + side] = children[m] * DECAY[m] * target
    return kick


def base_rates(rate: float, dark_share: float) -> NDArray[np.float64]:
    """Return (MARKS,) base intensities, in 1/s, at which a security sends `rate` messages/s."""
    shares = mix(dark_share)
    messages = sum(shares[kind] * _MESSAGES[kind] for kind in range(TYPES))
    actions = rate / (messages * _EXCESS)
    wanted = np.repeat(actions * shares / 2, 2)
    sources = np.zeros(SOURCES)
    sources[:MARKS] = wanted
    sources[2 * MARKET : 2 * MARKET + 2] *= _MESSAGES[MARKET]
    sources[2 * LIT_CANCEL :][:2] = actions * _CANCELS / 2
    sources[2 * DARK_CANCEL :][:2] = actions * shares[DARK_REST] * 0.6 / 2
    branching = (kicks(shares) / DECAY[:, None, None]).sum(axis=0)
    base: NDArray[np.float64] = np.maximum(wanted - sources @ branching, 0.05 * wanted)
    return base
