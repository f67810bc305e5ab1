"""Rule 1: what no detector may learn from must not tell campaigns from the rest.

Every message judged is compared with one of the same security, kind, venue and order of size that
came at about the same time, so that only the field itself can tell them apart. Trees are fitted on
one market and judged on another whose accounts, securities and days are all different: a habit of
one account does not carry over, a trace of the injector does.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, Interval, intervals
from darkpool_watch.evaluate.cells import CELL
from darkpool_watch.evaluate.curve import curve_of
from darkpool_watch.evaluate.finding import Finding, upper_within
from darkpool_watch.evaluate.messages import NUISANCES
from darkpool_watch.evaluate.metrics import auroc
from darkpool_watch.evaluate.models import SHARP, Trees
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from kernels.sim_labels import ACTIVE, CLEAN

MOST: Final = 0.55
MESSAGES_A_CAMPAIGN: Final = 40  # no more, by chance, so that one long campaign does not outweigh
NEIGHBOURS: Final = 40  # of its kind, nearest in time, from which the other one is drawn
_SHARPEST: Final = {**SHARP, "feature_fraction": 1.0, "learning_rate": 0.15}
UNITS: Final = ("message", "record")  # own messages against others'; active records against clean

Table = NDArray[np.void]


def matched(table: Table, unit: str, seed: int = 0) -> tuple[Table, Table]:
    """Return MESSAGE rows of campaigns and, row by row, others of the same kind from about then.

    A message of a kind that nobody else sends in its security is left out.
    """
    rng = np.random.default_rng(seed)
    chosen = table["own"] > 0 if unit == "message" else table["zone"] == ACTIVE
    rest = (table["own"] == 0) & (table["zone"] == CLEAN)
    mine = _capped(table, np.flatnonzero(chosen), rng)
    key = _key(table)
    others = np.flatnonzero(rest)[np.argsort(key[rest], kind="stable")]
    wanted, place = key[mine], np.searchsorted(_timed(key, others), _timed(key, mine))
    low = np.searchsorted(key[others], wanted, "left")
    high = np.searchsorted(key[others], wanted, "right")
    found = high > low
    low, high, place = low[found], high[found], place[found]
    least = np.clip(place - NEIGHBOURS // 2, low, np.maximum(high - NEIGHBOURS, low))
    room = np.minimum(high - least, NEIGHBOURS)
    chosen_of = least + (rng.random(len(least)) * room).astype(np.int64)
    return table[mine[found]], table[others[chosen_of]]


def _key(table: Table) -> NDArray[np.int64]:
    """Return (N,) a dense number of each message's security and kind."""
    _, key = np.unique(table["cluster"].astype(np.int64) << 32 | table["kind"], return_inverse=True)
    return key.astype(np.int64)


def _timed(key: NDArray[np.int64], rows: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return a number that orders rows by key, then by their place on the tape."""
    timed: NDArray[np.int64] = key[rows] * len(key) + rows
    return timed


def _capped(table: Table, rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return at most so many of the rows of each campaign, drawn by chance."""
    campaign = table["campaign"][rows].astype(np.int64) << 20 | table["cluster"][rows]
    order = np.lexsort((rng.random(len(rows)), campaign))
    ordered = campaign[order]
    rank = np.arange(len(rows)) - np.searchsorted(ordered, ordered)
    return np.sort(rows[order[rank < MESSAGES_A_CAMPAIGN]])


def _cells(mine: Table, others: Table) -> NDArray[np.void]:
    """Return cells in which every message counts alike."""
    cells = np.zeros(len(mine) + len(others), CELL)
    cells["records"] = 1
    cells["cluster"] = np.concatenate([mine["cluster"], others["cluster"]])
    cells["zone"][: len(mine)] = ACTIVE
    cells["campaign"] = np.arange(len(cells))
    return cells


def judge_nuisances(
    fitted_on: Table,  # (N,) MESSAGE of one market
    judged_on: Table,  # (M,) MESSAGE of another
    *,
    draws: int = DRAWS,
    rounds: int = 40,
) -> Finding:
    """Return the worst AUROC of any nuisance field alone, or of all together, in either unit."""
    detail: dict[str, float | str] = {}
    worst = Interval(0.0, 0.0, 0.0)
    campaigns = 0
    for unit in UNITS:
        train = matched(fitted_on, unit)
        mine, others = matched(judged_on, unit, seed=1)
        if not len(mine) or not len(train[0]):
            continue
        campaigns = max(campaigns, len(np.unique(mine[["cluster", "campaign"]])))
        rows = np.concatenate([mine["fields"], others["fields"]])
        truth = np.repeat([True, False], [len(train[0]), len(train[1])])
        fields = np.concatenate([train[0]["fields"], train[1]["fields"]])
        cells = _cells(mine, others)
        for name in (*NUISANCES, "all"):
            columns = slice(None) if name == "all" else [NUISANCES.index(name)]
            trees = Trees(fields[:, columns], truth, rounds=rounds, **_SHARPEST)
            score = trees.score(rows[:, columns])
            one = intervals(cells, score, {"auroc": auroc}, draws=draws)["auroc"]
            detail[f"{unit}.{name}"] = one.figure
            if one.high > worst.high:
                worst = one
                detail["worst"] = f"{unit}.{name}"
                detail["most of a typology"] = _by_typology(cells, score, mine["typology"])
    says = "AUROC of the most telling nuisance field; its interval's upper end"
    return upper_within(worst, MOST, campaigns, says, detail)


def _by_typology(
    cells: NDArray[np.void], score: NDArray[np.float64], typology: NDArray[np.integer]
) -> str:
    """Return the AUROC within each typology's pairs, as text, the largest first."""
    found = []
    for t in np.unique(typology):
        pairs = np.tile(typology == t, 2)
        area = float(auroc(curve_of(cells[pairs], score[pairs])))
        found.append((area, MODEL_TYPOLOGIES[t].code))
    return " ".join(f"{code} {area:.3f}" for area, code in sorted(found, reverse=True))
