"""What an agent is like: durations, sizes and habits, continuous and alike for abuse and benign.

Higher stealth means smaller, later, sparser and less regular. A look-alike draws from the same
families, which overlap; a campaign repeats itself sooner, for what it does pays only if repeated.
"""

from typing import Any, Final

import numpy as np

from darkpool_watch.units import NS_PER_MS, NS_PER_S
from kernels.sim_cast import (
    CLOSE,
    FLIP,
    FRONT,
    IGNITE,
    LAYER,
    LOOKALIKE,
    NBBO,
    PAINT,
    PING,
    SIZE,
    SPOOF,
    STALE,
    STUFF,
    WASH,
)

# s, log-uniform: of a cycle, or of the whole campaign for the typologies of WHOLE.
DURATIONS_S: Final = {
    SPOOF: (0.02, 30.0),
    LAYER: (0.02, 30.0),
    FLIP: (0.02, 30.0),
    STALE: (0.02, 30.0),
    NBBO: (0.02, 30.0),
    STUFF: (0.1, 10.0),
    PING: (1.0, 600.0),
    SIZE: (1.0, 600.0),
    IGNITE: (1.0, 600.0),
    WASH: (60.0, 7_200.0),
    PAINT: (60.0, 7_200.0),
    FRONT: (60.0, 7_200.0),
    CLOSE: (60.0, 900.0),
}
WHOLE: Final = (PING, SIZE, IGNITE, WASH, PAINT, FRONT, CLOSE)
_MOST_CYCLES: Final = {
    **dict.fromkeys((SPOOF, LAYER, FLIP, STALE, NBBO), 20),
    STUFF: 4,
    PING: 5,
    SIZE: 4,
    IGNITE: 3,
    WASH: 25,
    PAINT: 40,
    FRONT: 24,
    CLOSE: 1,
}
_LEAST_CYCLES: Final = {WASH: 3, PAINT: 4, FRONT: 4}
_LEAST_REPEATED: Final = {WASH: 24, PAINT: 28, FRONT: 24}  # the same of a campaign
_MOST_REPEATED: Final = 40  # cycles of a campaign that lasts for its whole span
_BREATH_S: Final = (3.0, 12.0)  # of a cycle of PING, SIZE and IGNITE, at a stealth of 1
_PAUSES_S: Final = (0.05, 0.8)  # between a campaign's cycles, at a stealth of 1
_LONGEST_PAUSE_S: Final = 20.0
_PATIENCE_S: Final = 1_800.0  # how long an agent with cycles waits for its moments


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a log-uniform number in [low, high]."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def settle(rng: np.random.Generator, row: Any, lot: float, room_s: float) -> None:
    """Draw what an AGENT row with code, stealth and planned start is like.

    `lot` is the security's scale of sizes; `room_s` is what the tape leaves, and bounds durations.
    """
    typology = int(row["code"]) % LOOKALIKE
    stealth = float(row["stealth"])
    low, high = DURATIONS_S[typology]
    duration = min(log_uniform(rng, low, high), max(room_s, 1.5 * low))
    cycles, pause = _rhythm(rng, row, duration)
    patience = high
    if typology in (PING, SIZE, IGNITE):
        each = duration / cycles
        duration, pause = 0.85 * each, 0.15 * each
    elif typology not in WHOLE:
        cycles = max(1, min(cycles, int(room_s / (duration + pause))))
        patience = max(_PATIENCE_S, 3.0 * cycles * (duration + pause))
    row["cycles"] = cycles
    row["span"], row["pause"] = int(duration * NS_PER_S), int(pause * NS_PER_S)
    row["gives_up"] = row["planned"] + int(patience * NS_PER_S)
    row["reaction"] = int(min(log_uniform(rng, 5.0, 800.0) * stealth, 2_500.0) * NS_PER_MS)
    row["side"] = rng.integers(2)
    row["mode"] = rng.integers(2)
    row["size"] = int(100 * lot * int(log_uniform(rng, 1.0, 4.5)))
    row["ratio"] = np.clip(log_uniform(rng, 2.0, 25.0) / stealth, 1.2, 25.0)
    row["distance"] = rng.integers(4)
    row["layers"] = 1 if rng.random() < 0.6 else 2
    row["target"] = 1
    _HABITS[typology](rng, row, stealth)


def _rhythm(rng: np.random.Generator, row: Any, duration: float) -> tuple[int, float]:
    """Return how many cycles an agent plans, and its pause between them in s.

    A label counts the 5 s after any own message, so a campaign has to be seen in most of them: its
    pauses are short, and long probing or pushing is many cycles of some seconds.
    """
    typology = int(row["code"]) % LOOKALIKE
    most = _MOST_CYCLES[typology]
    if row["code"] >= LOOKALIKE:
        least = _LEAST_CYCLES.get(typology, 1)
        cycles = int(log_uniform(rng, least, most + 0.999))
        return cycles, log_uniform(rng, _PAUSES_S[0], _LONGEST_PAUSE_S)
    stealth = float(row["stealth"])
    pause = log_uniform(rng, *_PAUSES_S) * stealth
    if typology in _LEAST_REPEATED:
        return int(log_uniform(rng, _LEAST_REPEATED[typology], _MOST_REPEATED + 0.999)), pause
    cycles = int(rng.triangular(1, most, most + 1))
    if typology in (PING, SIZE, IGNITE):
        breaths = duration / (log_uniform(rng, *_BREATH_S) * stealth)
        cycles = min(max(cycles, int(breaths)), _MOST_REPEATED)
    return cycles, pause


