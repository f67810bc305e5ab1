"""The label of one record, word for word from its definition."""

from darkpool_watch.sim.labels import Campaign

S = 1_000_000_000
PRIORITY = {"active": 0, "onset": 1, "echo": 2, "clean": 3}
NUMBER = {"clean": 0, "active": 1, "onset": 2, "echo": 3}


def zone(ts: int, campaign: Campaign) -> str:
    """Return the zone that a campaign gives a record of its security at `ts`."""
    shown = campaign.evidence >= 0 and ts >= campaign.evidence
    if shown and any(ts - 5 * S < own <= ts for own in campaign.messages):
        return "active"
    never = campaign.evidence < 0
    if ts >= campaign.start and not shown and (not never or ts <= campaign.end + 60 * S):
        return "onset"
    if shown and ts <= campaign.end + 60 * S:
        return "echo"
    return "clean"


def label(ts: int, security: int, campaigns: list[Campaign]) -> tuple[int, int, int]:
    """Return (zone, typology, campaign) of a record; -1 = none."""
    best = ("clean", -1, -1)
    for campaign in sorted(campaigns, key=lambda c: c.id):
        if campaign.security_id == security:
            found = zone(ts, campaign)
            if PRIORITY[found] < PRIORITY[best[0]]:
                best = (found, campaign.number, campaign.id)
    return NUMBER[best[0]], best[1], best[2]
