"""Observations for the tests of order flow: plain ones by field, and random streams."""

import math

import numpy as np
from hypothesis import strategies as st

from kernels.flow import accumulate_flow, write_flow
from kernels.held import find_starts, hold
from kernels.layout import (
    ADD,
    ASK,
    BID,
    CANCEL,
    DARK_TRADE,
    EXECUTE,
    HIDDEN_TRADE,
    I64_MAX,
    LEVEL,
    LIT_TRADE,
    NO_TRADE,
    OBSERVATION,
    QUOTE,
    REPLACE,
    STATUS,
    TRADE,
    UNKNOWN_AGE,
)
from kernels.price import accumulate_price
from kernels.profile import A1, A2, B1, B2, MU, P50, P90, PROFILE
from kernels.slots import TICK as TICK_FIELD
from kernels.tempo import accumulate_tempo
from kernels.volume import accumulate_volume
from kernels.windows import admit, roll, totals, window_state
from tests.naive.flow import NO_DISTANCE, PANE_NS, Reference

REFERENCE = Reference(p50=100, p90=500, tick=10_000_000, mu=2.0, a=(0.5, 0.25), b=(100.0, 10.0))
START = 34_200_000_000_000  # ns: 09:30, an edge of every level
TICK = 10_000_000  # 0.01 of the currency, in 1e-9

UNKNOWN = {
    "price": I64_MAX,
    "aux_price": I64_MAX,
    "distance": NO_DISTANCE,
    "age": UNKNOWN_AGE,
    "contra_age": UNKNOWN_AGE,
    "reference_age": UNKNOWN_AGE,
    "bid0": I64_MAX,
    "ask0": I64_MAX,
    "bid": I64_MAX,
    "ask": I64_MAX,
    "mid2_before": I64_MAX,
    "mid2": I64_MAX,
    "touch_depth": math.nan,
    "depth5": math.nan,
    "depth_imbalance": math.nan,
}


def observations(*rows: dict) -> np.ndarray:
    """Return OBSERVATION rows; a field left out is unknown or 0, `ts` counts from START."""
    out = np.zeros(len(rows), OBSERVATION)
    for i, row in enumerate(rows):
        for name, value in {**UNKNOWN, **row}.items():
            out[i][name] = value
        out[i]["ts"] += START
        out[i]["arrival"] = i
    return out


