"""PRIORITY: fills that passed over an order with a better claim, and prices off the tick.

An execution of a resting order is held against the queue of its book. On a lit book a better price
comes first, then what is displayed, then what came earlier; in a pool, what came earlier among
orders of one kind that the trade could have filled. An order that was passed over counts only where
nothing excuses it: an account that would have met itself, a minimum quantity, an order that is not
firm, an order that may have lost its place, a tie within `queue_error`. Venues publish the fills of
one incoming order in any sequence, so a suspect rests until that span has passed, and whatever
happens to the order passed over acquits it. Orders that the feed never showed are unknown, and so
is everything about an execution of one.

Source: 17 CFR 242.612 (Regulation NMS, rule 612) for the increment of prices; below 1.00 of the
currency it is 0.0001.
"""

import numpy as np

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import (
    ADD,
    AUCTION,
    BAD_TIME,
    CONDITIONAL,
    DARK,
    FOK,
    HIDDEN,
    IOC,
    LEVEL,
    MIDPOINT_PEG,
    PRICE_SCALE,
    QUOTE,
    REPLACE,
    SELF_MATCH_PREVENTED,
    UNDEFINED_PRICE,
)
from kernels.people import CHANGING, may_be_apart, sure_record
from kernels.queues import DISPLAYED, UNDISPLAYED, find_place, node_of
from kernels.rule_rows import (
    ACQUITTED,
    BETTER_PASSED,
    CROWDED,
    OLDER_PASSED,
    PRIORITIES,
    PRIORITY,
    RANKED,
    SUB_PENNIES,
    SUB_PENNY,
    SUSPECTS,
    UNRANKED,
    write_hit,
)

BY_TIME, BY_SIZE, BY_CLASS, BY_PRICE, UNCHECKED = range(5)  # how a venue ranks one price
SEARCH = 32  # orders looked at for one execution; what lies behind them is not claimed
SMALL_TICK = PRICE_SCALE // 10_000  # of prices below one unit of the currency
_NOT_FIRM = IOC | FOK | CONDITIONAL


@hot_kernel
def may_not_meet(state, people, e, o, order):
    """Return whether an order may have been spared because of whom it would have met.

    That is itself, or a segment that the matrix keeps from its own. An account that is not known
    excuses it, unless the config says to judge lit books without.
    """
    settings = state.settings[0]
    account = order["account"]
    contra = o["contra_account"]
    if e["flags"] & SELF_MATCH_PREVENTED:
        return True
    if account == 0 or contra == 0:
        return order["dark"] != 0 or settings["nameless"] == 0
    if account == contra:
        return True
    a = sure_record(people, account, o["ts"], settings["clock_error"])
    b = sure_record(people, contra, o["ts"], settings["clock_error"])
    if a < 0 or b < 0:
        return a == CHANGING or b == CHANGING
    owner = people.records[a]["owner"]
    if owner != 0 and owner == people.records[b]["owner"]:
        return True
    venue = state.feeds[o["listing"]]["venue"]
    return may_be_apart(people, venue, a, b, o["ts"], settings["clock_error"])


@hot_kernel
def could_fill(queues, e, o, order, filled, incoming):
    """Return whether a trade could have been with `order` instead of with `filled`.

    `incoming` is the node of the order that came, -1 where it is not known.
    """
    size = np.int64(e["size"])
    if order["flags"] & _NOT_FIRM:
        return False
    if order["dark"]:
        if (order["flags"] ^ filled["flags"]) & MIDPOINT_PEG:
            return False
        if order["price"] != UNDEFINED_PRICE:
            if o["price"] == UNDEFINED_PRICE:
                return False
            worse = (
                order["price"] < o["price"] if order["side"] == 0 else order["price"] > o["price"]
            )
            if worse:
                return False
    offered = size
    if incoming >= 0:
        offered = max(size, queues.nodes[incoming]["left"])
        if queues.nodes[incoming]["minimum"] > order["left"]:
            return False
    elif order["dark"] and order["left"] < size:
        return False
    return offered >= min(order["minimum"], order["left"])


