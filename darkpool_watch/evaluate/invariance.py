"""Rules 3, 6 and 11: what must not change when names, clocks, the future or the injector do."""

from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, draws_of, interval_of, times_drawn
from darkpool_watch.evaluate.curve import LEVELS, curve_of, steps_of
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.metrics import average_precision
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.sim.frames import Change, Stages
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Simulator
from darkpool_watch.sim.population import security_of
from darkpool_watch.wire.events import AccountRecord

MOST_CHANGE: Final = 0.01
RESOLUTION_NS: Final = 1_000  # of a venue's clock
FEED_WIDE: Final = ("ts_recv", "sequence")  # fields that belong to the feed, not to a security

Floats = NDArray[np.float64]
Judged = tuple[NDArray[np.void], Floats]  # cells and their scores
FeaturesOf = Callable[[NDArray[np.void]], tuple[NDArray[np.int64], NDArray[np.generic]]]


def renamed(accounts: list[AccountRecord], seed: int = 0) -> tuple[list[AccountRecord], Change]:
    """Return accounts under other ids, and a change of events that names them and orders anew."""
    rng = np.random.default_rng(seed)
    most = max(one.account for one in accounts)
    names = np.zeros(most + 1, np.uint32)
    names[1:] = rng.choice(1 << 30, most, replace=False) + 1
    factor = np.uint64(int(rng.integers(1 << 61)) * 2 + 1)  # odd: a bijection modulo 2^62
    mask = np.uint64((1 << 62) - 1)

    def change(events: NDArray[np.void]) -> NDArray[np.void]:
        out = events.copy()
        for name in ("account", "contra_account"):
            out[name] = names[events[name]]
        for name in ("order_id", "contra_order_id"):
            out[name] = (events[name] * factor) & mask
        return out

    moved = [msgspec.structs.replace(one, account=int(names[one.account])) for one in accounts]
    return moved, change


def jittered(seed: int = 0) -> Change:
    """Return a change of events that draws anew what lies below the venue's resolution."""
    rng = np.random.default_rng(seed)
    newest = np.zeros(1, np.int64)

    def change(events: NDArray[np.void]) -> NDArray[np.void]:
        out = events.copy()
        ts = events["ts_event"] - events["ts_event"] % RESOLUTION_NS
        ts += rng.integers(RESOLUTION_NS, size=len(ts))
        out["ts_event"] = np.maximum.accumulate(np.append(newest, ts))[1:]
        if len(out):
            newest[0] = out["ts_event"][-1]
        return out

    return change


def judge_invariance(
    plain: Judged, changed: dict[str, Judged], *, draws: int = DRAWS, seed: int = 0
) -> Finding:
    """Return the largest relative change of average precision; all must have the same clusters."""
    figures, drawn = {}, {}
    for name, (cells, score) in {"": plain, **changed}.items():
        figures[name] = float(average_precision(curve_of(cells, score)))
        steps = steps_of(cells, score, most=LEVELS)
        times = times_drawn(len(steps.clean), draws, seed)
        drawn[name] = draws_of(steps, {"ap": average_precision}, times)["ap"]
    detail: dict[str, float | str] = {"average precision": figures[""]}
    worst = interval_of(0.0, np.zeros(1))
    for name in changed:
        one = interval_of(figures[name] / figures[""] - 1.0, drawn[name] / drawn[""] - 1.0)
        detail[name] = one.figure
        if abs(one.figure) >= abs(worst.figure):
            worst, detail["worst"] = one, name
    return Finding(
        figure=worst.figure,
        low=worst.low,
        high=worst.high,
        bound=(-MOST_CHANGE, MOST_CHANGE),
        met=abs(worst.figure) < MOST_CHANGE,
        n=len(np.unique(plain[0]["campaign"])) - 1,
        says="largest relative change of average precision under other ids or clock digits",
        detail=detail,
    )