def _spoof(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the large side and its levels, and a reaction that fits into a cycle."""
    row["size"] *= 3
    if row["code"] < LOOKALIKE:
        row["ratio"] = np.clip(log_uniform(rng, 10.0, 30.0) / stealth, 2.0, 25.0)
    if row["code"] == LAYER:
        row["layers"] = rng.integers(3, 11)
    elif row["code"] == SPOOF:
        row["layers"] = rng.integers(1, 4)
    elif row["code"] == LAYER + LOOKALIKE:
        row["layers"] = rng.integers(2, 9)
    elif row["code"] == SPOOF + LOOKALIKE:
        row["layers"] = rng.choice([1, 2, 3, 4], p=[0.5, 0.2, 0.2, 0.1])
    row["reaction"] = min(int(row["reaction"]), int(0.3 * row["span"]))


def _stuff(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the messages of a burst."""
    if row["code"] == STUFF:
        row["target"] = max(205, int(log_uniform(rng, 215, 600) / max(stealth, 1.0)))
    else:
        row["target"] = int(log_uniform(rng, 40, 320))


def _match(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set where matched trades happen and how soon the second leg follows."""
    row["mode"] = 0 if row["code"] == PAINT else rng.integers(3)
    row["reaction"] = int(min(log_uniform(rng, 0.2, 600.0) * stealth, 3_000.0) * NS_PER_MS)
    row["mark"] = 0
    row["size"] = int(row["size"] * max(1.0, log_uniform(rng, 4.0, 16.0) / stealth))


def _probe(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the probes of a cycle and what follows a filled one."""
    lots = int(row["size"])
    if row["code"] == PING + LOOKALIKE:
        row["target"] = max(3, int(log_uniform(rng, 4.0, 50.0)))
        row["span"] = int(row["span"] * row["cycles"])
        row["pause"] = row["span"] // row["target"]
        row["cycles"] = row["target"]
    elif row["code"] == PING:
        row["target"] = max(4, int(log_uniform(rng, 25.0, 160.0) / row["cycles"]))
    elif row["code"] == SIZE:
        row["target"] = rng.integers(5, 11)
    else:
        row["target"] = int(log_uniform(rng, 4.0, 20.0))
    row["size"] = max(1, lots // int(rng.integers(1, 4)))
    row["ratio"] = np.clip(log_uniform(rng, 3.0, 40.0) / stealth, 1.5, 40.0)
    row["reaction"] = int(min(log_uniform(rng, 5.0, 350.0) * stealth, 480.0) * NS_PER_MS)
    row["layers"] = rng.integers(1, 4)
    if row["code"] % LOOKALIKE == SIZE:
        row["size"] = int(lots * max(1.0, log_uniform(rng, 5.0, 14.0) / stealth))
    elif row["code"] == PING:
        row["ratio"] = np.clip(log_uniform(rng, 8.0, 50.0) / stealth, 2.0, 50.0)


def _front(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the share of the client's orders that are led, and how much and how soon."""
    row["ratio"] = np.clip(0.95 / stealth**0.5, 0.35, 0.95)
    row["size"] = int(row["size"] * max(1.0, log_uniform(rng, 5.0, 12.0) / stealth))
    if row["code"] == FRONT:
        row["reaction"] = int(min(log_uniform(rng, 5.0, 300.0) * stealth, 900.0) * NS_PER_MS)


def _stale(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the reaction to a move of the quote: within the pool's lag, or about as quick."""
    row["size"] = int(row["size"] * max(1.0, log_uniform(rng, 10.0, 30.0) / stealth))
    if row["code"] == STALE:
        ms = min(log_uniform(rng, 0.03, 1.2) * stealth, 3.0)
    else:
        ms = log_uniform(rng, 0.05, 60.0)
    row["layers"] = rng.integers(1, 5)
    row["reaction"] = int(ms * NS_PER_MS)


def _nbbo(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set the sizes of the lit and dark orders; a genuine quote stands longer."""
    row["ratio"] = np.clip(log_uniform(rng, 0.5, 8.0) / stealth, 0.3, 8.0)
    row["size"] = int(row["size"] * max(1.0, log_uniform(rng, 6.0, 20.0) / stealth))
    if row["code"] == NBBO:
        row["ratio"] = np.clip(log_uniform(rng, 1.0, 6.0) / stealth, 0.5, 6.0)
    else:
        row["span"] = int(row["span"] * rng.uniform(1.0, 3.0))
    row["layers"] = rng.integers(1, 5)


def _push(rng: np.random.Generator, row: Any, stealth: float) -> None:
    """Set sweeps, their depth in ticks, and the share of what is there that they take."""
    row["layers"] = rng.integers(2, 6)
    row["target"] = rng.integers(4, 11) if row["code"] == IGNITE else rng.integers(3, 15)
    row["ratio"] = np.clip(log_uniform(rng, 0.6, 1.8) / stealth**0.5, 0.3, 1.8)
    if row["code"] == IGNITE:
        row["ratio"] = np.clip(log_uniform(rng, 0.9, 2.0) / stealth**0.5, 0.4, 2.0)
    if row["code"] % LOOKALIKE == CLOSE:
        row["layers"] = rng.integers(1, 4)
        row["target"] = int(log_uniform(rng, 8.0, 40.0))
        row["ratio"] = np.clip(log_uniform(rng, 0.4, 1.3) / stealth, 0.12, 1.3)


_HABITS: Final = {
    **dict.fromkeys((SPOOF, LAYER, FLIP), _spoof),
    STUFF: _stuff,
    **dict.fromkeys((WASH, PAINT), _match),
    **dict.fromkeys((PING, SIZE), _probe),
    FRONT: _front,
    STALE: _stale,
    NBBO: _nbbo,
    **dict.fromkeys((IGNITE, CLOSE), _push),
}
