"""The catalogue's account families (192-203, 216-227, 232-239): event-time decayed counters.

Windows are half-lives here: an event of age tau counts a quarter. A family is undefined in a
window unless what its formula divides by was seen within the last tau (`kernels/accounts.py`).
"""

from typing import Final

from darkpool_watch.features.family import Family


def _family(
    base: int,
    name: str,
    unit: str,
    formula: str,
    *needs: str,
) -> Family:
    return Family(base, name, "order flow", 4, unit, formula, "", ("accounts", *needs), "none")


FAMILIES: Final = (
    _family(
        192,
        "layering",
        "0..1",
        "max over accounts of abs(newly held bid levels - ask levels) / 10, capped at 1; a level "
        "counts from when the account's first displayed lit order rests there until its last goes",
        "depth",
    ),
    _family(
        196,
        "spoof_coupling",
        "ratio",
        "sum over accounts of min(bids cancelled, sold) + min(asks cancelled, bought), lit "
        "cancels and all fills, / quantity filled by known accounts",
    ),
    _family(
        200,
        "fill_to_cancel",
        "-ln s",
        "- mean ln max(time, 1 us) from an account's last fill to its lit cancel of an order >= "
        "P90 on the other side, times up to tau",
    ),
    _family(
        216,
        "linked_lead",
        "ratio",
        "dark quantity of which a known side's affiliate group had a lit execution on the same "
        "side within the last tau / dark quantity with a known side",
        "dark",
    ),
    _family(
        220,
        "account_concentration",
        "0..1",
        "sum over accounts of v^2 / (sum over accounts of v)^2, v the quantity an account filled",
    ),
    _family(
        224,
        "reciprocity",
        "ratio",
        "(2 sum over the 64 largest pairs of min(v_ij, v_ji) + traded within one affiliate group) "
        "/ quantity traded between known accounts",
    ),
    _family(
        232,
        "pinging",
        "ln orders",
        "max over accounts of ln(1 + n) * p / n, n dark orders entered and p of them tiny, IOC, "
        "FOK or minimum-quantity and cancelled whole within 50 ms",
        "dark",
    ),
    _family(
        236,
        "reference_gaming",
        "ratio",
        "(dark quantity sold after the group moved the NBBO up, or bought after it moved it down, "
        "once the move reverts by half within tau, + dark quantity at a reference older than P95) "
        "/ dark quantity with a known side",
        "dark",
        "quotes",
    ),
)
