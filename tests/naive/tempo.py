"""The 16 time features recomputed from raw observations."""

import itertools
import math

import numpy as np

from kernels.layout import AUCTION, DARK_TRADE, HIDDEN_TRADE, LEVEL, LIT_TRADE, STATUS
from tests.naive.windows import NAN, Observation, view

# What the formulas take from the security's profile and session.
MU, A, B = 1.0, (0.35, 0.40), (200.0, 1.5)
SESSION_OPEN, SESSION_CLOSE = 34_000_000_000_000, 57_600_000_000_000


def log10_s(ns: int) -> float:
    return math.log10(max(ns * 1e-9, 1e-6))


def since(past: list[Observation], now: int, which) -> float:
    times = [o["ts"] for o in past if which(o)]
    return log10_s(now - times[-1]) if times else NAN


def compensator(events: list[Observation], i: int) -> float:
    """Integrate the intensity from event i - 1 to event i, term by term."""
    begin, end = events[i - 1]["ts"], events[i]["ts"]
    total = MU * (end - begin) * 1e-9
    for a, b in zip(A, B, strict=True):
        for o in events[:i]:
            from_s, to_s = (begin - o["ts"]) * 1e-9, (end - o["ts"]) * 1e-9
            total += a * (math.exp(-b * from_s) - math.exp(-b * to_s))
    return total


def burstiness(gaps: list[float]) -> float:
    if len(gaps) < 2 or max(gaps) == 0:
        return NAN
    sd, mean = float(np.std(gaps)), float(np.mean(gaps))
    return (sd - mean) / (sd + mean)


def memory(pairs: list[tuple[float, float]]) -> float:
    x, y = (np.array(side) for side in zip(*pairs, strict=True)) if pairs else ((), ())
    if len(pairs) < 2 or np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        return NAN
    return float(np.corrcoef(x, y)[0, 1])


def tempo_row(past: list[Observation], now: int) -> dict[int, float]:
    """Return features 96-111 of one security at `now`."""
    one, ten = view(past, now, 1), view(past, now, 2)
    events = [o for o in past if o["kind"] != LEVEL]
    gaps = [b["ts"] - a["ts"] for a, b in itertools.pairwise(events)]
    ends = [o["ts"] for o in events[1:]]
    logs = [math.log(max(gap * 1e-9, 1e-6)) for gap in gaps]
    f = min(max((now - SESSION_OPEN) / (SESSION_CLOSE - SESSION_OPEN), 0), 1)

    def inside(start: int) -> list[float]:
        return [gap * 1e-9 for gap, end in zip(gaps, ends, strict=True) if end >= start]

    pairs = [(logs[i - 1], logs[i]) for i in range(1, len(logs)) if ends[i] >= ten.start]
    rescaled = [compensator(events, i) for i in range(1, len(events))]
    last64 = rescaled[-64:]
    short = inside(one.start)
    prints = [o for o in past if o["trade"] == DARK_TRADE]
    age = prints[-1]["reference_age"] if prints else -1
    phases = [o["ts"] for o in past if o["kind"] == STATUS or o["flags"] & AUCTION]
    return {
        96: math.sin(math.pi * f),
        97: math.cos(math.pi * f),
        98: math.sin(2 * math.pi * f),
        99: math.cos(2 * math.pi * f),
        100: log10_s(now - events[-2]["ts"]) if len(events) > 1 else NAN,
        101: since(past, now, lambda o: o["trade"] in (LIT_TRADE, HIDDEN_TRADE)),
        102: since(past, now, lambda o: o["trade"] == DARK_TRADE),
        103: since(past, now, lambda o: o["nbbo_changed"]),
        104: burstiness(inside(one.start)),
        105: burstiness(inside(ten.start)),
        106: memory(pairs),
        107: rescaled[-1] if rescaled else NAN,
        108: math.fsum(x * x for x in last64) / len(last64) if last64 else NAN,
        109: log10_s(age) if age >= 0 else NAN,
        110: math.exp(-(now - phases[-1]) * 1e-9 / 60) if phases else 0.0,
        111: sum(gap < 1e-3 for gap in short) / len(short) if short else NAN,
    }
