"""The rows that cross stage borders, field by field, with units.

Kernels read constants and dtypes from here; nothing in this file has state. Names follow
Databento's DBN where it has one.
"""

import numpy as np

I64_MAX = np.iinfo(np.int64).max
UNDEFINED_PRICE = I64_MAX  # a price, a midpoint or a reference time that is not known
PRICE_SCALE = 1_000_000_000  # prices are integers of 1e-9 of the currency
UNKNOWN_AGE = -1  # an age in ns that is not known

# Event kinds. ADD..EXECUTE concern one order; TRADE is a print without a resting order id;
# QUOTE a consolidated best bid and offer; LEVEL an absolute depth correction of one price level.
ADD, CANCEL, REPLACE, EXECUTE, TRADE, QUOTE, LEVEL, STATUS, CLEAR = range(9)
KINDS = 9

# Sides. EXECUTE: the resting side; TRADE: the aggressor's side, SIDE_NONE if both rested.
SIDE_NONE, BID, ASK = range(3)
SIDES = 3

# Flags, a bit each.
DARK = 1 << 0  # the event belongs to a dark venue
HIDDEN = 1 << 1  # the order rested undisplayed on a lit book
MIDPOINT_PEG = 1 << 2
IOC = 1 << 3
FOK = 1 << 4
CONDITIONAL = 1 << 5
FIRM_UP = 1 << 6
ISO = 1 << 7  # intermarket sweep order
EXEMPT = 1 << 8  # declared exempt from the trade-through rule
SELF_MATCH_PREVENTED = 1 << 9
AUCTION = 1 << 10
HALT = 1 << 11  # STATUS: trading stops; STATUS without it: trading resumes
ONE_CLOCK = 1 << 12  # the tape has one clock: ts_recv equals ts_event
BAD_TIME = 1 << 13  # the venue marked its own timestamp as unreliable
ALL_FLAGS = (1 << 14) - 1

EVENT = np.dtype(
    [
        ("ts_event", "<i8"),  # ns UTC, the venue's clock
        ("ts_recv", "<i8"),  # ns UTC, when it was captured
        ("ts_ref", "<i8"),  # ns UTC, when a dark print's reference was current; max = unknown
        ("sequence", "<u8"),  # per (venue, channel, session)
        ("order_id", "<u8"),  # EXECUTE: resting; REPLACE: old; 0 = unknown
        ("contra_order_id", "<u8"),  # EXECUTE: incoming; REPLACE: new; 0 = unknown
        ("price", "<i8"),  # 1e-9 currency; QUOTE: bid; max = undefined
        ("aux_price", "<i8"),  # QUOTE: ask; dark print: the pool's reference midpoint
        ("size", "<u8"),  # the listing's size unit; CANCEL: removed; LEVEL: absolute; QUOTE: bid's
        ("aux_size", "<u8"),  # QUOTE: ask size; an order's minimum quantity
        ("account", "<u4"),  # dense id; EXECUTE: the resting order's; TRADE: buyer; 0 = unknown
        ("contra_account", "<u4"),  # EXECUTE: the incoming order's; TRADE: seller
        ("instrument_id", "<u4"),  # the listing
        ("kind", "u1"),
        ("side", "u1"),
        ("flags", "<u2"),
    ]
)
assert EVENT.itemsize == 96

# What kind of trade an observation is.
NO_TRADE, LIT_TRADE, HIDDEN_TRADE, DARK_TRADE = range(4)

# One observation an event: what the event did to the market, seen by its security. The market
# stage writes it, features and rules read it and nothing else of the event. Sizes are signed so
# that arithmetic on them stays in integers.
OBSERVATION = np.dtype(
    [
        ("ts", "<i8"),  # ns, event time, made monotone within the security
        ("arrival", "<i8"),  # daemon-wide index of the event
        ("security", "<i4"),  # dense row of the security; -1: unknown listing, to be passed over
        ("listing", "<i4"),  # dense row of the listing
        ("kind", "u1"),
        ("side", "u1"),
        ("flags", "<u2"),
        ("trade", "u1"),  # NO_TRADE, LIT_TRADE, HIDDEN_TRADE or DARK_TRADE
        ("dark", "u1"),  # 1: the event belongs to a dark listing
        ("late", "u1"),  # 1: ts_event was older than the security's clock
        ("aggressor", "i1"),  # d: +1 buyer, -1 seller, 0 both rested, unknown or no trade
        ("flow_sign", "i1"),  # add bid, cancel ask +1; add ask, cancel bid -1; execution d; else 0
        ("nbbo_changed", "u1"),  # 1: best bid or offer changed in price
        ("quoted", "u1"),  # 1: both sides of the NBBO are known after the event
        ("crossed", "u1"),  # 1: the NBBO after the event is locked or crossed
        ("account", "<u4"),
        ("contra_account", "<u4"),
        ("group", "<u4"),  # affiliate group of account; the account itself where not known
        ("contra_group", "<u4"),
        ("instrument_id", "<u4"),  # of the listing, as on the wire
        ("distance", "<i4"),  # ticks behind its own side's best before the event; 0 at the touch,
        # negative improves it; i4 min = undefined
        ("session", "<i4"),  # the security's session number: 0 before the first open
        ("price", "<i8"),  # 1e-9 currency: order or trade price; max = undefined
        ("aux_price", "<i8"),  # dark print: the pool's reference midpoint
        ("added", "<i8"),  # quantity entered by the event (ADD, the new order of a REPLACE)
        ("removed", "<i8"),  # quantity cancelled (CANCEL, the old order of a REPLACE)
        ("traded", "<i8"),  # quantity executed
        ("min_quantity", "<i8"),  # minimum quantity of an order entered; 0 = none
        ("order_size", "<i8"),  # size at entry of the resting order concerned; 0 = unknown
        ("order_left", "<i8"),  # what of it still rests after the event
        ("age", "<i8"),  # ns since that order was entered; -1 = unknown
        ("contra_age", "<i8"),  # the same for the incoming order, where it rested before
        ("reference_age", "<i8"),  # ns, ts_event - ts_ref of a dark print; -1 = unknown
        ("bid0", "<i8"),  # NBBO before the event, 1e-9 currency; max = none
        ("ask0", "<i8"),
        ("bid", "<i8"),  # NBBO after the event
        ("ask", "<i8"),
        ("bid_size", "<i8"),
        ("ask_size", "<i8"),
        ("mid2_before", "<i8"),  # bid + ask, twice the midpoint, so that it stays an integer;
        ("mid2", "<i8"),  # trades only: twice the last trade price; max = none
        ("ofi_touch", "<f8"),  # order-flow imbalance of this event at level 1, size units
        ("ofi_deep", "<f8"),  # the same, summed over levels 2-5
        ("ofi_integrated", "<f8"),  # the same, weighted over levels 1-5
        ("touch_depth", "<f8"),  # (bid size + ask size) / 2 after the event; NaN = unknown
        ("depth5", "<f8"),  # size of levels 1-5, both sides, after the event; NaN = unknown
        ("depth_imbalance", "<f8"),  # levels 1-5, weights exp(-(l-1)/2), -1..1; NaN = unknown
        ("old_price", "<i8"),  # REPLACE: price of the old order; max = unknown or another kind
    ]
)

# Why a frame was owed to the model.
NOT_DUE, ON_TRADE, ON_DARK_PRINT, ON_LARGE_CANCEL, ON_QUOTE, ON_STRIDE = range(6)
TRIGGERS = 6

FEATURES = 240
MODALITIES = 4  # price, volume, time, order flow