@hot_kernel
def ranks_before(people, o, order, filled, mode, settings):
    """Return whether `order` surely has the better claim than `filled`, at one price and chain."""
    queue_error = settings["queue_error"]
    if mode == BY_SIZE and order["left"] != filled["left"]:
        return order["left"] > filled["left"] and order["since"] + queue_error < o["ts"]
    if mode == BY_CLASS:
        a = sure_record(people, order["account"], o["ts"], settings["clock_error"])
        b = sure_record(people, filled["account"], o["ts"], settings["clock_error"])
        if a < 0 or b < 0:
            return False
        if people.records[a]["segment"] != people.records[b]["segment"]:
            return False
        if people.records[a]["capacity"] != people.records[b]["capacity"]:
            return False
    return order["since_rank"] < filled["rank"] and order["since"] + queue_error < filled["entered"]


@hot_kernel
def passed_in_chain(state, queues, people, e, o, node, incoming, head):
    """Return the node of an order ahead of `node` in its own chain that was passed over, or -1."""
    mode = state.feeds[o["listing"]]["priority"]
    settings = state.settings[0]
    filled = queues.nodes[node]
    at = np.int64(head)
    for _ in range(SEARCH):
        if at < 0:
            break
        if at == node:
            if mode != BY_SIZE:
                break
        else:
            order = queues.nodes[at]
            if (
                ranks_before(people, o, order, filled, mode, settings)
                and could_fill(queues, e, o, order, filled, incoming)
                and not may_not_meet(state, people, e, o, order)
            ):
                return at
        at = np.int64(queues.nodes[at]["next"])
    return np.int64(-1)


@hot_kernel
def passed_outright(state, queues, people, e, o, node, incoming, head):
    """Return the node of an order in a chain that comes before `node` whenever it came, or -1."""
    filled = queues.nodes[node]
    at = np.int64(head)
    for _ in range(SEARCH):
        if at < 0:
            break
        order = queues.nodes[at]
        if (
            order["since"] + state.settings[0]["queue_error"] < o["ts"]
            and could_fill(queues, e, o, order, filled, incoming)
            and not may_not_meet(state, people, e, o, order)
        ):
            return at
        at = np.int64(order["next"])
    return np.int64(-1)


@hot_kernel
def suspect_passed(state, queues, e, o, node, passed):
    """Let an execution wait that passed over an order."""
    s = np.int64(o["security"])
    watch = state.watches[s]
    if watch["passed"] == SUSPECTS:
        state.counters[CROWDED] += 1
        return
    filled = queues.nodes[node]
    order = queues.nodes[passed]
    better = order["dark"] == 0 and order["price"] != filled["price"]
    hit = state.passed[s, watch["passed"]]
    watch["passed"] += 1
    write_hit(hit, e, o, PRIORITY, BETTER_PASSED if better else OLDER_PASSED)
    hit["passed_id"] = order["order_id"]
    hit["reference"] = order["price"]
    if better:
        hit["margin"] = abs(order["price"] - filled["price"])
    else:
        hit["margin"] = o["ts"] - order["since"]


@hot_kernel
def settle_passed(state, s, o, hits, count):
    """Tell the executions that nothing acquitted in time; return how many hits there are then."""
    watch = state.watches[s]
    kept = 0
    for i in range(watch["passed"]):
        row = state.passed[s, i]
        if row["ts"] + state.settings[0]["queue_error"] < o["ts"]:
            hits[count] = row
            hit = hits[count]
            hit["decided"] = o["arrival"]
            count += 1
            state.counters[PRIORITIES] += 1
        else:
            if kept < i:
                state.passed[s, kept] = row
            kept += 1
    watch["passed"] = kept
    return count


@hot_kernel
def acquit_passed(state, s, e, o):
    """Let go the executions whose passed order this event concerns."""
    watch = state.watches[s]
    kept = 0
    for i in range(watch["passed"]):
        row = state.passed[s, i]
        if row["passed_id"] == e["order_id"] and row["listing"] == o["listing"]:
            state.counters[ACQUITTED] += 1
        else:
            if kept < i:
                state.passed[s, kept] = row
            kept += 1
    watch["passed"] = kept


