"""The instructions that scripted agents follow, and the registers they work on."""

import numpy as np

# What an instruction does; `kernels/sim_script.py` says how.
(
    END,  # the script is over
    COPY,  # register a = register b
    WAIT,  # for about register a times x, at most y ns where y > 0; c = 1: not past the deadline
    JUMP,  # to b
    LOOP,  # count register a down; to b while it is above 0
    IF_SHOWN,  # to b where the evidence is there, or none is wanted
    IF_LATE,  # to b past the deadline
    IF_FILLED,  # to b where an order meant to trade has traded in this cycle
    IF_LIVE,  # to b where an order of role a rests
    IF_GOT,  # to b where the last trade got something
    IF_BELOW,  # to b where register a is below x
    CLEAR,  # forget the counts of the last cycle
    ENTER,  # an order of role a on side b at price rule c, of the size in register x
    PULL,  # the first order of role a; c = 1: half of the large side is the evidence
    SNAP,  # note how much of the large side rests
    AWAIT,  # a fill, for about register a
    SWEEP,  # take from the book on side a over b levels, of the size in register x
    DARK,  # enter the pool on side a; b = 1 at once or not; c = 1 all or none; size register x
    HIT,  # let the next member trade with the own order that is first in its queue
    MARK,  # the evidence: b = 0 now, 1 where the last trade got something, 2 register a >= x
    TURN,  # the other side
    NEXT,  # the next member
    CHURN,  # enter an order behind the touch, or pull one
    WATCH,  # for a move of the quote, for about register a; got where it came, on its side
    CHECK,  # keep what was got at a reference better than the quote's; b = 1: than noted by ROOM
    ROOM,  # as if got: the prices that are free between the quotes; note the midpoint
    SCALE,  # multiply register a by x
    TALLY,  # count one more act
) = range(28)

# Registers.
IP, SIDE, SIZE, BIG, PART, SPAN, PAUSE, CYCLES, COUNT, LAYERS, TARGET, AWAY = range(12)
LARGE, PULLED, GOT, MEMBER, PRINTS = range(12, 17)
REGISTERS = 17

OWN, OTHER = range(2)  # sides, as the agent sees them
TOUCH, INSIDE, BEHIND = range(3)  # price rules

LINES = 640  # instructions of all programs together
INSTRUCTION = np.dtype(
    [("op", "<i8"), ("a", "<i8"), ("b", "<i8"), ("c", "<i8"), ("x", "<f8"), ("y", "<f8")]
)
