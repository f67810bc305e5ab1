"""Labels of a stream of simulated records, in one pass and without looking ahead."""

from kernels.jit import kernel

CLEAN, ACTIVE, ONSET, ECHO = range(4)  # zones, as in LABEL
RECENT_NS = 5_000_000_000  # an own message this recent keeps a campaign active
ECHO_NS = 60_000_000_000  # how long a campaign echoes after its end


@kernel
def zone_of(agent, ts):
    """Return the zone of an agent's campaign at `ts`, its own messages up to `ts` being labelled.

    A campaign that is not done yet has its end ahead. One that was given up without its evidence
    leaves onset for as long as it would have echoed.
    """
    if agent["campaign"] < 0 or agent["start"] < 0 or ts < agent["start"]:
        return CLEAN
    over = agent["done"] and ts > agent["end"] + ECHO_NS
    if agent["evidence"] < 0:
        return CLEAN if over else ONSET
    if ts < agent["evidence"]:
        return ONSET
    if agent["labelled"] > ts - RECENT_NS:
        return ACTIVE
    return CLEAN if over else ECHO


@kernel
def label_rows(
    ts,  # (N,) int64 ns, in order; records of one instant all in the same call
    security,  # (N,) int32, rows
    senders,  # (N,) int32, agent of the security whose message it is
    markets,  # (S,) SECURITY; agents in order of their planned start
    labels,  # (N,) LABEL, written
):
    """Write the label of each record: active before onset before echo, the older campaign first."""
    i = 0
    while i < ts.shape[0]:
        stop = i
        while stop < ts.shape[0] and ts[stop] == ts[i]:
            if senders[stop] >= 0:
                markets[security[stop]]["agents"][senders[stop]]["labelled"] = ts[i]
            stop += 1
        for j in range(i, stop):
            m = markets[security[j]]
            row = labels[j]
            zone = CLEAN
            row["campaign"] = -1
            row["typology"] = -1
            row["own"] = senders[j] >= 0 and m["agents"][senders[j]]["campaign"] >= 0
            for a in range(m["over"], m["casts"]):
                agent = m["agents"][a]
                if agent["planned"] > ts[j]:
                    break
                found = zone_of(agent, ts[j])
                if found != CLEAN and (zone == CLEAN or found < zone):
                    zone = found
                    row["campaign"] = agent["campaign"]
                    row["typology"] = agent["code"]
                over = agent["done"] and ts[j] > agent["end"] + ECHO_NS
                if a == m["over"] and (over or agent["campaign"] < 0):
                    m["over"] = a + 1
            row["zone"] = zone
        i = stop