@lean_kernel
def check_queue(state, queues, people, e, o):
    """PRIORITY: hold an execution against the queue before it."""
    listing = np.int64(o["listing"])
    feed = state.feeds[listing]
    mode = feed["priority"]
    node = node_of(queues, e["order_id"], listing)
    if (
        node < 0
        or mode == UNCHECKED
        or o["flags"] & (AUCTION | BAD_TIME)
        or state.watches[o["security"]]["halted"] > 0
    ):
        state.counters[UNRANKED] += 1
        return
    filled = queues.nodes[node]
    incoming = node_of(queues, e["contra_order_id"], listing)
    chain = np.int64(filled["chain"])
    dark = filled["dark"] != 0
    unlike = not dark and (
        filled["price"] == UNDEFINED_PRICE
        or (e["price"] != UNDEFINED_PRICE and e["price"] != filled["price"])
        or filled["flags"] & (MIDPOINT_PEG | DARK) != 0
        or (chain == DISPLAYED and e["flags"] & (HIDDEN | DARK | MIDPOINT_PEG) != 0)
    )
    rested_later = incoming >= 0 and queues.nodes[incoming]["rank"] < filled["rank"]
    if unlike or rested_later or filled["side"] != np.int64(o["side"]) - 1:
        state.counters[UNRANKED] += 1
        return
    state.counters[RANKED] += 1
    side_row = queues.sides[listing, filled["side"]]
    place = find_place(queues, side_row, filled)
    first = side_row["offset"]
    passed = np.int64(-1)
    if not dark:
        best = np.int64(side_row["count"]) - 1
        for better in range(best, max(place, best - SEARCH), -1):
            for one in range(2):
                if passed < 0:
                    head = queues.levels[first + better]["head"][one]
                    passed = passed_outright(state, queues, people, e, o, node, incoming, head)
            if passed >= 0:
                break
    if passed < 0 and chain == UNDISPLAYED:
        head = queues.levels[first + place]["head"][DISPLAYED]
        passed = passed_outright(state, queues, people, e, o, node, incoming, head)
    if passed < 0 and mode != BY_PRICE:
        head = queues.levels[first + place]["head"][chain]
        passed = passed_in_chain(state, queues, people, e, o, node, incoming, head)
    if passed >= 0:
        suspect_passed(state, queues, e, o, node, passed)


@hot_kernel
def off_tick(price, tick):
    """Return by how much a price lies off the increment that it must be on."""
    if price == UNDEFINED_PRICE:
        return np.int64(0)
    if price < PRICE_SCALE:
        tick = min(tick, np.int64(SMALL_TICK))
    over = price % tick
    return min(over, tick - over)


@hot_kernel
def check_increment(state, e, o, hits, count):
    """PRIORITY: hold the price of an order or a displayed quote against the increment.

    Midpoint pegs are exempt; a hidden or dark order may rest on a half tick, where midpoints lie.
    """
    kind = e["kind"]
    if not (kind == ADD or kind == REPLACE or kind == QUOTE or kind == LEVEL):
        return count
    if e["flags"] & MIDPOINT_PEG or (kind == LEVEL and e["size"] == 0):
        return count
    tick = state.feeds[o["listing"]]["tick"]
    if (o["dark"] or e["flags"] & HIDDEN) and kind != QUOTE and tick % 2 == 0:
        tick //= 2
    off = off_tick(e["price"], tick)
    price = e["price"]
    if off == 0 and kind == QUOTE:
        off = off_tick(e["aux_price"], tick)
        price = e["aux_price"]
    if off == 0:
        return count
    hit = hits[count]
    write_hit(hit, e, o, PRIORITY, SUB_PENNY)
    hit["price"] = price
    hit["reference"] = tick
    hit["margin"] = off
    state.counters[SUB_PENNIES] += 1
    return count + 1
