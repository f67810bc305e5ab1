"""The cast of the simulated market: the rows of agents, their codes, roles and phases."""

import numpy as np

# Codes of agents: typologies have their index in MODEL_TYPOLOGIES, look-alikes lie above.
SPOOF, LAYER, FLIP, STUFF = 0, 1, 2, 3
PING = 6
LOOKALIKE = 32
QUOTER, REVERSER, RESTARTER, SWEEPER = 32, 33, 34, 35  # of SPOOF and LAYER, FLIP, STUFF, PING
VIOLATION = 64  # one dark print outside the NBBO

# Roles of an agent's orders.
GENUINE, LARGE, PROBE = np.arange(1, 4)
WAIT = 2  # the phase in which a fill wakes an agent
STUFFED = 200  # messages of a burst that make it quote stuffing
OWN_ORDERS = 24  # live orders an agent can hold

# An agent: a campaign, a look-alike, or one print outside the NBBO.
AGENT = np.dtype(
    [
        ("planned", "<i8"),  # ns, first step
        ("start", "<i8"),  # ns, first own message; -1 = not yet
        ("evidence", "<i8"),  # ns; -1 = not yet
        ("end", "<i8"),  # ns, newest own message
        ("messages", "<i8"),
        ("labelled", "<i8"),  # ns, newest own message among the records labelled so far
        ("random", "<u8"),  # its own stream of random numbers
        ("span", "<i8"),  # ns, length of a cycle
        ("pause", "<i8"),  # ns between cycles
        ("reaction", "<i8"),  # ns from a fill to the reaction
        ("size", "<i8"),  # of the genuine order or the probe
        ("filled", "<i8"),  # of it in this cycle
        ("pulled", "<i8"),  # large side cancelled after the fill
        ("large", "<i8"),  # large side that was live at the fill
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
        ("target", "<i8"),  # messages or probes planned for a cycle
        ("accounts", "<i8", (4,)),
        ("members", "<i8"),
        ("campaign", "<i8"),  # its id; -1 = benign
        ("done", "<i8"),
        ("orders", "<i8", (OWN_ORDERS,)),  # slots of its live orders; -1 = none
    ]
)
