"""The 16 single time features: 96-111."""

import math

from kernels.hawkes import decayed
from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import AUCTION, DARK_TRADE, LEVEL, NO_TRADE, STATUS
from kernels.panes import covariance_add, welford_add
from kernels.profile import A1, A2, B1, B2, MU
from kernels.slots import (
    COMPENSATED,
    EVENTS,
    EXCITE1,
    EXCITE2,
    GAP_M2,
    GAP_MEAN,
    GAP_N,
    LAST_DARK_TS,
    LAST_EVENT_TS,
    LAST_LIT_TS,
    LAST_LOG_GAP,
    LAST_PHASE_TS,
    LAST_QUOTE_TS,
    LAST_TS,
    LOG_GAP_N,
    LOG_GAP_XX,
    LOG_GAP_XY,
    LOG_GAP_YY,
    PREVIOUS_EVENT_TS,
    REFERENCE_AGE,
    RESCALED_GAP,
    SESSION_CLOSE,
    SESSION_OPEN,
    SHORT_GAPS,
    SLOTS,
    SPACING0,
    SPACING_COUNT,
    SPACINGS,
)
from kernels.windows import ratio

SHORT_NS = 1_000_000  # a gap under 1 ms
SHORTEST_S = 1e-6  # logarithms of times start at 1 us
PHASE_S = 60.0
ONE_S, TEN_S = 1, 2  # levels


@hot_kernel
def decay_excitations(dt, s, st):
    """Let the Hawkes excitations decay for `dt` s, and run the compensator over it."""
    f, profile = st.f, st.profile
    left1 = decayed(f[s, EXCITE1], profile[s, B1], dt)
    left2 = decayed(f[s, EXCITE2], profile[s, B2], dt)
    f[s, COMPENSATED] += (
        profile[s, MU] * dt
        + profile[s, A1] * (f[s, EXCITE1] - left1)
        + profile[s, A2] * (f[s, EXCITE2] - left2)
    )
    f[s, EXCITE1] = left1
    f[s, EXCITE2] = left2


@hot_kernel
def accumulate_gap(gap, s, st):
    """Take the time since the event before, in ns, and the Hawkes compensator over it."""
    f, i = st.f, st.i
    if gap < SHORT_NS:
        f[s, SHORT_GAPS] += 1.0
    welford_add(f[s], GAP_N, gap * 1e-9)
    log_gap = math.log(max(gap * 1e-9, SHORTEST_S))
    if not math.isnan(f[s, LAST_LOG_GAP]):
        covariance_add(f[s], LOG_GAP_N, f[s, LAST_LOG_GAP], log_gap)
    f[s, LAST_LOG_GAP] = log_gap
    rescaled = f[s, COMPENSATED]
    f[s, RESCALED_GAP] = rescaled
    f[s, SPACING0 + i[s, SPACING_COUNT] % SPACINGS] = rescaled * rescaled
    i[s, SPACING_COUNT] += 1


@lean_kernel
def accumulate_tempo(o, s, st):
    """Take one observation into the time features' slots.

    A LEVEL corrects what a reader with few levels could not see; nobody sent it, so it is no event.
    """
    f, i = st.f, st.i
    ts = o["ts"]
    if i[s, LAST_TS] >= 0 and ts > i[s, LAST_TS]:
        decay_excitations((ts - i[s, LAST_TS]) * 1e-9, s, st)
    if o["nbbo_changed"] != 0:
        i[s, LAST_QUOTE_TS] = ts
    if o["kind"] == LEVEL:
        return
    f[s, EVENTS] += 1.0
    if i[s, LAST_EVENT_TS] >= 0:
        accumulate_gap(ts - i[s, LAST_EVENT_TS], s, st)
    i[s, PREVIOUS_EVENT_TS] = i[s, LAST_EVENT_TS]
    i[s, LAST_EVENT_TS] = ts
    f[s, COMPENSATED] = 0.0
    f[s, EXCITE1] += 1.0
    f[s, EXCITE2] += 1.0
    if o["trade"] == DARK_TRADE:
        i[s, LAST_DARK_TS] = ts
        i[s, REFERENCE_AGE] = o["reference_age"]
    elif o["trade"] != NO_TRADE:
        i[s, LAST_LIT_TS] = ts
    if o["kind"] == STATUS or o["flags"] & AUCTION:
        i[s, LAST_PHASE_TS] = ts


