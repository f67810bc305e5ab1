"""What is usual for a security at this half-hour, from earlier days; and how a day becomes history.

What is usual comes from the security's own earlier days where they are known, feature by feature
and half-hour by half-hour, else from its whole earlier days, else from its class. When a half-hour
ends, the day's median and deviation as tracked then are its statistics for the days to come, for
every feature that it defined 1,000 times; when a session opens, those of the day's end are the
whole day's, under the same rule. The first day is taken as it is, each later one for a fifth. Of
flows (expected volume, depth, messages) five days are kept and their median is expected; a
half-hour counts when at least half of it was watched without a loss.

A half-hour's own statistics are not read again before the next session, so nothing of a day enters
what it is compared with.
"""

import math
from typing import NamedTuple

import numpy as np

from kernels.classes import class_of, is_message, measure
from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import FEATURES, I64_MAX
from kernels.normalise import (
    FLOOR,
    HALF_HOUR_NS,
    LIVE_COUNT,
    LIVE_MAD,
    LIVE_MEDIAN,
    ONE,
    SIGMA,
    USUAL_BLEND,
    USUAL_MEDIAN,
    USUAL_SCALE,
    ZERO,
    half_hour,
    restart_live,
)
from kernels.profile import (
    A_FLOW,
    DAYS,
    EVENT_COUNT,
    FIRST_NS,
    expect_flow,
    flow_since,
    mark_flows,
    suggest_profile,
)

LEAST_VALUES = np.float32(1_000.0)  # the tracker's memory is 500: it has left what came before
A_DAY = np.float32(1.0 / DAYS)
LEAST_WATCHED_S = 900.0
FLOWS = len(A_FLOW)
OWN_MEDIAN, OWN_SCALE = range(2)

# Columns of `place`.
ROW, NAMED, OWN_ROW = range(3)  # history row in use; the one its names gave; 1: it is its own
HALF_HOUR, UNTIL, FROM = 3, 4, 5  # in use; ns, its end; ns from which it is watched, -1: spoilt
SINCE, ASSIGNED, CLASSIFIED = 6, 7, 8  # ns, first message measured; 1: class set; ns, when it was
DAY = 9  # earlier days seen
PLACE = 10
NOT_YET = -1


class HistoryState(NamedTuple):
    """What was fitted, and what securities' own days have added to it."""

    median: np.ndarray  # (C, H, 240) float32, of scaled features, by history row and half-hour
    scale: np.ndarray  # (C, H, 240) float32, > 0
    profile: np.ndarray  # (C, H, 12) float64, columns of kernels.profile; NaN = the day must tell
    bounds: np.ndarray  # (3, 2) float64: terciles of price, spread, rate; NaN = one class
    classes: np.ndarray  # (27,) int64: history row of each class
    place: np.ndarray  # (S, PLACE) int64
    own: np.ndarray  # (S, H + 1, 2, 240) float32: median, scale; last row: the whole day
    flows: np.ndarray  # (S, H, 4, DAYS) float64: A_FLOW of earlier days; NaN = none
    base: np.ndarray  # (S, 240) float32: the day's counts when the half-hour began
    measured: np.ndarray  # (S, 4) float64: kernels.classes


@lean_kernel
def find_usual(s, bucket, h, st):
    """Write what is usual for the security at a half-hour to `st.usual`."""
    row, whole_day = h.place[s, ROW], h.own.shape[1] - 1
    for j in range(FEATURES):
        at = whole_day if math.isnan(h.own[s, bucket, OWN_MEDIAN, j]) else bucket
        if math.isnan(h.own[s, at, OWN_MEDIAN, j]):
            st.usual[s, USUAL_MEDIAN, j] = h.median[row, bucket, j]
            st.usual[s, USUAL_SCALE, j] = h.scale[row, bucket, j]
            st.usual[s, USUAL_BLEND, j] = ONE
        else:
            st.usual[s, USUAL_MEDIAN, j] = h.own[s, at, OWN_MEDIAN, j]
            st.usual[s, USUAL_SCALE, j] = h.own[s, at, OWN_SCALE, j]
            st.usual[s, USUAL_BLEND, j] = ZERO


@lean_kernel
def median_flow(s, bucket, k, h):
    """Return the median of a flow over the earlier days that know it; NaN where none does."""
    n = 0
    for a in range(DAYS):
        if not math.isnan(h.flows[s, bucket, k, a]):
            n += 1
    total = 0.0
    for a in range(DAYS):
        x = h.flows[s, bucket, k, a]
        rank = 0
        for b in range(DAYS):
            y = h.flows[s, bucket, k, b]
            if y < x or (y == x and b < a):
                rank += 1
        if x == x:
            if rank == (n - 1) // 2:
                total += 0.5 * x
            if rank == n // 2:
                total += 0.5 * x
    return total if n > 0 else math.nan


