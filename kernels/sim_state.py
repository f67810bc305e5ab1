"""The rows of the simulated market: securities, orders, levels, agents, and their constants.

All that a security needs lies in one record, so a kernel takes one argument and memory is bounded
by the number of securities, whatever the length of the tape.
"""

import numpy as np

from kernels.layout import EVENT
from kernels.sim_cast import AGENT
from kernels.sim_code import INSTRUCTION, LINES

MAKER_CLASS, BROKER, INFORMED, NOISE = range(4)  # classes of accounts

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
LIT, CALL, POOL = np.arange(1, 4)  # where an order rests; the second pool is POOL + 1
FIRM, CONDITIONED, INVITED = np.arange(3)  # states of a pool order
LISTINGS = 3  # instrument ids of a security: its lit book, its pools
POOLS = 2

# Phases of a security. Orders match in OPEN alone; FROZEN takes cancels alone, CALLED collects
# orders for an auction, SHUT takes nothing.
OPEN, FROZEN, CALLED, SHUT = np.arange(4)
# What a stage of the day does when its time comes.
SET_REGIME, SHOCK, FREEZE, OPEN_CALL, UNCROSS, UNCROSS_LAST = np.arange(6)

LEVELS = 1024  # ticks a lit book can span; a power of two
REACH = 440  # ticks behind its side's best beyond which orders are purged
MIDS = 64  # quotes remembered for the pool's lagging reference
PARENTS = 4  # parent orders at work in a security
ORDERS = 4096  # live orders a security can hold
AGENTS = 896  # agents of a security
ACCOUNTS = 1024  # participants
TIMERS = ORDERS + AGENTS + 2  # orders, agents, the pulse, the next stage
PULSE, STAGED = np.int64(TIMERS - 2), np.int64(TIMERS - 1)
STAGES = 64  # planned changes of regime and phase
LOGGED = 64  # changes of phase remembered
MAKERS = 6  # market makers of a security
BOTH_SIDES = 2  # price limits: below, above
WATCHERS = 8  # agents that can wait for the quote to move
RESENDERS = 8  # placebos that can be at work at once
SEGMENTS = 8  # segments of participants
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
        ("state", "<i8"),  # of a pool order: FIRM, CONDITIONED, INVITED
        ("maker", "<i8"),  # market maker whose quote it is, NOBODY
    ]
)

LEVEL = np.dtype([("head", "<i8"), ("tail", "<i8"), ("size", "<i8")])

MID = np.dtype([("ts", "<i8"), ("bid", "<i8"), ("ask", "<i8")])

# A parent order: `route` is the probability that a slice of it may go to a pool.
PARENT = np.dtype([("account", "<i8"), ("side", "<i8"), ("left", "<i8"), ("route", "<f8")])

# A market maker: what it has bought less what it has sold, and its two quotes.
MAKER = np.dtype(
    [
        ("account", "<i8"),
        ("inventory", "<i8"),
        ("width", "<f8"),  # its quotes' distance from its centre, in usual half spreads
        ("quotes", "<i8", (2,)),  # order slots, by side; -1 = none
    ]
)

# A planned change: `value` is a regime's volatility, or a shock in ln price; `pace` a regime's
# message rate; `drift` its trend in ln price a second.
STAGE = np.dtype(
    [("ts", "<i8"), ("code", "<i8"), ("value", "<f8"), ("pace", "<f8"), ("drift", "<f8")]
)