@hot_kernel
def log10_seconds(ns):
    """Return log10 of a time in seconds, from 1 us up."""
    return math.log10(max(ns * 1e-9, SHORTEST_S))


@hot_kernel
def since(now, then):
    """Return log10 seconds from `then` to `now`; NaN where it never was."""
    return log10_seconds(now - then) if then >= 0 else math.nan


@hot_kernel
def burstiness(tot, at):
    """Return (sd - mean) / (sd + mean) of the gaps of a window; NaN below 2 gaps.

    Source: Goh & Barabasi (2008), EPL 81, 48002.
    """
    n, mean = tot[0, at + GAP_N], tot[0, at + GAP_MEAN]
    if n < 2.0:
        return math.nan
    sd = math.sqrt(tot[0, at + GAP_M2] / n)
    return ratio(sd - mean, sd + mean)


@hot_kernel
def mean_spacing(s, st):
    """Return the mean squared rescaled gap of the last 64 events; NaN before the first gap.

    2 for a Poisson process, more when bursts are stronger than the fit expects.
    """
    n = min(st.i[s, SPACING_COUNT], SPACINGS)
    total = 0.0
    for j in range(SPACINGS):
        total += st.f[s, SPACING0 + j]
    return total / n if n > 0 else math.nan


@lean_kernel
def write_tempo(
    s,  # row of the security
    now,  # ns, time of its last observation
    st,  # WindowState, after windows.totals
    row,  # (240,) float64
):
    """Write features 96-111; NaN where undefined."""
    i, tot = st.i, st.tot
    for j in range(96, 100):
        row[j] = math.nan
    length = i[s, SESSION_CLOSE] - i[s, SESSION_OPEN]
    if length > 0:
        fraction = min(max((now - i[s, SESSION_OPEN]) / length, 0.0), 1.0)
        sine, cosine = math.sin(math.pi * fraction), math.cos(math.pi * fraction)
        row[96] = sine
        row[97] = cosine
        row[98] = 2.0 * sine * cosine
        row[99] = 1.0 - 2.0 * sine * sine
    row[100] = since(now, i[s, PREVIOUS_EVENT_TS])
    row[101] = since(now, i[s, LAST_LIT_TS])
    row[102] = since(now, i[s, LAST_DARK_TS])
    row[103] = since(now, i[s, LAST_QUOTE_TS])
    row[104] = burstiness(tot, ONE_S * SLOTS)
    row[105] = burstiness(tot, TEN_S * SLOTS)
    at = TEN_S * SLOTS
    spread = tot[0, at + LOG_GAP_XX] * tot[0, at + LOG_GAP_YY]
    row[106] = math.nan
    if spread > 0.0:
        row[106] = tot[0, at + LOG_GAP_XY] / math.sqrt(spread)
    row[107] = st.f[s, RESCALED_GAP]
    row[108] = mean_spacing(s, st)
    row[109] = math.nan
    if i[s, REFERENCE_AGE] >= 0:
        row[109] = log10_seconds(i[s, REFERENCE_AGE])
    row[110] = 0.0
    if i[s, LAST_PHASE_TS] >= 0:
        row[110] = math.exp((i[s, LAST_PHASE_TS] - now) * 1e-9 / PHASE_S)
    row[111] = ratio(tot[0, ONE_S * SLOTS + SHORT_GAPS], tot[0, ONE_S * SLOTS + GAP_N])
