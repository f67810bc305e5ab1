"""The table of resting orders: open addressing, 48 bytes an order, backward-shift deletion.

An order's key is (order id, listing, epoch). A CLEAR raises the listing's epoch, so that all of
its orders stop matching at once; their slots are given back when the table is next rebuilt.
"""

import numpy as np

from kernels.jit import hot_kernel
from kernels.market_rows import EPOCHS, ORDERS_USED

_FREE = np.uint64(0)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MIX_LOW = np.uint64(0x9E3779B1)
_MIX_HIGH = np.uint64(0xC2B2AE35)
_MIX_BOOK = np.uint64(0x85EBCA6B)
_MIX_LAST = np.uint64(0xD35A2D97)
_TAKE = np.uint64(16)


@hot_kernel
def book_key(listing, epoch):
    """Return the 28 bits that tell one listing's orders of one epoch from all others."""
    return (np.int64(listing) << 12) | np.int64(epoch)


@hot_kernel
def home_slot(order_id, key, mask):
    """Return the slot where the search for an order starts.

    Products of 32-bit halves stay below 2^64, so that nothing wraps, compiled or not.
    """
    mixed = ((order_id & _LOW) * _MIX_LOW) ^ ((order_id >> _HALF) * _MIX_HIGH)
    mixed ^= np.uint64(key) * _MIX_BOOK
    mixed = ((mixed ^ (mixed >> _HALF)) & _LOW) * _MIX_LAST
    return np.int64(mixed >> _TAKE) & mask


@hot_kernel
def find_order(
    orders,  # (2^k,) ORDER, at least one free
    order_id,  # uint64, not 0
    key,  # int64: book_key; negative matches nothing
):
    """Return the order's slot, -1 where it does not rest."""
    mask = orders.shape[0] - 1
    slot = home_slot(order_id, key, mask)
    while True:
        held = orders[slot]["order_id"]
        if held == order_id and (np.int64(orders[slot]["tag"]) >> 4) == key:
            return slot
        if held == _FREE:
            return np.int64(-1)
        slot = (slot + 1) & mask


@hot_kernel
def free_slot(
    orders,  # (2^k,) ORDER, at least one free
    table,  # (1,) int64
    order_id,  # uint64, not 0, with this key not in the table
    key,  # int64: book_key
):
    """Take the slot where the order belongs and return it; the caller fills the row."""
    mask = orders.shape[0] - 1
    slot = home_slot(order_id, key, mask)
    while orders[slot]["order_id"] != _FREE:
        slot = (slot + 1) & mask
    table[ORDERS_USED] += 1
    return slot


@hot_kernel
def remove_order(
    orders,  # (2^k,) ORDER
    table,  # (1,) int64
    slot,  # int64, in use
):
    """Free the slot and move later orders of its run back, so that searches need no tombstones."""
    mask = orders.shape[0] - 1
    hole = slot
    later = slot
    while True:
        later = (later + 1) & mask
        order_id = orders[later]["order_id"]
        if order_id == _FREE:
            break
        home = home_slot(order_id, np.int64(orders[later]["tag"]) >> 4, mask)
        if ((later - home) & mask) >= ((later - hole) & mask):
            orders[hole] = orders[later]
            hole = later
    row = orders[hole]
    row["order_id"] = _FREE
    table[ORDERS_USED] -= 1


@hot_kernel
def count_live(
    orders,  # (2^k,) ORDER
    listings,  # (listings,) LISTING
):
    """Return how many orders rest, those of cleared epochs left out."""
    live = 0
    for slot in range(orders.shape[0]):
        if orders[slot]["order_id"] != _FREE:
            key = np.int64(orders[slot]["tag"]) >> 4
            if listings[key >> 12]["epoch"] == (key & (EPOCHS - 1)):
                live += 1
    return live


@hot_kernel
def move_orders(
    old,  # (2^k,) ORDER
    new,  # (2^j,) ORDER, all free
    listings,  # (listings,) LISTING
    table,  # (1,) int64
):
    """Enter the live orders of `old` into `new` and drop those of cleared epochs."""
    table[ORDERS_USED] = 0
    for slot in range(old.shape[0]):
        order_id = old[slot]["order_id"]
        if order_id != _FREE:
            key = np.int64(old[slot]["tag"]) >> 4
            if listings[key >> 12]["epoch"] == (key & (EPOCHS - 1)):
                new[free_slot(new, table, order_id, key)] = old[slot]
