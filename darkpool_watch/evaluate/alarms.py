"""Rules 9 and 10: typologies that one feature gives away, and figures too good to be true."""

from typing import Final

from darkpool_watch.evaluate.bootstrap import Interval
from darkpool_watch.evaluate.difficulty import Judged
from darkpool_watch.evaluate.finding import Finding

TRIVIAL_SHARE: Final = 0.8  # of the best average precision, reached by one feature
MOST_TRIVIAL: Final = 3  # of 13 typologies
ALARM_AUROC: Final = 0.9995
ALARM_RECALL: Final = 0.98  # at a false-positive rate of 0.1%, stealth 1 and more


def judge_trivial(
    rows: tuple[Judged, ...],  # of typologies, ALL left out
) -> Finding:
    """Return how many typologies one feature finds nearly as well as the best judge.

    The interval counts those of which the feature's interval lies over, or reaches, that share.
    """
    counts = [0, 0, 0]
    detail: dict[str, float | str] = {}
    for row in rows:
        best = row.best_ap
        for i, ap in enumerate((row.single_ap.figure, row.single_ap.low, row.single_ap.high)):
            counts[i] += ap >= TRIVIAL_SHARE * best
        detail[row.typology] = (
            f"{row.single} {row.single_ap.figure:.3f} of {best:.3f}"
            f"{', trivial' if row.single_ap.figure >= TRIVIAL_SHARE * best else ''}"
        )
    return Finding(
        figure=float(counts[0]),
        low=float(counts[1]),
        high=float(counts[2]),
        bound=(0.0, float(MOST_TRIVIAL)),
        met=counts[0] <= MOST_TRIVIAL and len(rows) > 0,
        n=len(rows),
        says=f"typologies of which one feature reaches {TRIVIAL_SHARE:g} of the best AP",
        detail=detail,
    )


def judge_alarms(rows: tuple[Judged, ...]) -> Finding:
    """Return how many typologies are found suspiciously well by the trees."""
    alarms = 0
    detail: dict[str, float | str] = {}
    highest = Interval(0.0, 0.0, 0.0)
    for row in rows:
        recall = row.stealthy_recall_strict.figure
        rings = row.trees_auroc.figure > ALARM_AUROC or recall > ALARM_RECALL
        alarms += rings
        detail[row.typology] = (
            f"AUROC {row.trees_auroc.figure:.4f}, recall {recall:.3f}{', ALARM' if rings else ''}"
        )
        highest = max(highest, row.trees_auroc, key=lambda one: one.figure)
    return Finding(
        figure=highest.figure,
        low=highest.low,
        high=highest.high,
        bound=(0.0, ALARM_AUROC),
        met=alarms == 0 and len(rows) > 0,
        n=len(rows),
        says=f"highest AUROC of a typology; and no recall over {ALARM_RECALL:g} at 0.1%",
        detail=detail,
    )
