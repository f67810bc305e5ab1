"""Random markets for the tests of windows, and a runner of the price, volume and time kernels."""

import math

import numpy as np

from kernels import profile as p
from kernels.held import find_starts, hold
from kernels.layout import (
    ADD,
    AUCTION,
    CANCEL,
    DARK_TRADE,
    EXECUTE,
    HIDDEN_TRADE,
    I64_MAX,
    LEVEL,
    LIT_TRADE,
    OBSERVATION,
    QUOTE,
    STATUS,
    TRADE,
)
from kernels.price import accumulate_price, write_price
from kernels.slots import SESSION_CLOSE, SESSION_OPEN, TICK
from kernels.tempo import accumulate_tempo, write_tempo
from kernels.volume import accumulate_volume, write_volume
from kernels.windows import WindowState, admit, roll, totals, window_state
from tests.naive import price, tempo, volume

START = 34_200_000_000_000  # ns, an edge of every level
KINDS = (ADD, CANCEL, EXECUTE, TRADE, QUOTE, LEVEL, STATUS)
SHARES = (0.3, 0.25, 0.2, 0.12, 0.07, 0.04, 0.02)
STEPS = (0, 1_000, 900_000, 6_250_000, 6_249_999, 62_500_000, 10**8, 625_000_000, 10**9)
SILENCES = (937_500_000, 10**10, 60 * 10**9, 3_600 * 10**9)


def random_times(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return times that dwell on pane edges, with silences of 0.1 s to 1 h and late events."""
    out = np.zeros(n, np.int64)
    clock = START + int(rng.integers(0, 10**10))
    for i in range(n):
        dice = rng.random()
        if dice < 0.45:
            clock += int(rng.integers(0, 40_000_000))
        elif dice < 0.85:
            clock += int(rng.choice(STEPS))
        elif dice < 0.9:
            clock += int(rng.choice(SILENCES))
        else:
            pane = int(rng.choice((6_250_000, 62_500_000, 625_000_000, 3_750_000_000)))
            clock = pane * (clock // pane + int(rng.choice((1, 15, 16, 17)))) - int(rng.integers(2))
        out[i] = clock - (int(rng.integers(1, 10**9)) if rng.random() < 0.05 else 0)
    return out


def random_market(seed: int, n: int) -> np.ndarray:
    """Return n observations of a security whose quotes move, vanish and cross."""
    rng = np.random.default_rng(seed)
    out = np.zeros(n, OBSERVATION)
    tick = price.TICK
    bid, ask = 100_000_000_000, 100_000_000_000 + 2 * tick
    quoted, before = True, I64_MAX
    clock = 0
    for o, ts in zip(out, random_times(rng, n), strict=True):
        kind = int(rng.choice(KINDS, p=SHARES))
        o["late"], clock = ts < clock, max(clock, int(ts))
        o["ts"], o["kind"] = clock, kind
        o["bid0"], o["ask0"] = (bid, ask) if quoted else (I64_MAX, I64_MAX)
        o["mid2_before"] = before
        if rng.random() < 0.3:
            bid += tick * int(rng.integers(-2, 3))
            ask = max(ask + tick * int(rng.integers(-2, 3)), bid - tick)
        quoted = rng.random() < 0.93
        o["quoted"] = quoted
        o["bid"], o["ask"] = (bid, ask) if quoted else (I64_MAX, I64_MAX)
        before = bid + ask if quoted else I64_MAX
        o["mid2"] = before
        o["nbbo_changed"] = (o["bid"], o["ask"]) != (o["bid0"], o["ask0"])
        o["bid_size"], o["ask_size"] = rng.integers(0, 500, 2)
        o["depth5"] = math.nan if rng.random() < 0.1 else float(rng.integers(1, 9_000))
        o["depth_imbalance"] = rng.uniform(-1, 1)
        o["price"] = bid + tick * int(rng.integers(-1, 4))
        o["reference_age"] = -1
        if kind in (EXECUTE, TRADE):
            o["dark"] = dark = rng.random() < 0.35
            o["trade"] = DARK_TRADE if dark else rng.choice([LIT_TRADE, HIDDEN_TRADE])
            o["traded"] = int(np.ceil(rng.lognormal(4.5, 1.2)))
            o["aggressor"] = rng.choice([-1, 0, 1])
            o["flags"] = AUCTION if rng.random() < 0.05 else 0
            o["reference_age"] = int(rng.integers(-1, 10**7)) if dark else -1
    return out


def fixed_profile() -> np.ndarray:
    profile = np.zeros((1, p.PROFILE))
    profile[0, p.P50], profile[0, p.SLOW_DEPTH] = volume.P50, volume.SLOW_DEPTH
    profile[0, [p.LIT_RATE, p.DARK_RATE]] = volume.LIT_RATE, volume.DARK_RATE
    profile[0, p.MU] = tempo.MU
    profile[0, [p.A1, p.A2]], profile[0, [p.B1, p.B2]] = tempo.A, tempo.B
    return profile


class Runner:
    """The windows of one security with a fixed profile, stepped by one observation."""

    def __init__(self) -> None:
        self.st: WindowState = window_state(fixed_profile())
        self.st.i[0, TICK] = price.TICK
        self.st.i[0, [SESSION_OPEN, SESSION_CLOSE]] = tempo.SESSION_OPEN, tempo.SESSION_CLOSE

    def observe(self, o: np.void) -> None:
        admit(o, 0, self.st)
        accumulate_price(o, 0, self.st)
        accumulate_volume(o, 0, self.st)
        accumulate_tempo(o, 0, self.st)
        hold(o, 0, self.st)

    def write(self, now: int) -> np.ndarray:
        """Return features 0-111 at `now`, not before the last observation."""
        row = np.full(240, math.nan)
        roll(0, now, self.st)
        totals(0, self.st)
        find_starts(0, self.st)
        write_price(0, now, self.st, row)
        write_volume(0, self.st, row)
        write_tempo(0, now, self.st, row)
        return row[:112]


def naive_row(past: list, now: int) -> np.ndarray:
    """Return features 0-111 at `now` from the twins."""
    features = {
        **price.price_row(past, now),
        **volume.volume_row(past, now),
        **tempo.tempo_row(past, now),
    }
    return np.array([features[j] for j in range(112)])
