"""Rule 4: a manipulator is an ordinary account that mostly does something else."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.evaluate.bootstrap import DRAWS, interval_of, intervals
from darkpool_watch.evaluate.cells import CELL
from darkpool_watch.evaluate.curve import curve_of
from darkpool_watch.evaluate.finding import Finding
from darkpool_watch.evaluate.metrics import auroc
from darkpool_watch.evaluate.models import Trees
from darkpool_watch.sim.market import Simulator
from darkpool_watch.sim.population import security_of
from kernels.layout import ADD, CANCEL, DARK, EXECUTE, IOC, REPLACE
from kernels.sim_labels import ACTIVE, CLEAN

MOST_SHARE: Final = 0.2
MOST_AUROC: Final = 0.55
_PARTS: Final = 10_000  # of a manipulator's weight, in which the others' are counted
FLOOR: Final = 5.0  # percentile of the manipulators' benign messages below which none is compared
TRAITS: Final = (
    "messages",
    "adds",
    "cancels",
    "replaces",
    "fills at rest",
    "fills coming in",
    "dark",
    "immediate",
    "bids",
    "size",
    "life of the day",
)

_SMALL: Final[dict[str, Any]] = {
    "min_data_in_leaf": 20,
    "num_leaves": 8,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
}

Floats = NDArray[np.float64]


class Population(NamedTuple):
    """Accounts by security: what they sent beside campaigns, and who took part in one."""

    traits: Floats  # (N, TRAITS) shares of benign messages, log size, mean time; counts as ln
    messages: Floats  # (N,) benign
    cluster: NDArray[np.int64]  # (N,) security
    manipulates: NDArray[np.bool_]  # (N,) takes part in a campaign there
    own_share: Floats  # (M,) of each manipulator's messages on the whole tape, its campaigns'


def population_of(simulator: Simulator) -> Population:
    """Return the accounts of a simulator's tape; the tape is played.

    Whose message it is, the tape's senders tell, not its labels: campaigns overlap, and a label
    names the one that gives the zone.
    """
    people, securities = simulator.config.accounts + 1, simulator.config.securities
    sums = np.zeros((len(TRAITS), securities * people))
    own = np.zeros(people)
    whole = np.zeros(people)
    takes_part = _campaigns_of(simulator, people)
    for events, _, senders in simulator.stretches():
        for side in ("account", "contra_account"):
            rows = np.flatnonzero((events[side] > 0) & (events[side] < people))
            if side == "contra_account":
                rows = rows[events["kind"][rows] == EXECUTE]
            account = events[side][rows].astype(np.int64)
            security = security_of(events["instrument_id"][rows].astype(np.int64)) - 1
            mine = takes_part[security, senders[rows], account]
            whole += np.bincount(account, minlength=people)
            own += np.bincount(account[mine], minlength=people)
            benign = rows[~mine]
            _add(sums, events[benign], account[~mine], people, side, simulator.begins)
    manipulates = np.zeros((securities, people), bool)
    for one in simulator.campaigns:
        manipulates[one.security_id - 1, list(one.accounts)] = True
    count = sums[0]
    known = np.flatnonzero(count > 0)
    traits = sums[:, known] / count[known]
    traits[0] = np.log(count[known])
    ever = manipulates.any(axis=0)
    return Population(
        traits.T,
        count[known],
        known // people,
        manipulates.ravel()[known],
        own[ever] / np.maximum(whole[ever], 1.0),
    )


def _campaigns_of(simulator: Simulator, people: int) -> NDArray[np.bool_]:
    """Return (S, A + 1, people) who takes part in each security's campaigns, by their agents.

    The last row of a security is nobody's: a message without an agent has -1.
    """
    planned = simulator.planned
    most = int(np.bincount(planned["security"], minlength=1).max(initial=0))
    table = np.zeros((simulator.config.securities, most + 1, people), bool)
    for s in range(len(table)):
        for a, row in enumerate(planned[planned["security"] == s]):
            if row["campaign"] >= 0:
                table[s, a, row["accounts"][: row["members"]]] = True
    return table


def _add(
    sums: Floats,
    events: NDArray[np.void],
    account: NDArray[np.int64],
    people: int,
    side: str,
    begins: int,
) -> None:
    """Add the traits of benign messages to their accounts' sums."""
    security = security_of(events["instrument_id"].astype(np.int64)) - 1
    place = security * people + account
    kind, incoming = events["kind"], side == "contra_account"
    of = {
        "messages": np.ones(len(events)),
        "adds": kind == ADD,
        "cancels": kind == CANCEL,
        "replaces": kind == REPLACE,
        "fills at rest": (kind == EXECUTE) & (not incoming),
        "fills coming in": (kind == EXECUTE) & incoming,
        "dark": (events["flags"] & DARK) > 0,
        "immediate": (events["flags"] & IOC) > 0,
        "bids": events["side"] == 1,
        "size": np.log(np.maximum(events["size"].astype(float), 1.0)),
        "life of the day": (events["ts_event"] - begins) * 1e-9,
    }
    for i, name in enumerate(TRAITS):
        sums[i] += np.bincount(place, weights=of[name], minlength=sums.shape[1])


