"""The records a tape starts from: empty books, habits of the securities, agents and their plans."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim import rates
from darkpool_watch.sim.population import BARRED, TICK
from darkpool_watch.sim.scripts import PROGRAM
from kernels.layout import I64_MAX
from kernels.sim_state import AGENTS, BUY, LISTINGS, ORDERS, SECURITY, SELL

if TYPE_CHECKING:
    from darkpool_watch.sim.market import Simulator

_DEPTH_S = 400.0  # patient orders: median life in s of a security with one message/s
_DARK_S = 60.0  # the same in the pool
_LIMIT_WIDTH = 0.05  # of the price limits
_PAUSE_S = 300  # how long they pause trading
_SWINGS = (0.35, 0.65)  # of ln volatility at the tape's begin, its stationary deviations
_SECURITY_BITS, _ORDER_BITS = 13, 34  # an order's id: day, security, number


def build_markets(sim: "Simulator") -> NDArray[np.void]:
    """Return (S,) SECURITY of a simulator at the start of its tape; the day's price is drawn here.

    Raises ConfigError where a security has more agents than a record holds.
    """
    config = sim.config
    rng = np.random.default_rng([config.seed, config.day, 4])
    markets = np.zeros(config.securities, SECURITY)
    markets["clock"] = markets["excited"] = sim.begins
    markets["session_open"] = sim.opens
    markets["session_close"] = sim.closes
    markets["next_arrival"] = I64_MAX
    markets["tick"] = TICK
    markets["pool_head"] = markets["pool_tail"] = -1
    markets["random"] = rng.integers(1 << 32, 1 << 62, config.securities)
    markets["orders"]["next"] = np.append(np.arange(1, ORDERS), -1)
    markets["levels"]["head"] = markets["levels"]["tail"] = -1
    markets["mids"] = -1
    markets["kicks"] = rates.kicks(rates.mix(config.dark_share))
    markets["decay"] = rates.DECAY
    markets["people"] = config.accounts
    markets["kinds"][:, : config.accounts] = [one.kind for one in sim.people]
    markets["call_head"] = markets["call_tail"] = -1
    markets["eager"], markets["fade"] = rates.EAGER, rates.FADE
    markets["chase"], markets["liveliness"] = rates.CHASE, rates.LIVELINESS
    markets["width"], markets["pause_s"] = _LIMIT_WIDTH, _PAUSE_S
    markets["restless"] = _SWINGS
    markets["swings"] = rng.normal(0.0, _SWINGS, (config.securities, 2))
    markets["chances"][:, :, : config.accounts] = np.cumsum(sim.chances, axis=2)
    markets["owners"][:, 1 : config.accounts + 1] = [one.owner for one in sim.people]
    markets["segments"][:, 1 : config.accounts + 1] = [one.segment for one in sim.people]
    for first, second in BARRED:
        markets["barred"][:, first, second] = 1
    markets["due"] = I64_MAX
    markets["places"] = -1
    if config.injector == "scripts":
        markets["scripted"] = 1
        markets["program"] = PROGRAM
    for s, one in enumerate(sim.securities):
        m = markets[s]
        price = int(one.price_ticks * np.exp(rng.normal(0.0, 0.03)))
        m["best"][BUY] = price
        m["best"][SELL] = price + max(1, round(one.spread))
        m["low"], m["high"] = m["best"]
        m["fundamental"], m["sigma"] = price, one.sigma
        m["breadth"] = one.spread
        m["anchor"] = m["average"] = price
        m["pools"] = len(one.lags_ns)
        m["lags"][: len(one.lags_ns)] = one.lags_ns
        sim.day.enter(m, s)
        m["lot"], m["spread"] = one.lot, one.spread
        m["next_id"] = (((config.day << _SECURITY_BITS) + s + 1) << _ORDER_BITS) + 1
        m["base"] = rates.base_rates(one.rate, config.dark_share)
        m["mu"] = m["base"].sum()
        # Patient orders live longer where few are sent, so that books stay about equally deep.
        m["tail_life"] = np.log(_DEPTH_S / one.rate)
        m["dark_life"] = np.log(_DARK_S / one.rate)
        m["lit_id"] = LISTINGS * s + 1
        cast = sim.planned[sim.planned["security"] == s]
        if len(cast) > AGENTS:
            raise ConfigError(
                f"Expected at most {AGENTS} campaigns, look-alikes and violations a security, "
                f"was {len(cast)}: lower `campaigns_per_hour` or `lookalikes_per_hour`"
            )
        m["agents"][: len(cast)] = cast
        m["casts"] = len(cast)
        m["over"] = int((cast["campaign"] < 0).sum())
    return markets
