"""What is usual for a security: the reference statistics that formulas divide by or compare with.

A statistic comes from the security's earlier days where they are known; the rest is estimated from
its own day so far, from the class's value or a prior on. Columns below ESTIMATES are the ones in
use; a family reads `st.profile[s, P90]` and nothing else. Prior values keep the first seconds of a
day defined.
"""

import math

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import DARK_TRADE, LEVEL, NO_TRADE

# In use.
P10, P50, P90 = range(3)  # order sizes at entry, size units; tiny <= P10, large >= P90
LIT_RATE, DARK_RATE = 3, 4  # expected traded quantity, size units/s
SLOW_DEPTH = 5  # usual depth of levels 1-5, both sides, size units
REFERENCE_P95 = 6  # usual largest age of a dark print's reference, ns
MU, A1, B1, A2, B2 = range(7, 12)  # Hawkes baseline 1/s, branching ratio and decay 1/s of 2 kernels
IN_USE = 12
A_FLOW = (LIT_RATE, DARK_RATE, SLOW_DEPTH, MU)  # what differs by half-hour
OF_CLASS = (A1, B1, A2, B2)  # never estimated from a day

GIVEN0 = IN_USE  # 1 where the column in use was given and is not estimated
PRIOR0 = 2 * IN_USE  # what it was when the session opened
ESTIMATES = 3 * IN_USE  # what the estimates are made of
FIRST_NS, LIT_SUM, DARK_SUM, EVENT_COUNT = range(ESTIMATES, ESTIMATES + 4)
DEPTH_COUNT, SIZE_COUNT, AGE_COUNT = range(ESTIMATES + 4, ESTIMATES + 7)
MESSAGES, DEPTH_SUM, DEPTH_SEEN = range(ESTIMATES + 7, ESTIMATES + 10)  # no LEVEL; all of the day
RUNNING = (LIT_SUM, DARK_SUM, MESSAGES, DEPTH_SUM, DEPTH_SEEN)
LIT_BASE, DARK_BASE, MESSAGES_BASE, DEPTH_BASE, SEEN_BASE = range(ESTIMATES + 10, ESTIMATES + 15)
SIZE_BINS = 96  # quarters of octaves from 1, each (count, sum)
SIZE_HISTOGRAM = ESTIMATES + 15
AGE_BINS = 48  # halves of octaves from 1 us, each (count, sum)
AGE_HISTOGRAM = SIZE_HISTOGRAM + 2 * SIZE_BINS
PROFILE = AGE_HISTOGRAM + 2 * AGE_BINS

# Before anything is known: one round lot, a share a second, a quarter of events their own cause.
PRIOR = (100.0, 100.0, 100.0, 1.0, 1.0, 1_000.0, 5e6, 1.0, 0.5, 3e3, 0.26, 50.0)
assert len(PRIOR) == IN_USE
PRIOR_S = 60.0  # weight of a prior rate, in seconds watched
DEPTH_SPAN = 2_000.0  # observations over which the estimate of usual depth forgets
COMMON = 0.2  # share of orders beyond which a size is neither tiny nor large
BESIDE = 1e-9  # how far, as a share of that size, tiny ends below it and large begins above it
REFRESH = 64  # sizes or ages between two readings of their quantiles
LEAST_SIZES = 200.0  # sizes, or ages, of a day that the days after it build on
DAYS = 5  # earlier days that statistics remember


@hot_kernel
def log_bin(x, per_octave, bins):
    """Return the bin of x >= 1: each octave cut into `per_octave` equal parts."""
    mantissa, exponent = math.frexp(x)
    part = int((2.0 * mantissa - 1.0) * per_octave)
    return min(max((exponent - 1) * per_octave + part, 0), bins - 1)


@hot_kernel
def due(count):
    """Return whether quantiles are read again: at every power of two, then every REFRESH."""
    return count % REFRESH == 0 or count & (count - 1) == 0


@lean_kernel
def quantile(profile, s, histogram, bins, target):
    """Return (bin, count up to and with it) where the cumulated count reaches `target`.

    Bins are pairs of columns (count, sum), so that a day of round lots has a round median.
    """
    below = 0.0
    for j in range(bins):
        below += profile[s, histogram + 2 * j]
        if below >= target:
            return j, below
    return bins - 1, below