@lean_kernel
def find_expected(s, bucket, h, profile):
    """Put the flows expected at a half-hour in use: its own, else the class's as priors."""
    if h.place[s, OWN_ROW] == 0:
        suggest_profile(h.profile[h.place[s, ROW], bucket], h.place[s, DAY] == 0, s, profile)
    for k in range(FLOWS):
        expect_flow(k, median_flow(s, bucket, k, h), s, profile)


@lean_kernel
def keep_feature(s, at, j, h, st):
    """Take a feature's tracked median and deviation into the history row `at`."""
    least = FLOOR * h.scale[h.place[s, ROW], min(at, h.scale.shape[1] - 1), j]
    median = st.live[s, LIVE_MEDIAN, j]
    scale = max(st.live[s, LIVE_MAD, j] * SIGMA, least)
    own = h.own[s, at]
    if math.isnan(own[OWN_MEDIAN, j]):
        own[OWN_MEDIAN, j] = median
        own[OWN_SCALE, j] = scale
    else:
        own[OWN_MEDIAN, j] += A_DAY * (median - own[OWN_MEDIAN, j])
        own[OWN_SCALE, j] += A_DAY * (scale - own[OWN_SCALE, j])


@lean_kernel
def close_half_hour(s, end, h, st, profile):
    """Take the half-hour in use into history, watched up to `end` ns, if nothing spoilt it."""
    place = h.place
    if place[s, FROM] == NOT_YET:
        return
    bucket = place[s, HALF_HOUR]
    for j in range(FEATURES):
        if st.live[s, LIVE_COUNT, j] - h.base[s, j] >= LEAST_VALUES:
            keep_feature(s, bucket, j, h, st)
    watched = (min(end, place[s, UNTIL]) - place[s, FROM]) * 1e-9
    if watched >= LEAST_WATCHED_S:
        for k in range(FLOWS):
            flow = flow_since(k, watched, s, profile)
            if not math.isnan(flow):
                h.flows[s, bucket, k, place[s, DAY] % DAYS] = flow
    place[s, FROM] = NOT_YET


@lean_kernel
def enter_half_hour(now, session_open, s, h, st, profile):
    """Close the half-hour in use and put that of `now` in use; the last one has no end.

    What comes before the session opens is compared with its first half-hour and kept for none.
    """
    place = h.place
    buckets = h.median.shape[1]
    close_half_hour(s, place[s, UNTIL], h, st, profile)
    bucket = half_hour(now, session_open, buckets)
    place[s, HALF_HOUR] = bucket
    if now < session_open:
        place[s, UNTIL] = session_open
    else:
        begins = session_open + bucket * HALF_HOUR_NS
        seen = np.int64(profile[s, FIRST_NS]) if profile[s, EVENT_COUNT] > 0.0 else now
        place[s, FROM] = max(begins, seen)
        place[s, UNTIL] = begins + HALF_HOUR_NS if bucket < buckets - 1 else I64_MAX
    for j in range(FEATURES):
        h.base[s, j] = st.live[s, LIVE_COUNT, j]
    mark_flows(s, profile)
    find_usual(s, bucket, h, st)
    find_expected(s, bucket, h, profile)


@lean_kernel
def roll_history(s, last, h, st, profile):
    """Take the day that ends into history; `last` is the time of its last observation, ns."""
    close_half_hour(s, last, h, st, profile)
    for j in range(FEATURES):
        if st.live[s, LIVE_COUNT, j] >= LEAST_VALUES:
            keep_feature(s, h.own.shape[1] - 1, j, h, st)
    if profile[s, EVENT_COUNT] >= LEAST_VALUES:
        h.place[s, DAY] += 1


@lean_kernel
def start_measuring(s, h):
    """Measure the security anew unless its class is set."""
    if h.place[s, ASSIGNED] == 0:
        h.place[s, SINCE] = NOT_YET
        h.measured[s, :] = 0.0


@lean_kernel
def start_day(s, h, st):
    """Let a day start from what is usual at its first half-hour."""
    find_usual(s, 0, h, st)
    restart_live(s, st)
    start_measuring(s, h)
    h.place[s, UNTIL] = NOT_YET
    h.place[s, FROM] = NOT_YET


@lean_kernel
def assign_class(now, s, h, st, profile):
    """Set the class of a security that is measured; its own day so far stays."""
    place = h.place
    place[s, ROW] = h.classes[class_of(now - place[s, SINCE], h.measured[s], h.bounds)]
    place[s, ASSIGNED] = 1
    place[s, CLASSIFIED] = now
    find_usual(s, place[s, HALF_HOUR], h, st)
    find_expected(s, place[s, HALF_HOUR], h, profile)


@hot_kernel
def classify(o, s, tick, h, st, profile):
    """Take an observation into the measures of a security whose class is not set."""
    if h.place[s, ASSIGNED] != 0 or not is_message(o):
        return
    if h.place[s, SINCE] == NOT_YET:
        h.place[s, SINCE] = o["ts"]
    if measure(o, tick, h.place[s, SINCE], h.measured[s]):
        assign_class(o["ts"], s, h, st, profile)
