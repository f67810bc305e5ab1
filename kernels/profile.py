"""What is usual for a security: the reference statistics that formulas divide by or compare with.

A statistic comes from earlier days where the checkpoint carries them; the rest is estimated from
the security's own day so far. Columns below ESTIMATES are the ones in use; a family reads
`st.profile[s, P90]` and nothing else. Prior values keep the first seconds of a day defined.
"""

import math

from kernels.jit import kernel
from kernels.layout import DARK_TRADE, NO_TRADE

# In use.
P10, P50, P90 = range(3)  # order sizes at entry, size units; tiny <= P10, large >= P90
LIT_RATE, DARK_RATE = 3, 4  # expected traded quantity, size units/s
SLOW_DEPTH = 5  # usual depth of levels 1-5, both sides, size units
REFERENCE_P95 = 6  # usual largest age of a dark print's reference, ns
MU, A1, B1, A2, B2 = range(7, 12)  # Hawkes baseline 1/s, branching ratio and decay 1/s of 2 kernels
IN_USE = 12

# 1 where the column in use was given and is not estimated.
GIVEN0 = IN_USE
# What the estimates are made of.
ESTIMATES = GIVEN0 + IN_USE
FIRST_NS, LIT_SUM, DARK_SUM, DEPTH_COUNT, EVENT_COUNT = range(ESTIMATES, ESTIMATES + 5)
SIZE_COUNT, AGE_COUNT = ESTIMATES + 5, ESTIMATES + 6
SIZE_BINS = 128  # quarter octaves from 1
SIZE_HISTOGRAM = ESTIMATES + 7
AGE_BINS = 64  # half octaves from 1 us
AGE_HISTOGRAM = SIZE_HISTOGRAM + SIZE_BINS
PROFILE = AGE_HISTOGRAM + AGE_BINS

# Before anything is known: one round lot, a share a second, a quarter of events their own cause.
PRIOR = (100.0, 100.0, 100.0, 1.0, 1.0, 1_000.0, 5e6, 1.0, 0.35, 200.0, 0.40, 1.5)
assert len(PRIOR) == IN_USE
PRIOR_S = 60.0  # weight of a prior rate, in seconds watched
DEPTH_SPAN = 2_000.0  # observations over which the estimate of usual depth forgets
REFRESH = 64  # sizes or ages between two readings of their quantiles
