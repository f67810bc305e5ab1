"""SEGMENT and self-match: who traded with whom, by what reference data says of that time.

SEGMENT: a trade of two segments that the counterparty matrix forbids. Self-match: both sides are
one account or, where the owners are known, one owner. A side that acts as agent for clients makes
it an agency cross, which is legal. In an auction nobody chooses whom to meet.

Source: FINRA rule 5210.02 (self-trades); 17 CFR 242.301 (Regulation ATS) for segmentation.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.layout import AUCTION
from kernels.people import AGENCY, CHANGING, pairing_at, sure_record
from kernels.rule_rows import (
    AGENCY_CROSSES,
    FORBIDDEN_PAIR,
    SAME_ACCOUNT,
    SAME_OWNER,
    SEGMENT,
    SEGMENTS,
    SELF_MATCH,
    SELF_MATCHES,
    UNMATCHED,
    event_instant,
    write_hit,
)


@hot_kernel
def forbidding(people, venue, low, high, ts, error):
    """Return whether the matrix forbids two segments to meet, at worst-case clock error."""
    early = pairing_at(people, venue, low, high, ts - error)
    if early < 0 or early != pairing_at(people, venue, low, high, ts + error):
        return False
    return people.pairings[early]["allowed"] == 0


@hot_kernel
def check_segments(state, people, e, o, hits, count, mine, theirs):
    """SEGMENT: hold a trade of two known accounts against the matrix."""
    a = people.records[mine]["segment"]
    b = people.records[theirs]["segment"]
    ts = event_instant(e, o)
    venue = state.feeds[o["listing"]]["venue"]
    error = state.settings[0]["clock_error"]
    if not forbidding(people, venue, min(a, b), max(a, b), ts, error):
        return count
    hit = hits[count]
    write_hit(hit, e, o, SEGMENT, FORBIDDEN_PAIR)
    hit["ts"] = ts
    hit["segment"] = a
    hit["contra_segment"] = b
    hit["margin"] = hit["size"]
    state.counters[SEGMENTS] += 1
    return count + 1


@hot_kernel
def check_self_match(state, people, e, o, hits, count, mine, theirs):
    """Self-match: tell a trade of one account or owner with itself."""
    same_account = o["account"] == o["contra_account"]
    owner = np.int64(0)
    if mine >= 0 and theirs >= 0:
        owner = np.int64(people.records[mine]["owner"])
        if owner != np.int64(people.records[theirs]["owner"]):
            owner = np.int64(0)
    if not same_account and owner == 0:
        return count
    for record in (mine, theirs):
        if record >= 0 and people.records[record]["capacity"] == AGENCY:
            state.counters[AGENCY_CROSSES] += 1
            return count
    hit = hits[count]
    write_hit(hit, e, o, SELF_MATCH, SAME_ACCOUNT if same_account else SAME_OWNER)
    hit["ts"] = event_instant(e, o)
    hit["owner"] = owner
    hit["margin"] = hit["size"]
    state.counters[SELF_MATCHES] += 1
    return count + 1


@hot_kernel
def check_parties(state, people, e, o, hits, count):
    """Hold the two sides of a trade against each other; return how many hits there are then."""
    account = o["account"]
    contra = o["contra_account"]
    if o["flags"] & AUCTION or account == 0 or contra == 0:
        return count
    ts = event_instant(e, o)
    error = state.settings[0]["clock_error"]
    mine = sure_record(people, account, ts, error)
    theirs = sure_record(people, contra, ts, error)
    if mine >= 0 and theirs >= 0:
        if people.pairings.shape[0] > 0:
            count = check_segments(state, people, e, o, hits, count, mine, theirs)
    else:
        state.counters[UNMATCHED] += 1
    # Within the clock error of a change, an account may have been an agent's.
    if account == contra and mine == CHANGING:
        return count
    return check_self_match(state, people, e, o, hits, count, mine, theirs)
