"""The cast of the simulated market: the rows of agents, their codes, roles and phases."""

import numpy as np

from kernels.sim_code import REGISTERS

# Codes of agents: typologies have their index in MODEL_TYPOLOGIES, the look-alike of each lies
# LOOKALIKE above it, and breaches of rules follow.
SPOOF, LAYER, FLIP, STUFF, WASH, PAINT, PING, SIZE, FRONT, STALE, NBBO, IGNITE, CLOSE = range(13)
LOOKALIKE = 32
QUOTER, SKEWER, REVERSER, RESTARTER, CROSSER, REBALANCER, SWEEPER = range(32, 39)
DISCOVERER, HEDGER, CHASER, STANDER, EXECUTOR, CLOSER = range(39, 45)
VIOLATION = 64
TRADE_THROUGH, PRIORITY, SUB_PENNY, SEGMENT = range(64, 68)
ERROR_PRICE, ERROR_DUPLICATE, SELF_MATCH = range(68, 71)
PLACEBO = 96  # re-sends orders of the background

# Roles of an agent's orders.
GENUINE, LARGE, PROBE = np.arange(1, 4)
# Phases. A fill wakes an agent in WAIT, a move of the quote one in WATCH.
START, BUILD, WAIT, PULL, FORCE, UNWIND, WATCH, HIT = range(8)
STUFFED = 200  # messages of a burst that make it quote stuffing
OWN_ORDERS = 24  # live orders an agent can hold
NAMED = 4  # orders that a breach names

# An agent: a campaign, a look-alike, one breach of a rule, or a placebo.
AGENT = np.dtype(
    [
        ("planned", "<i8"),  # ns, first step
        ("start", "<i8"),  # ns, first own message; -1 = not yet
        ("evidence", "<i8"),  # ns; -1 = not yet
        ("end", "<i8"),  # ns, newest own message; once done, when it ended
        ("messages", "<i8"),
        ("labelled", "<i8"),  # ns, newest own message among the records labelled so far
        ("random", "<u8"),  # its own stream of random numbers
        ("span", "<i8"),  # ns, length of a cycle, or of the whole where cycles have none
        ("deadline", "<i8"),  # ns, when the cycle or the whole should be over
        ("gives_up", "<i8"),  # ns, when it stops waiting for its moment
        ("pause", "<i8"),  # ns between cycles
        ("reaction", "<i8"),  # ns from a fill or a quote to the reaction
        ("size", "<i8"),  # of the genuine order or the probe
        ("filled", "<i8"),  # of it in this cycle
        ("pulled", "<i8"),  # large side cancelled after the fill
        ("large", "<i8"),  # large side that was live at the fill; a breach: its price
        ("held", "<i8"),  # bought or sold in this cycle and not yet given back
        ("mark", "<i8"),  # a tick or twice a midpoint to come back to
        ("ratio", "<f8"),  # large side in genuine sizes
        ("stealth", "<f8"),
        ("security", "<i8"),
        ("code", "<i8"),
        ("phase", "<i8"),
        ("cycle", "<i8"),
        ("cycles", "<i8"),
        ("layers", "<i8"),
        ("placed", "<i8"),
        ("distance", "<i8"),  # ticks from the touch
        ("side", "<i8"),  # of the genuine order or the probe
        ("mode", "<i8"),
        ("burst", "<i8"),  # messages in this cycle
        ("tries", "<i8"),
        ("target", "<i8"),  # messages, probes or sweeps planned for a cycle
        ("acts", "<i8"),  # of those that define the typology, in all cycles
        ("proof", "<i8"),  # role whose next fill is the evidence; 0 = none
        ("accounts", "<i8", (4,)),
        ("members", "<i8"),
        ("client", "<i8"),  # account whose orders are led; 0 = none
        ("campaign", "<i8"),  # its id; -1 = benign
        ("done", "<i8"),
        ("registers", "<f8", (REGISTERS,)),  # of a scripted agent
        ("orders", "<i8", (OWN_ORDERS,)),  # slots of its live orders; -1 = none
        ("named", "<u8", (NAMED,)),  # ids of the orders of a breach; 0 = none
    ]
)