# A change of phase as it happened.
LOG = np.dtype([("ts", "<i8"), ("phase", "<i8")])

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
        ("volatility", "<f8"),  # factor of the regime
        ("pace", "<f8"),  # factor of the base rate
        ("drift", "<f8"),  # ln price a second
        ("liveliness", "<f8"),  # how much of ln volatility the base rate follows
        ("restless", "<f8", (2,)),  # standard deviations of ln volatility, minutes and an hour
        ("breadth", "<f8"),  # usual spread at this volatility, ticks
        ("swings", "<f8", (2,)),  # ln volatility: a component of minutes, one of an hour
        ("mu", "<f8"),  # 1/s, sum of base rates
        ("lot", "<f8"),  # scale of order sizes
        ("spread", "<f8"),  # usual spread, ticks
        ("tail_life", "<f8"),  # ln s, median life of patient orders
        ("dark_life", "<f8"),  # ln s, the same in the pool
        ("eager", "<f8"),  # how much imbalance decides the side of trades
        ("fade", "<f8"),  # how readily quotes on the pressed side are pulled
        ("chase", "<f8"),  # how closely makers follow the fundamental
        ("phase", "<i8"),  # OPEN, FROZEN, CALLED or SHUT
        ("stage", "<i8"),  # next of `stages`
        ("resumes", "<i8"),  # ns, when a closed phase ends; agents sleep until then
        ("called", "<i8"),  # orders that wait for the auction
        ("cross", "<i8"),  # ticks, price of the auction
        ("crossing", "<i8"),  # 1: the auction is trading
        ("paired", "<i8"),  # quantity that would trade at the price told last
        ("call_head", "<i8", (2,)),  # orders of the auction, in time order; -1 = none
        ("call_tail", "<i8", (2,)),
        ("limits", "<i8", (BOTH_SIDES,)),  # ticks outside which nothing trades
        ("anchor", "<f8"),  # ticks, the reference of the limits
        ("average", "<f8"),  # ticks, five-minute mean of the midpoint
        ("width", "<f8"),  # of the limits, as a share of the reference
        ("pinned", "<i8"),  # s for which the quote has stood at a limit
        ("pause_s", "<i8"),  # how long a limit pause lasts
        ("logged", "<i8"),
        ("pools", "<i8"),  # how many there are
        ("lags", "<f8", (POOLS,)),  # ns, median age of each pool's reference
        ("forced", "<i8"),  # 1e-9 currency, price of the next dark prints; 0 = the midpoint
        ("benign", "<i8", (2,)),  # live lit orders of the background, by side
        ("pool_head", "<i8", (2 * POOLS,)),  # at 2 * pool + side; -1 = none
        ("pool_tail", "<i8", (2 * POOLS,)),
        ("free", "<i8"),  # head of the free list of order slots
        ("armed", "<i8"),  # timers set
        ("quotes", "<i8"),  # quotes noted so far
        ("people", "<i8"),  # participants
        ("casts", "<i8"),  # agents
        ("watching", "<i8"),  # agents that wait for the quote to move
        ("watchers", "<i8", (WATCHERS,)),  # their rows
        ("resending", "<i8"),  # placebos at work
        ("resenders", "<i8", (RESENDERS,)),  # their rows
        ("breach", "<i8"),  # 1: the incoming order meets only those that it must not meet
        ("owners", "<i8", (ACCOUNTS + 1,)),  # owner of each account id
        ("segments", "<i8", (ACCOUNTS + 1,)),  # its segment
        ("barred", "<i8", (SEGMENTS, SEGMENTS)),  # 1: resting, incoming may not meet in the pool
        ("over", "<i8"),  # agents before this one are over for the labels
        ("lit_id", "<i8"),  # instrument ids; the pools' follow
        ("pool", "<i8"),  # the pool that messages are about
        ("random", "<u8"),  # the market's stream of random numbers
        ("count", "<i8"),  # messages of the step
        ("out", EVENT, (OUTPUT,)),
        ("senders", "<i4", (OUTPUT,)),  # agent whose message it is, NOBODY
        ("orders", ORDER, (ORDERS,)),
        ("levels", LEVEL, (LEVELS,)),  # by tick modulo LEVELS
        ("mids", MID, (MIDS,)),  # a ring
        ("parents", PARENT, (PARENTS,)),
        ("makers", MAKER, (MAKERS,)),
        ("stages", STAGE, (STAGES,)),
        ("log", LOG, (LOGGED,)),
        ("kinds", "<i8", (ACCOUNTS,)),  # class of each account
        ("demand", "<i8", (LEVELS,)),  # of the auction, by tick modulo LEVELS
        ("supply", "<i8", (LEVELS,)),
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
        ("scripted", "<i8"),  # 1: campaigns and look-alikes follow `program`
        ("program", INSTRUCTION, (LINES,)),  # all scripts, one behind the other
    ]
)

# A stream of random numbers on its own.
STREAM = np.dtype([("random", "<u8")])
