"""The unit of judgement: the record, scored by its security's newest frame.

Records of one frame share its score, so they are kept as cells: a run of consecutive records of a
security with the same frame, zone, campaign and look-alike. Nothing is lost, and neither the
sampler nor load moves a denominator.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kernels.sim_labels import ACTIVE, CLEAN

PREVALENCE: Final = 0.057  # share of active records at which precision is quoted (paper 1, table 5)

CELL: Final = np.dtype(
    [
        ("records", "<i8"),  # how many
        ("frame", "<i4"),  # row of the newest frame built from these or earlier records; -1 = none
        ("cluster", "<i4"),  # security-day: what the bootstrap draws
        ("campaign", "<i4"),  # row of the campaign that gives the zone; -1 = none
        ("zone", "u1"),  # as in LABEL
        ("typology", "i1"),  # index in MODEL_TYPOLOGIES; -1 = none
        ("alike", "i1"),  # typology that a benign agent, active within 5 s, looks like; -1 = none
    ]
)


def newest_frames(
    security: NDArray[np.integer],  # (N,) dense rows of the records, in arrival order
    arrival: NDArray[np.integer],  # (K,) record behind each frame, ascending
) -> NDArray[np.int32]:
    """Return (N,) the newest frame of each record's security up to that record; -1 = none yet."""
    n = len(security)
    order = np.argsort(security, kind="stable")
    frame = np.full(n, -1, np.int32)
    frame[arrival] = np.arange(len(arrival))
    place = np.arange(n)
    newest = np.maximum.accumulate(np.where(frame[order] >= 0, place, -1))
    ordered = np.asarray(security)[order]
    first = np.searchsorted(ordered, ordered)  # where each record's security begins
    out = np.full(n, -1, np.int32)
    out[order] = np.where(newest >= first, frame[order][newest], -1)
    return out


def cells_of(
    security: NDArray[np.integer],  # (N,) dense rows, in arrival order
    arrival: NDArray[np.integer],  # (K,) record behind each frame, ascending
    labels: NDArray[np.void],  # (N,) LABEL
    alike: NDArray[np.integer],  # (N,) typology a benign agent looks like, -1 = none
    *,
    first_frame: int = 0,  # number of the first of these frames, campaigns and clusters in a set
    first_campaign: int = 0,
    first_cluster: int = 0,
) -> NDArray[np.void]:
    """Return the cells of one day's records, by security and in arrival order."""
    order = np.argsort(security, kind="stable")
    row = np.zeros(len(order), CELL)
    frame = newest_frames(security, arrival)[order]
    campaign = labels["campaign"][order]
    row["records"] = 1
    row["frame"] = np.where(frame >= 0, frame + first_frame, -1)
    row["cluster"] = np.asarray(security)[order] + first_cluster
    row["campaign"] = np.where(campaign >= 0, campaign + first_campaign, -1)
    row["zone"], row["typology"] = labels["zone"][order], labels["typology"][order]
    row["alike"] = np.asarray(alike)[order]
    if not len(row):
        return row
    starts = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    cells: NDArray[np.void] = row[starts].copy()
    cells["records"] = np.diff(np.append(starts, len(row)))
    return cells


def scores_of_cells(
    cells: NDArray[np.void],
    score: NDArray[np.floating],  # (K,) of the frames
) -> NDArray[np.float64]:
    """Return (C,) the score of each cell; -inf before a security's first frame: never flagged."""
    out = np.full(len(cells), -np.inf)
    scored = cells["frame"] >= 0
    out[scored] = score[cells["frame"][scored]]
    return out


def of_typology(cells: NDArray[np.void], *numbers: int) -> NDArray[np.bool_]:
    """Return (C,) which cells count when only these typologies are judged: theirs, and clean."""
    active = (cells["zone"] == ACTIVE) & np.isin(cells["typology"], numbers)
    mine: NDArray[np.bool_] = active | (cells["zone"] == CLEAN)
    return mine


def zone_shares(cells: NDArray[np.void]) -> NDArray[np.float64]:
    """Return (4,) the share of all records in each zone; that of ACTIVE is the prevalence."""
    counts = np.bincount(cells["zone"], weights=cells["records"], minlength=4).astype(float)
    shares: NDArray[np.float64] = counts / max(counts.sum(), 1.0)
    return shares


def weights_of_cells(
    cells: NDArray[np.void], prevalence: float = PREVALENCE
) -> NDArray[np.float64]:
    """Return (C,) what each cell weighs in every figure, summing to 1; 0 in onset and echo.

    Active cells share `prevalence`: first alike among typologies, then among a typology's
    campaigns, then among a campaign's active records. Clean records share the rest alike.
    """
    weight = np.zeros(len(cells))
    active, clean = cells["zone"] == ACTIVE, cells["zone"] == CLEAN
    weight[active] = prevalence * _shares(cells[active])
    records = cells["records"][clean]
    weight[clean] = (1.0 - prevalence) * records / max(records.sum(), 1)
    return weight


def _shares(active: NDArray[np.void]) -> NDArray[np.float64]:
    """Return what each active cell adds to recall when it is flagged, summing to 1."""
    if not len(active):
        return np.zeros(0)
    share, campaign = campaign_shares(active)
    _, first = np.unique(campaign, return_index=True)
    typology, at = np.unique(active["typology"][first], return_inverse=True)
    campaigns = np.bincount(at)
    of = np.searchsorted(typology, active["typology"])
    shares: NDArray[np.float64] = share / campaigns[of] / len(typology)
    return shares


def campaign_shares(
    active: NDArray[np.void],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return each cell's share of its campaign's active records, and a dense campaign number.

    A campaign is known by (typology, campaign), and lies in one cluster.
    """
    key = active["campaign"].astype(np.int64) * 256 + active["typology"]
    _, campaign = np.unique(key, return_inverse=True)
    records = np.bincount(campaign, weights=active["records"])
    return active["records"] / records[campaign], campaign