def features_by_stages(simulator: Simulator, normaliser: Normaliser, block: int) -> FeaturesOf:
    """Return what computes (arrival, values) of events by the production stages, in blocks."""

    def features_of(
        events: NDArray[np.void],
    ) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
        stages = Stages(simulator, normaliser)
        parts = [
            stages.take(np.ascontiguousarray(events[i : i + block]))[1].copy()
            for i in range(0, len(events), block)
        ]
        values = np.concatenate([part.values for part in parts])
        mask = np.concatenate([part.mask for part in parts])
        values[mask > 0] = np.nan
        return np.concatenate([part.arrival for part in parts]), values

    return features_of


def judge_truncation(
    features_of: FeaturesOf,
    events: NDArray[np.void],
    *,
    cuts: int = 6,
    score_of: Callable[[NDArray[np.generic]], Floats] | None = None,
    seed: int = 0,
) -> Finding:
    """Return the share of frames, of those before a cut, that the events after it changed a bit of.

    `score_of` gives scores of values (K, F); they are compared too.
    """
    rng = np.random.default_rng(seed)
    arrival, values = features_of(events)
    scores = None if score_of is None else np.asarray(score_of(values))
    changed = compared = 0
    for cut in np.sort(rng.integers(len(events) // 10, len(events), size=cuts)).tolist():
        earlier, cut_values = features_of(events[:cut])
        whole = arrival < cut
        if not np.array_equal(arrival[whole], earlier):
            changed += int(whole.sum())
        else:
            same = _rows_equal(values[whole], cut_values)
            if score_of is not None and scores is not None:
                same &= _rows_equal(scores[whole], np.asarray(score_of(cut_values)))
            changed += int((~same).sum())
        compared += int(whole.sum())
    share = changed / max(compared, 1)
    return Finding(
        figure=share,
        low=share,
        high=share,
        bound=(0.0, 0.0),
        met=changed == 0 and compared > 0,
        n=compared,
        says="share of frames that change when the tape is cut after them",
        detail={"frames changed": changed, "cuts": cuts},
    )


def _rows_equal(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return (K,) whether rows have the same bits."""
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b)
    if a.shape != b.shape:
        return np.zeros(len(a), bool)
    if not len(a):
        return np.zeros(0, bool)
    equal = a.view(np.uint8).reshape(len(a), -1) == b.view(np.uint8).reshape(len(b), -1)
    same: NDArray[np.bool_] = equal.all(axis=1)
    return same


def judge_untouched(
    events: NDArray[np.void],  # with campaigns
    without: NDArray[np.void],  # of the same seed and day, injection off
    campaigns: list[Campaign],
) -> Finding:
    """Return how many records before a security's first campaign differ from those without any.

    Numbering and latency belong to the whole feed: they are compared before the first of all.
    """
    starts = {
        s: min(c.start for c in campaigns if c.security_id == s)
        for s in {c.security_id for c in campaigns}
    }
    fields = [name for name in events.dtype.names or () if name not in FEED_WIDE]
    changed = compared = 0
    for s, start in sorted(starts.items()):
        here, there = (_before(tape, s, start, fields) for tape in (events, without))
        compared += len(here)
        changed += _differing(here, there)
    first = min(starts.values(), default=0)
    here, there = (tape[tape["ts_event"] < first] for tape in (events, without))
    compared += len(here)
    changed += _differing(here, there)
    return Finding(
        figure=float(changed),
        low=float(changed),
        high=float(changed),
        bound=(0.0, 0.0),
        met=changed == 0 and compared > 0,
        n=compared,
        says="records before a security's first campaign that differ with injection off",
        detail={"securities": len(starts)},
    )


def _before(
    tape: NDArray[np.void], security: int, start: int, fields: list[str]
) -> NDArray[np.void]:
    mine = security_of(tape["instrument_id"]) == security
    return np.asarray(tape[mine & (tape["ts_event"] < start)][fields])


def _differing(here: NDArray[np.void], there: NDArray[np.void]) -> int:
    """Return how many rows differ; those that only one has count too."""
    shared = min(len(here), len(there))
    return int((here[:shared] != there[:shared]).sum()) + abs(len(here) - len(there))