@st.composite
def times(draw, most: int = 60):
    """Times from START that dwell on pane edges, silences of 0.1 s to 1 h, and late events."""
    now, out = START + draw(st.integers(0, 2 * PANE_NS[3])), []
    for _ in range(draw(st.integers(1, most))):
        pane = draw(st.sampled_from(PANE_NS))
        edge = pane * (now // pane + 1)
        step = draw(
            st.one_of(
                st.just(0),
                st.integers(1, 2_000_000),
                st.integers(1, 20 * PANE_NS[0]),
                st.sampled_from([edge - now, edge - now - 1, edge - now + 1]),
                st.sampled_from([15 * pane, 16 * pane, 17 * pane]),
                st.sampled_from([10**8, 10**9, 10**10, 6 * 10**10, 36 * 10**11]),
                st.integers(-(10**9), -1),
            )
        )
        if step < 0:
            out.append(now + step)
        else:
            now += step
            out.append(now)
    return np.array(out, np.int64)


def random_flow(ts: np.ndarray, seed: int) -> np.ndarray:
    """Return a random observation for each time: every kind, known and unknown fields alike.

    A late event bears the time of the latest before it, as the market stage gives it.
    """
    rng = np.random.default_rng(seed)
    out = np.zeros(len(ts), OBSERVATION)
    kinds = [ADD, CANCEL, REPLACE, EXECUTE, TRADE, QUOTE, LEVEL, STATUS]
    mid2 = 2 * 100_000_000_000
    for i in range(len(ts)):
        o = out[i]
        for name, value in UNKNOWN.items():
            o[name] = value
        kind = rng.choice(kinds, p=[0.3, 0.25, 0.06, 0.15, 0.1, 0.08, 0.03, 0.03])
        o["ts"], o["arrival"], o["kind"] = ts[: i + 1].max(), i, kind
        o["late"] = o["ts"] > ts[i]
        o["side"] = side = rng.choice([BID, ASK])
        o["dark"] = dark = rng.random() < 0.3
        up = 1 if side == BID else -1
        size = int(np.ceil(rng.lognormal(4.5, 1.2)))
        o["order_size"] = size if rng.random() < 0.9 else 0
        if kind in (ADD, REPLACE):
            o["added"] = size
            o["distance"] = rng.integers(-1, 10) if rng.random() < 0.8 else NO_DISTANCE
        if kind in (CANCEL, REPLACE):
            o["removed"] = rng.integers(1, size + 1)
            o["order_left"] = 0 if rng.random() < 0.8 else 7
        if kind in (CANCEL, REPLACE, EXECUTE) and rng.random() < 0.9:
            o["age"] = int(10 ** rng.uniform(1, 11))
        if kind in (EXECUTE, TRADE):
            o["trade"] = DARK_TRADE if dark else rng.choice([LIT_TRADE, HIDDEN_TRADE])
            o["traded"] = size
            o["aggressor"] = rng.choice([-1, 0, 1], p=[0.4, 0.15, 0.45])
            o["flow_sign"] = o["aggressor"]
        if kind == ADD:
            o["flow_sign"] = up
        if kind == CANCEL:
            o["flow_sign"] = -up
        if rng.random() < 0.9:
            o["quoted"] = 1
            o["bid_size"], o["ask_size"] = rng.integers(0, 400, 2)
            o["mid2_before"] = mid2
            mid2 += TICK * rng.integers(-1, 2)
            o["mid2"] = mid2
            o["touch_depth"] = (int(o["bid_size"]) + int(o["ask_size"])) / 2
            o["depth_imbalance"] = rng.uniform(-1, 1)
            o["ofi_touch"], o["ofi_deep"], o["ofi_integrated"] = rng.integers(-300, 300, 3)
    assert set(np.unique(out["trade"])) <= {NO_TRADE, LIT_TRADE, HIDDEN_TRADE, DARK_TRADE}
    return out


class Runner:
    """The windows, held values and slots of one security, stepped by one observation."""

    def __init__(self) -> None:
        profile = np.zeros((1, PROFILE))
        r = REFERENCE
        profile[0, [P50, P90, MU]] = r.p50, r.p90, r.mu
        profile[0, [A1, A2]], profile[0, [B1, B2]] = r.a, r.b
        self.st = window_state(profile)
        self.st.i[0, TICK_FIELD] = r.tick
        self.clock = 0

    def observe(self, o: np.void) -> None:
        """Take one observation; `ts` no older than the last, as the market gives them."""
        with np.errstate(over="ignore"):
            admit(o, 0, self.st)
            accumulate_volume(o, 0, self.st)
            accumulate_tempo(o, 0, self.st)
            accumulate_price(o, 0, self.st)
            accumulate_flow(o, 0, self.st)
            hold(o, 0, self.st)
        self.clock = int(o["ts"])

    def write(self, now: int) -> np.ndarray:
        """Return the (240,) row at `now`, NaN outside order flow."""
        row = np.full(240, math.nan)
        # Integrals of held values wrap by design; NumPy warns of it where nothing is compiled.
        with np.errstate(over="ignore"):
            roll(0, now, self.st)
            totals(0, self.st)
            find_starts(0, self.st)
            write_flow(0, now, self.st, row)
        return row

    def run(self, flow: np.ndarray) -> np.ndarray:
        """Take all observations and return the row at the last."""
        for o in flow:
            self.observe(o)
        return self.write(self.clock)
