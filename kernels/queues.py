"""The queues of every book as the feed showed them: who came first at each price.

A listing's side is a sorted run of levels, the best one last; a level holds two chains in time
order, what is displayed and what is not. A dark listing's side is one level with one chain. Memory
is bounded: a side keeps its best levels and forgets the orders of the worst where there are more.

An order that was forgotten, or never shown, is unknown: nothing is claimed of it.
"""

from typing import NamedTuple

import numpy as np

from kernels.book import drop_level, find_level, insert_level, price_key
from kernels.jit import hot_kernel, kernel, lean_kernel
from kernels.layout import (
    ADD,
    BAD_TIME,
    CANCEL,
    CLEAR,
    CONDITIONAL,
    EXECUTE,
    HIDDEN,
    LEVEL,
    MIDPOINT_PEG,
    REPLACE,
    SIDE_NONE,
    UNDEFINED_PRICE,
)
from kernels.orders import book_key, find_order, free_slot, remove_order

DISPLAYED, UNDISPLAYED = range(2)
UNPRICED = -(1 << 62)  # key of lit orders without a price: behind all others
_NONE = np.uint64(0)
NOT_BEFORE = 1 << 61  # ns: since when an order rests whose time is not known

# One resting order and its neighbours in its chain.
PLACED = np.dtype(
    [
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("entered", "<i8"),  # ns: it may rest here since then; NEVER = not known
        ("rank", "<i8"),  # arrival of that event; -1 = not known, so before all others
        ("since", "<i8"),  # ns: it rests here since then at the latest
        ("since_rank", "<i8"),  # arrival of that event
        ("left", "<i8"),
        ("minimum", "<i8"),  # quantity; 0 = none
        ("next", "<i4"),  # node; -1 = last
        ("previous", "<i4"),  # node; -1 = first
        ("account", "<u4"),
        ("listing", "<i4"),
        ("flags", "<u2"),
        ("side", "u1"),  # 0 bid, 1 ask
        ("chain", "u1"),  # DISPLAYED or UNDISPLAYED
        ("dark", "u1"),  # 1: of a pool
        ("pad", "u1", (3,)),
    ]
)
NEVER_ENTERED = -(1 << 60)

# Which node an order id has; `tag` as in market_rows.ORDER.
NODE_OF = np.dtype([("order_id", "<u8"), ("tag", "<u4"), ("node", "<i4")])

QUEUE_LEVEL = np.dtype(
    [
        ("key", "<i8"),  # as in market_rows.LEVEL_ROW
        ("size", "<i8"),  # orders
        ("head", "<i4", (2,)),  # node of each chain; -1 = none
        ("tail", "<i4", (2,)),
    ]
)

ORDERS_HELD, FREE_NODE, NODES_USED, LEVELS_FORGOTTEN = range(4)  # in QueueState.table
TABLE = 4


class QueueState(NamedTuple):
    """The arrays of the queues."""

    nodes: np.ndarray  # (orders,) PLACED
    places: np.ndarray  # (2^k,) NODE_OF
    levels: np.ndarray  # (listings * 2 * L,) QUEUE_LEVEL
    sides: np.ndarray  # (listings, 2) SIDE_ROW
    table: np.ndarray  # (TABLE,) int64


@hot_kernel
def node_of(queues, order_id, listing):
    """Return the node of an order, -1 where it does not rest as far as is known."""
    if order_id == _NONE:
        return np.int64(-1)
    slot = find_order(queues.places, order_id, book_key(listing, 0))
    return np.int64(-1) if slot < 0 else np.int64(queues.places[slot]["node"])


@hot_kernel
def level_key(dark, side, price):
    """Return the key of an order's level."""
    if dark:
        return np.int64(0)
    return UNPRICED if price == UNDEFINED_PRICE else price_key(side, price)


@hot_kernel
def name_node(queues, order_id, listing, node):
    """Let an order id stand for a node."""
    key = book_key(listing, 0)
    row = queues.places[free_slot(queues.places, queues.table, order_id, key)]
    row["order_id"] = order_id
    row["tag"] = key << 4
    row["node"] = node


@hot_kernel
def drop_node(queues, node):
    """Give a node back and forget its order's id."""
    order = queues.nodes[node]
    key = book_key(order["listing"], 0)
    slot = find_order(queues.places, order["order_id"], key)
    if slot >= 0:
        remove_order(queues.places, queues.table, slot)
    order["next"] = queues.table[FREE_NODE]
    queues.table[FREE_NODE] = node