@hot_kernel
def bin_mean(profile, s, histogram, j):
    """Return the mean of what fell into a bin."""
    return profile[s, histogram + 2 * j + 1] / profile[s, histogram + 2 * j]


@lean_kernel
def size_quantile(s, column, profile):
    """Return the day's P10, P50 or P90 of the sizes so far.

    Where one size is so common that more than a fifth of all orders would be tiny, or large, tiny
    ends below it and large begins above it: with nine of ten orders a round lot, a round lot is
    neither.
    """
    count = profile[s, SIZE_COUNT]
    share = 0.1 if column == P10 else (0.5 if column == P50 else 0.9)
    j, upto = quantile(profile, s, SIZE_HISTOGRAM, SIZE_BINS, share * count)
    beside = 1.0
    if column == P10 and upto > COMMON * count:
        beside = 1.0 - BESIDE
    above = count - upto + profile[s, SIZE_HISTOGRAM + 2 * j]
    if column == P90 and above > COMMON * count:
        beside = 1.0 + BESIDE
    return beside * bin_mean(profile, s, SIZE_HISTOGRAM, j)


@lean_kernel
def age_quantile(s, profile):
    """Return the day's P95 of the reference ages so far, ns."""
    j, _ = quantile(profile, s, AGE_HISTOGRAM, AGE_BINS, 0.95 * profile[s, AGE_COUNT])
    return bin_mean(profile, s, AGE_HISTOGRAM, j)


@lean_kernel
def add_size(size, s, profile):
    """Take the size of an order entered into P10, P50 and P90."""
    at = SIZE_HISTOGRAM + 2 * log_bin(size, 4, SIZE_BINS)
    profile[s, at] += 1.0
    profile[s, at + 1] += size
    profile[s, SIZE_COUNT] += 1.0
    if due(int(profile[s, SIZE_COUNT])):
        for column in (P10, P50, P90):
            if profile[s, GIVEN0 + column] == 0.0:
                profile[s, column] = size_quantile(s, column, profile)


@lean_kernel
def add_age(age_ns, s, profile):
    """Take the age of a dark print's reference into REFERENCE_P95."""
    at = AGE_HISTOGRAM + 2 * log_bin(max(age_ns * 1e-3, 1.0), 2, AGE_BINS)
    profile[s, at] += 1.0
    profile[s, at + 1] += age_ns
    profile[s, AGE_COUNT] += 1.0
    if due(int(profile[s, AGE_COUNT])) and profile[s, GIVEN0 + REFERENCE_P95] == 0.0:
        profile[s, REFERENCE_P95] = age_quantile(s, profile)


@lean_kernel
def add_rates(ts, s, profile):
    """Estimate the rates anew: what came so far and PRIOR_S of the prior, over the time of both."""
    watched = PRIOR_S + max(0.0, (ts - profile[s, FIRST_NS]) * 1e-9)
    for column, total in ((LIT_RATE, LIT_SUM), (DARK_RATE, DARK_SUM), (MU, EVENT_COUNT)):
        if profile[s, GIVEN0 + column] == 0.0:
            came = profile[s, total]
            if column == MU:
                came *= max(0.0, 1.0 - profile[s, A1] - profile[s, A2])
            profile[s, column] = (profile[s, PRIOR0 + column] * PRIOR_S + came) / watched


@lean_kernel
def accumulate_profile(o, s, st):
    """Take one observation into the security's own reference statistics.

    The last of an observation's accumulates: no statistic contains the event it is compared with.
    """
    profile = st.profile
    if profile[s, EVENT_COUNT] == 0.0:
        profile[s, FIRST_NS] = o["ts"]
    profile[s, EVENT_COUNT] += 1.0
    if o["kind"] != LEVEL:
        profile[s, MESSAGES] += 1.0
    if o["added"] > 0:
        add_size(float(o["added"]), s, profile)
    depth = o["depth5"]
    if depth > 0.0:
        profile[s, DEPTH_SUM] += depth
        profile[s, DEPTH_SEEN] += 1.0
    if depth > 0.0 and profile[s, GIVEN0 + SLOW_DEPTH] == 0.0:
        profile[s, DEPTH_COUNT] = min(profile[s, DEPTH_COUNT] + 1.0, DEPTH_SPAN)
        profile[s, SLOW_DEPTH] += (depth - profile[s, SLOW_DEPTH]) / profile[s, DEPTH_COUNT]
    if o["trade"] == DARK_TRADE:
        profile[s, DARK_SUM] += o["traded"]
        if o["reference_age"] >= 0:
            add_age(float(o["reference_age"]), s, profile)
    elif o["trade"] != NO_TRADE:
        profile[s, LIT_SUM] += o["traded"]
    if due(int(profile[s, EVENT_COUNT])):
        add_rates(o["ts"], s, profile)