def join_populations(parts: list[Population]) -> Population:
    """Return several tapes as one, their securities apart."""
    first = 0
    moved = []
    for part in parts:
        moved.append(part._replace(cluster=part.cluster + first))
        first += int(part.cluster.max(initial=-1)) + 1
    return Population._make(np.concatenate(column) for column in zip(*moved, strict=True))


def judge_manipulators(
    fitted_on: Population, judged_on: Population, *, draws: int = DRAWS, seed: int = 0
) -> Finding:
    """Return the AUROC of benign flow alone, and whether campaigns are the lesser part of it.

    Only accounts as active as all but the quietest manipulators are compared: who sends too little
    to hide a campaign in is nobody's manipulator. In each security the others weigh as much as its
    manipulators: a busy security has more campaigns, and its accounts send more, whoever they are.
    """
    rng = np.random.default_rng(seed)
    fit, judge = _comparable(fitted_on), _comparable(judged_on)
    trees = Trees(fit.traits, fit.manipulates, _balanced(fit), rounds=40, **_SMALL)
    cells = np.zeros(len(judge.manipulates), CELL)
    cells["records"] = np.rint(_PARTS * _balanced(judge))
    cells["cluster"] = judge.cluster
    cells["zone"] = np.where(judge.manipulates, ACTIVE, CLEAN)
    cells["campaign"] = np.arange(len(cells))
    area = intervals(cells, trees.score(judge.traits), {"auroc": auroc}, draws=draws)["auroc"]
    share = judged_on.own_share
    drawn = rng.choice(share, (draws, len(share))) if len(share) else np.zeros((1, 0))
    median = interval_of(float(np.median(share)), np.median(drawn, axis=1))
    most = float(share.max(initial=0.0))
    return Finding(
        figure=area.figure,
        low=area.low,
        high=area.high,
        bound=(0.0, MOST_AUROC),
        met=area.high <= MOST_AUROC and median.figure <= MOST_SHARE and most < 0.5,
        n=int(judge.manipulates.sum()),
        says="AUROC of manipulators by their benign flow; own share: median <= 0.2, all < 0.5",
        detail={
            "own share, median": median.figure,
            "own share, median, low": median.low,
            "own share, median, high": median.high,
            "own share, largest": most,
            "ln messages alone": float(auroc(curve_of(cells, judge.traits[:, 0]))),
        },
    )


def _comparable(people: Population) -> Population:
    """Return the accounts with at least as many benign messages as almost all manipulators.

    Securities without two kinds of account are left out.
    """
    mine = people.messages[people.manipulates]
    floor = np.percentile(mine, FLOOR) if len(mine) else 0.0
    kept = people.messages >= floor
    for s in np.unique(people.cluster):
        here = kept & (people.cluster == s)
        if people.manipulates[here].all() or not people.manipulates[here].any():
            kept &= ~here
    return Population(
        people.traits[kept],
        people.messages[kept],
        people.cluster[kept],
        people.manipulates[kept],
        people.own_share,
    )


def _balanced(people: Population) -> Floats:
    """Return (N,) weights: 1 of a manipulator, and in all as many of its security's others."""
    _, at = np.unique(people.cluster, return_inverse=True)
    mine = np.bincount(at, weights=people.manipulates)
    others = np.bincount(at, weights=~people.manipulates)
    weights: Floats = np.where(people.manipulates, 1.0, (mine / np.maximum(others, 1.0))[at])
    return weights