@lean_kernel
def forget_level(queues, side_row, place):
    """Forget the orders of one level, and the level."""
    level = queues.levels[side_row["offset"] + place]
    for chain in range(2):
        node = np.int64(level["head"][chain])
        while node >= 0:
            following = np.int64(queues.nodes[node]["next"])
            drop_node(queues, node)
            node = following
    drop_level(queues.levels, side_row, place)


@lean_kernel
def forget_listing(queues, listing):
    """Forget all orders of a listing."""
    for side in range(2):
        side_row = queues.sides[listing, side]
        while side_row["count"] > 0:
            forget_level(queues, side_row, side_row["count"] - 1)


@hot_kernel
def find_place(queues, side_row, order):
    """Return the place of an order's level."""
    return np.int64(
        find_level(
            queues.levels,
            side_row["offset"],
            np.int64(side_row["count"]),
            level_key(order["dark"] != 0, np.int64(order["side"]), order["price"]),
        )
    )


@lean_kernel
def leave_queue(queues, node):
    """Take an order out of its chain."""
    order = queues.nodes[node]
    side = np.int64(order["side"])
    chain = np.int64(order["chain"])
    side_row = queues.sides[order["listing"], side]
    place = find_place(queues, side_row, order)
    level = queues.levels[side_row["offset"] + place]
    if order["previous"] >= 0:
        queues.nodes[order["previous"]]["next"] = order["next"]
    else:
        level["head"][chain] = order["next"]
    if order["next"] >= 0:
        queues.nodes[order["next"]]["previous"] = order["previous"]
    else:
        level["tail"][chain] = order["previous"]
    level["size"] -= 1
    if level["size"] == 0:
        drop_level(queues.levels, side_row, place)
    drop_node(queues, node)


@lean_kernel
def open_level(queues, side_row, key):
    """Return the place of a level, opened where there is none; -1 where it is too far behind."""
    count = np.int64(side_row["count"])
    offset = side_row["offset"]
    place = np.int64(find_level(queues.levels, offset, count, key))
    if place < count and queues.levels[offset + place]["key"] == key:
        return place
    if count == side_row["capacity"]:
        queues.table[LEVELS_FORGOTTEN] += 1
        if place == 0:
            return np.int64(-1)
        forget_level(queues, side_row, 0)
        place -= 1
    insert_level(queues.levels, side_row, place, key, 0)
    level = queues.levels[offset + place]
    for chain in range(2):
        level["head"][chain] = -1
        level["tail"][chain] = -1
    return place


@lean_kernel
def join_queue(queues, e, o, order_id, side, dark, known):
    """Put an order at the end of its chain; with `known` 0 it may have rested there before."""
    listing = np.int64(o["listing"])
    held = node_of(queues, order_id, listing)
    if held >= 0:
        leave_queue(queues, held)
    price = e["price"]
    side_row = queues.sides[listing, side]
    place = open_level(queues, side_row, level_key(dark, side, price))
    if place < 0:
        return
    node = queues.table[FREE_NODE]
    if node >= 0:
        queues.table[FREE_NODE] = queues.nodes[node]["next"]
    else:
        node = queues.table[NODES_USED]
        queues.table[NODES_USED] = node + 1
    flags = np.int64(e["flags"])
    chain = UNDISPLAYED if not dark and flags & (HIDDEN | MIDPOINT_PEG) else DISPLAYED
    level = queues.levels[side_row["offset"] + place]
    order = queues.nodes[node]
    order["order_id"] = order_id
    order["price"] = price
    order["entered"] = o["ts"] if known else NEVER_ENTERED
    order["rank"] = o["arrival"] if known else -1
    order["since"] = NOT_BEFORE if flags & BAD_TIME else o["ts"]
    order["since_rank"] = o["arrival"]
    order["left"] = np.int64(e["size"])
    order["minimum"] = np.int64(e["aux_size"])
    order["account"] = o["account"]
    order["listing"] = listing
    order["flags"] = flags
    order["side"] = side
    order["chain"] = chain
    order["dark"] = dark
    order["next"] = -1
    order["previous"] = level["tail"][chain]
    if level["tail"][chain] >= 0:
        queues.nodes[level["tail"][chain]]["next"] = node
    else:
        level["head"][chain] = node
    level["tail"][chain] = node
    level["size"] += 1
    name_node(queues, order_id, listing, node)