@lean_kernel
def start_profile(s, profile):
    """Put the priors in use and forget all estimates."""
    profile[s, :] = 0.0
    for column in range(IN_USE):
        profile[s, column] = PRIOR[column]
        profile[s, PRIOR0 + column] = PRIOR[column]


@lean_kernel
def keep_day(column, count, today, s, profile):
    """Let the days after this one use what it showed: alone at first, then a fifth a day."""
    if count < LEAST_SIZES:
        return
    part = 1.0 / DAYS if profile[s, GIVEN0 + column] == 1.0 else 1.0
    profile[s, column] += part * (today - profile[s, column])
    profile[s, GIVEN0 + column] = 1.0


@lean_kernel
def roll_profile(s, profile):
    """Open a session: sizes and ages are those of earlier days, other estimates become priors."""
    if profile[s, SIZE_COUNT] >= LEAST_SIZES:
        for column in (P10, P50, P90):
            today = size_quantile(s, column, profile)
            keep_day(column, profile[s, SIZE_COUNT], today, s, profile)
    if profile[s, AGE_COUNT] >= LEAST_SIZES:
        keep_day(REFERENCE_P95, profile[s, AGE_COUNT], age_quantile(s, profile), s, profile)
    for column in range(IN_USE):
        profile[s, PRIOR0 + column] = profile[s, column]
    for column in range(ESTIMATES, PROFILE):
        profile[s, column] = 0.0


@lean_kernel
def give_profile(given, s, profile):
    """Put statistics of the security's own earlier days in use.

    `given` is (12,) float64, NaN where unknown: there the day itself must tell.
    """
    for column in range(IN_USE):
        known = not math.isnan(given[column])
        profile[s, GIVEN0 + column] = 1.0 if known else 0.0
        if known:
            profile[s, column] = given[column]


@lean_kernel
def suggest_profile(given, fresh, s, profile):
    """Let the statistics of a class be priors, which the security's own day then refines.

    Only how events excite one another is the class's for good: no day is long enough to tell; of
    a security that is not `fresh`, earlier days tell the rest.
    """
    for column in OF_CLASS:
        if not math.isnan(given[column]):
            profile[s, column] = given[column]
    for column in range(A1):
        value = given[column]
        if fresh and not math.isnan(value) and profile[s, GIVEN0 + column] == 0.0:
            profile[s, PRIOR0 + column] = value
            if profile[s, EVENT_COUNT] == 0.0:
                profile[s, column] = value


@lean_kernel
def mark_flows(s, profile):
    """Let the half-hour's flows count from here."""
    for k in range(len(RUNNING)):
        profile[s, LIT_BASE + k] = profile[s, RUNNING[k]]


@lean_kernel
def flow_since(k, watched_s, s, profile):
    """Return the flow A_FLOW[k] since `mark_flows`, over `watched_s` seconds; NaN if unknown.

    Traded quantity in size units/s with PRIOR_S of the prior, so that nothing is never expected;
    depth in size units; messages/s, of which MU is the part that nobody caused.
    """
    if k == 2:
        seen = profile[s, DEPTH_SEEN] - profile[s, SEEN_BASE]
        return (profile[s, DEPTH_SUM] - profile[s, DEPTH_BASE]) / seen if seen > 0.0 else math.nan
    if k == 3:
        return (profile[s, MESSAGES] - profile[s, MESSAGES_BASE]) / watched_s
    prior = PRIOR_S * profile[s, PRIOR0 + LIT_RATE + k]
    came = profile[s, LIT_SUM + k] - profile[s, LIT_BASE + k]
    return (prior + came) / (PRIOR_S + watched_s)


@lean_kernel
def expect_flow(k, usual, s, profile):
    """Put the usual flow of this half-hour in use; NaN: the day itself must tell."""
    column = A_FLOW[k]
    known = usual > 0.0
    if known:
        if column == MU:
            usual *= max(0.0, 1.0 - profile[s, A1] - profile[s, A2])
        profile[s, column] = usual
    profile[s, GIVEN0 + column] = 1.0 if known else 0.0
