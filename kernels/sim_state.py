"""The rows of the simulated market: securities, orders, levels, agents, and their constants.

All that a security needs lies in one record, so a kernel takes one argument and memory is bounded
by the number of securities, whatever the length of the tape.
"""

import numpy as np

from kernels.layout import EVENT
from kernels.sim_cast import AGENT

# Marks of the Hawkes process, each with two sides: mark index = 2 * type + side (0 buy or bid).
# Arguments of kernels are typed constants: Numba would compile a kernel anew for every plain one.
ADD_TOUCH, ADD_INSIDE, ADD_BEHIND, MARKET, HIDDEN_TRADE, REQUOTE = np.arange(6)
DARK_REST, DARK_PROBE = np.arange(6, 8)
LIT_CANCEL, DARK_CANCEL = np.arange(
    8, 10
)  # scheduled by order lives; they excite but are not drawn
TYPES = 8
MARKS = 16  # drawn
SOURCES = 20  # exciting
KERNELS = 3  # exponential kernels of the excitation

BUY, SELL = np.arange(2)
LIT, POOL = np.arange(1, 3)  # where an order rests

LEVELS = 1024  # ticks a lit book can span; a power of two
REACH = 440  # ticks behind its side's best beyond which orders are purged
MIDS = 64  # quotes remembered for the pool's lagging reference
PARENTS = 4  # parent orders at work in a security
ORDERS = 4096  # live orders a security can hold
AGENTS = 1024  # agents of a security
ACCOUNTS = 1024  # participants
WATCHERS = 8  # agents that can wait for the quote to move
SEGMENTS = 8  # segments of participants
TIMERS = ORDERS + AGENTS + 1  # orders, agents, the fundamental
OUTPUT = 1024  # messages a step may send
NOBODY = np.int64(-1)  # no agent
NOTHING = np.int64(0)  # no flag, no role, any role
RESTS, IMMEDIATE = np.arange(2)  # what becomes of the rest of a pool order

ORDER = np.dtype(
    [
        ("order_id", "<u8"),
        ("left", "<i8"),
        ("minimum", "<i8"),  # minimum quantity of a pool order
        ("tick", "<i8"),
        ("account", "<i8"),
        ("next", "<i8"),
        ("previous", "<i8"),
        ("agent", "<i8"),  # row of its agent, NOBODY
        ("own", "<i8"),  # place in its agent's list
        ("side", "<i8"),
        ("venue", "<i8"),  # 0 = free slot
        ("role", "<i8"),
    ]
)

LEVEL = np.dtype([("head", "<i8"), ("tail", "<i8"), ("size", "<i8")])

MID = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8")])

PARENT = np.dtype([("account", "<i8"), ("side", "<i8"), ("left", "<i8")])

# A security: its book, its pool, its flow, and the messages of the step that is being done.
SECURITY = np.dtype(
    [
        ("clock", "<i8"),  # ns UTC
        ("until", "<i8"),  # ns, the tape's end
        ("session_open", "<i8"),
        ("session_close", "<i8"),
        ("next_arrival", "<i8"),  # ns, next Hawkes arrival; max = to be drawn
        ("component", "<i8"),  # which part of the intensity it comes from; KERNELS = the base
        ("excited", "<i8"),  # ns, when the excitation was last decayed
        ("best", "<i8", (2,)),  # ticks
        ("low", "<i8"),  # lowest and highest tick that may hold an order
        ("high", "<i8"),
        ("next_id", "<u8"),  # next order id
        ("incoming", "<u8"),  # id of the order being entered
        ("tick", "<i8"),  # 1e-9 currency
        ("fundamental", "<f8"),  # ticks
        ("sigma", "<f8"),  # ticks a square-root second
        ("mu", "<f8"),  # 1/s, sum of base rates
        ("lot", "<f8"),  # scale of order sizes
        ("spread", "<f8"),  # usual spread, ticks
        ("tail_life", "<f8"),  # ln s, median life of patient orders
        ("dark_life", "<f8"),  # ln s, the same in the pool
        ("forced", "<i8"),  # 1e-9 currency, price of the next dark prints; 0 = the midpoint
        ("benign", "<i8", (2,)),  # live lit orders without an agent, by side
        ("pool_head", "<i8", (2,)),  # -1 = none
        ("pool_tail", "<i8", (2,)),
        ("free", "<i8"),  # head of the free list of order slots
        ("armed", "<i8"),  # timers set
        ("quotes", "<i8"),  # quotes noted so far
        ("people", "<i8"),  # participants
        ("casts", "<i8"),  # agents
        ("watching", "<i8"),  # agents that wait for the quote to move
        ("watchers", "<i8", (WATCHERS,)),  # their rows
        ("breach", "<i8"),  # 1: the incoming order meets only those that it must not meet
        ("segments", "<i8", (ACCOUNTS + 1,)),  # segment of each account id
        ("barred", "<i8", (SEGMENTS, SEGMENTS)),  # 1: resting, incoming may not meet in the pool
        ("over", "<i8"),  # agents before this one are over for the labels
        ("lit_id", "<i8"),  # instrument ids
        ("dark_id", "<i8"),
        ("random", "<u8"),  # the market's stream of random numbers
        ("count", "<i8"),  # messages of the step
        ("out", EVENT, (OUTPUT,)),
        ("senders", "<i4", (OUTPUT,)),  # agent whose message it is, NOBODY
        ("orders", ORDER, (ORDERS,)),
        ("levels", LEVEL, (LEVELS,)),  # by tick modulo LEVELS
        ("mids", MID, (MIDS,)),  # a ring
        ("parents", PARENT, (PARENTS,)),
        ("excitation", "<f8", (KERNELS, MARKS)),  # 1/s
        ("base", "<f8", (MARKS,)),  # 1/s
        ("kicks", "<f8", (KERNELS, SOURCES, MARKS)),  # 1/s, what a source adds
        ("decay", "<f8", (KERNELS,)),  # 1/s
        ("weights", "<f8", (MARKS,)),  # queue-reactive multipliers
        ("chances", "<f8", (TYPES, ACCOUNTS)),  # cumulative: which account sends a type
        ("due", "<i8", (TIMERS,)),  # ns: orders first, then agents, then the fundamental
        ("heap", "<i8", (TIMERS,)),  # timer numbers, earliest first
        ("places", "<i8", (TIMERS,)),  # place in the heap; -1 = not set
        ("agents", AGENT, (AGENTS,)),
    ]
)

# A stream of random numbers on its own.
STREAM = np.dtype([("random", "<u8")])
