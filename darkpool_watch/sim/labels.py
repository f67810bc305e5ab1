"""Labels: the zone of every record of a security, whoever sent it, from the campaigns in it."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernels.sim_labels import ACTIVE, CLEAN, ECHO, ECHO_NS, ONSET, RECENT_NS

LABEL: Final = np.dtype(
    [
        ("zone", "u1"),  # 0 clean, 1 active, 2 onset, 3 echo
        ("typology", "i1"),  # index in MODEL_TYPOLOGIES, -1 = none
        ("campaign", "<i4"),  # id of the campaign that gives the zone, -1 = none
        ("own", "u1"),  # 1: a message of a campaign; for attribution only
    ]
)


class Campaign(msgspec.Struct, frozen=True):
    """One injected campaign as it happened.

    One whose evidence never came, because the market gave no occasion or the tape ended, is no
    campaign of a corpus: its records are onset, and it is counted apart.
    """

    id: int
    typology: str  # code
    number: int  # index in MODEL_TYPOLOGIES
    symbol: str
    security_id: int
    accounts: tuple[int, ...]
    start: int  # ns, first own message
    evidence: int  # ns, the message that completes the defining act; -1: it never came
    end: int  # ns, when it stopped: at its last own message or soon after; else the tape's end
    stealth: float
    messages: tuple[int, ...]  # ns, every own message, in order
    client: int = 0  # the account whose dark orders it leads, a victim; 0 = none

    @property
    def complete(self) -> bool:
        """Whether the evidence came, without which it counts nowhere."""
        return self.evidence >= 0


def label_events(
    ts: NDArray[np.int64],  # (N,) ns, any order
    security: NDArray[np.integer],  # (N,) security ids
    campaigns: list[Campaign],
) -> NDArray[np.void]:
    """Return (N,) LABEL of records at these times; `own` is left 0.

    active: from the evidence on, with an own message in the last 5 s; onset: from the start to the
    evidence, or to 60 s after the end where it never came; echo: any other time from the evidence
    to 60 s after the end. Where zones overlap, active wins over onset over echo, and the campaign
    with the smaller id over the other.
    """
    labels = np.zeros(len(ts), LABEL)
    labels["typology"] = -1
    labels["campaign"] = -1
    for campaign in sorted(campaigns, key=lambda c: c.id):
        here = security == campaign.security_id
        zone = np.where(here, _zones(ts, campaign), CLEAN)
        better = (zone != CLEAN) & ((labels["zone"] == CLEAN) | (zone < labels["zone"]))
        labels["zone"][better] = zone[better]
        labels["typology"][better] = campaign.number
        labels["campaign"][better] = campaign.id
    return labels


def _zones(ts: NDArray[np.int64], campaign: Campaign) -> NDArray[np.integer]:
    """Return (N,) the zone that one campaign gives its security's records."""
    own = np.asarray(campaign.messages, np.int64)
    newest = own[np.maximum(np.searchsorted(own, ts, side="right") - 1, 0)]
    recent = (newest <= ts) & (newest > ts - RECENT_NS)
    over = ts > campaign.end + ECHO_NS
    if campaign.complete:
        after = [(ts < campaign.evidence, ONSET), (recent, ACTIVE), (~over, ECHO)]
    else:
        after = [(~over, ONSET)]
    return np.select(
        [ts < campaign.start, *(when for when, _ in after)],
        [CLEAN, *(zone for _, zone in after)],
        default=CLEAN,
    )
