"""The quote of the simulated book: remembered for the pools, told to the agents that watch it."""

from kernels.jit import kernel
from kernels.sim_cast import HIT, WATCH
from kernels.sim_state import BUY, MIDS, ORDERS, SELL
from kernels.sim_timers import set_timer


@kernel
def _tell_watchers(m, double):
    """Let agents that wait for the quote react to its move from twice the midpoint `double`."""
    for i in range(m["watching"]):
        a = m["agents"][m["watchers"][i]]
        if a["phase"] == WATCH:
            a["phase"] = HIT
            a["mark"] = double
            set_timer(m, ORDERS + m["watchers"][i], m["clock"] + a["reaction"])


@kernel
def note_quote(m):
    """Remember the quote for the pool's reference if it has moved."""
    last = m["mids"][(m["quotes"] - 1) & (MIDS - 1)]
    bid = m["best"][BUY]
    ask = m["best"][SELL]
    if last["bid"] == bid and last["ask"] == ask:
        return
    if m["watching"] > 0:
        _tell_watchers(m, last["bid"] + last["ask"])
    if last["ts"] != m["clock"]:
        m["quotes"] += 1
        last = m["mids"][(m["quotes"] - 1) & (MIDS - 1)]
    last["ts"] = m["clock"]
    last["bid"] = bid
    last["ask"] = ask