@hot_kernel
def reduce_node(queues, node, quantity):
    """Take a quantity off an order; it leaves when nothing is left."""
    if node < 0:
        return
    order = queues.nodes[node]
    if order["left"] > quantity:
        order["left"] -= quantity
    else:
        leave_queue(queues, node)


@lean_kernel
def replace_node(queues, e, o, dark, keeps_place):
    """Let a new order take an old one's place, or join the end of its own chain.

    An order no larger at the same price may have kept its place or lost it, as the venue has it:
    it stays where it is and counts as resting since now. With `keeps_place` a smaller one kept it.
    """
    listing = np.int64(o["listing"])
    new_id = e["contra_order_id"] if e["contra_order_id"] != _NONE else e["order_id"]
    size = np.int64(e["size"])
    node = node_of(queues, e["order_id"], listing)
    if node >= 0:
        order = queues.nodes[node]
        if (
            order["price"] == e["price"]
            and size <= order["left"]
            and (order["flags"] ^ e["flags"]) & (HIDDEN | MIDPOINT_PEG | CONDITIONAL) == 0
        ):
            if new_id != order["order_id"]:
                taken = node_of(queues, new_id, listing)
                if taken >= 0:
                    leave_queue(queues, taken)
                slot = find_order(queues.places, order["order_id"], book_key(listing, 0))
                remove_order(queues.places, queues.table, slot)
                name_node(queues, new_id, listing, node)
                order["order_id"] = new_id
            if not keeps_place or size == order["left"]:
                order["since"] = NOT_BEFORE if e["flags"] & BAD_TIME else o["ts"]
                order["since_rank"] = o["arrival"]
            order["left"] = size
            order["minimum"] = np.int64(e["aux_size"])
            order["flags"] = e["flags"]
            return
        leave_queue(queues, node)
    if o["side"] != SIDE_NONE and new_id != _NONE and size > 0:
        known = node >= 0 or e["order_id"] == _NONE
        join_queue(queues, e, o, new_id, np.int64(o["side"]) - 1, dark, known)


@lean_kernel
def follow_queue(queues, e, o, dark, keeps_place):
    """Let one event of a known listing change its queues."""
    kind = e["kind"]
    listing = np.int64(o["listing"])
    size = np.int64(e["size"])
    if kind == ADD:
        if e["order_id"] != _NONE and e["side"] != SIDE_NONE and size > 0:
            join_queue(queues, e, o, e["order_id"], np.int64(e["side"]) - 1, dark, True)
    elif kind == CANCEL:
        reduce_node(queues, node_of(queues, e["order_id"], listing), size)
    elif kind == REPLACE:
        replace_node(queues, e, o, dark, keeps_place)
    elif kind == EXECUTE:
        reduce_node(queues, node_of(queues, e["order_id"], listing), size)
        if e["contra_order_id"] != e["order_id"]:
            reduce_node(queues, node_of(queues, e["contra_order_id"], listing), size)
    elif kind == LEVEL:
        if not dark and e["side"] != SIDE_NONE and e["price"] != UNDEFINED_PRICE:
            side = np.int64(e["side"]) - 1
            side_row = queues.sides[listing, side]
            count = np.int64(side_row["count"])
            key = price_key(side, e["price"])
            place = find_level(queues.levels, side_row["offset"], count, key)
            if place < count and queues.levels[side_row["offset"] + place]["key"] == key:
                forget_level(queues, side_row, place)
    elif kind == CLEAR:
        forget_listing(queues, listing)


@kernel
def move_places(
    old,  # (2^j,) NODE_OF
    new,  # (2^k,) NODE_OF, all free
    table,  # (TABLE,) int64
):
    """Enter what `old` holds into `new`."""
    table[ORDERS_HELD] = 0
    for slot in range(old.shape[0]):
        order_id = old[slot]["order_id"]
        if order_id != _NONE:
            key = np.int64(old[slot]["tag"]) >> 4
            row = new[free_slot(new, table, order_id, key)]
            row["order_id"] = order_id
            row["tag"] = key << 4
            row["node"] = old[slot]["node"]
