"""Which script an agent follows."""

from kernels.jit import kernel
from kernels.sim_agents import step_quoter, step_spoof
from kernels.sim_breaches import step_breach
from kernels.sim_bursts import step_flip, step_stuff
from kernels.sim_cast import (
    CHASER,
    CLOSE,
    CLOSER,
    CROSSER,
    DISCOVERER,
    EXECUTOR,
    FLIP,
    FRONT,
    HEDGER,
    IGNITE,
    LAYER,
    NBBO,
    PAINT,
    PING,
    PLACEBO,
    QUOTER,
    REBALANCER,
    RESTARTER,
    REVERSER,
    SIZE,
    SKEWER,
    SPOOF,
    STALE,
    STANDER,
    STUFF,
    SWEEPER,
    WASH,
)
from kernels.sim_crosses import step_match
from kernels.sim_leads import step_front, step_hedger
from kernels.sim_midpoints import step_nbbo, step_stale
from kernels.sim_placebo import step_placebo
from kernels.sim_probes import step_discoverer, step_ping, step_size, step_sweeper
from kernels.sim_pushes import step_close, step_ignite


@kernel
def step_agent(m, a):
    """Step an agent whose timer is due."""
    if m["agents"][a]["done"]:
        return
    code = m["agents"][a]["code"]
    if code == SPOOF or code == LAYER:
        step_spoof(m, a)
    elif code == QUOTER or code == SKEWER:
        step_quoter(m, a)
    elif code == FLIP or code == REVERSER:
        step_flip(m, a)
    elif code == STUFF or code == RESTARTER:
        step_stuff(m, a)
    elif code == WASH or code == PAINT or code == CROSSER or code == REBALANCER:
        step_match(m, a)
    elif code == PING:
        step_ping(m, a)
    elif code == SWEEPER:
        step_sweeper(m, a)
    elif code == SIZE:
        step_size(m, a)
    elif code == DISCOVERER:
        step_discoverer(m, a)
    elif code == FRONT:
        step_front(m, a)
    elif code == HEDGER:
        step_hedger(m, a)
    elif code == STALE or code == CHASER:
        step_stale(m, a)
    elif code == NBBO or code == STANDER:
        step_nbbo(m, a)
    elif code == IGNITE or code == EXECUTOR:
        step_ignite(m, a)
    elif code == CLOSE or code == CLOSER:
        step_close(m, a)
    elif code == PLACEBO:
        step_placebo(m, a)
    else:
        step_breach(m, a)
