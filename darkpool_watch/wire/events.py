"""The messages of the wire: one Struct an event kind for msgpack, and what travels beside events.

The packed encoding sends EVENT rows as they are. The msgpack encoding is for publishers in other
languages: an event is an array whose first element is its kind, and elements from `side` on may be
left out at the end. Both give the same EVENT rows; `sequence` is not sent because the place in the
frame says it.
"""

from enum import IntEnum, IntFlag
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from kernels import layout
from kernels.layout import UNDEFINED_PRICE


class Kind(IntEnum):
    """What an event did; the tag of a msgpack event."""

    ADD = layout.ADD
    CANCEL = layout.CANCEL
    REPLACE = layout.REPLACE
    EXECUTE = layout.EXECUTE
    TRADE = layout.TRADE
    QUOTE = layout.QUOTE
    LEVEL = layout.LEVEL
    STATUS = layout.STATUS
    CLEAR = layout.CLEAR


class Side(IntEnum):
    """EXECUTE: the resting side; TRADE: the aggressor's, NONE where both rested."""

    NONE = layout.SIDE_NONE
    BID = layout.BID
    ASK = layout.ASK


class Flag(IntFlag):
    """A bit each; `kernels.layout` says what they mean."""

    DARK = layout.DARK
    HIDDEN = layout.HIDDEN
    MIDPOINT_PEG = layout.MIDPOINT_PEG
    IOC = layout.IOC
    FOK = layout.FOK
    CONDITIONAL = layout.CONDITIONAL
    FIRM_UP = layout.FIRM_UP
    ISO = layout.ISO
    EXEMPT = layout.EXEMPT
    SELF_MATCH_PREVENTED = layout.SELF_MATCH_PREVENTED
    AUCTION = layout.AUCTION
    HALT = layout.HALT
    ONE_CLOCK = layout.ONE_CLOCK
    BAD_TIME = layout.BAD_TIME


# What msgspec raises on bytes from outside: text that is not UTF-8 and bombs among it.
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

# Bounds of the columns, so that a decoded event always fits its row. What a value may mean is
# checked on the rows, by one kernel for both encodings.
I64 = Annotated[int, Meta(le=(1 << 63) - 1)]
U64 = Annotated[int, Meta(ge=0)]
U32 = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
U16 = Annotated[int, Meta(ge=0, le=(1 << 16) - 1)]
U8 = Annotated[int, Meta(ge=0, le=(1 << 8) - 1)]


class Event(Struct, frozen=True, gc=False, array_like=True):
    """The columns of every event, in wire order; units as in `kernels.layout.EVENT`."""

    ts_event: I64  # ns UTC, the venue's clock
    ts_recv: I64  # ns UTC, when it was captured
    instrument_id: U32  # the listing
    side: U8 = layout.SIDE_NONE
    price: I64 = UNDEFINED_PRICE  # 1e-9 currency
    size: U64 = 0  # the listing's size unit
    order_id: U64 = 0
    flags: U16 = 0
    account: U32 = 0
    contra_order_id: U64 = 0
    contra_account: U32 = 0
    aux_price: I64 = UNDEFINED_PRICE  # 1e-9 currency
    aux_size: U64 = 0
    ts_ref: I64 = UNDEFINED_PRICE  # ns UTC


class Add(Event, frozen=True, gc=False, array_like=True, tag=layout.ADD):
    """An order entered: `aux_size` is its minimum quantity."""


class Cancel(Event, frozen=True, gc=False, array_like=True, tag=layout.CANCEL):
    """`size` of a resting order was removed."""


class Replace(Event, frozen=True, gc=False, array_like=True, tag=layout.REPLACE):
    """`order_id` became `contra_order_id`, with a new price and size."""


class Execute(Event, frozen=True, gc=False, array_like=True, tag=layout.EXECUTE):
    """`size` of a resting order traded with an incoming one; dark: `aux_price` is the reference."""


class Trade(Event, frozen=True, gc=False, array_like=True, tag=layout.TRADE):
    """A print without a resting order id; `side` is the aggressor's."""


class Quote(Event, frozen=True, gc=False, array_like=True, tag=layout.QUOTE):
    """Consolidated best bid (`price`, `size`) and offer (`aux_price`, `aux_size`)."""


class Level(Event, frozen=True, gc=False, array_like=True, tag=layout.LEVEL):
    """A depth correction: `size` is what one price level now holds; 0 removes it."""


class Status(Event, frozen=True, gc=False, array_like=True, tag=layout.STATUS):
    """Trading halts (flag HALT) or resumes (without it)."""


class Clear(Event, frozen=True, gc=False, array_like=True, tag=layout.CLEAR):
    """The listing's book is void and starts again empty."""


AnyEvent: TypeAlias = Add | Cancel | Replace | Execute | Trade | Quote | Level | Status | Clear
EVENT_TYPES: Final[tuple[type[AnyEvent], ...]] = (
    Add,
    Cancel,
    Replace,
    Execute,
    Trade,
    Quote,
    Level,
    Status,
    Clear,
)  # indexed by kind

Ns = Annotated[int, Meta(ge=0, lt=1 << 62)]
Text = Annotated[str, Meta(min_length=1, max_length=64)]


class Definition(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"class_": "class"}
):
    """One listing: a security on a venue, for one session."""

    instrument_id: U32  # the listing
    security_id: U32  # what trades on every venue
    symbol: Text
    venue: Text  # MIC
    dark: bool
    tick: Annotated[int, Meta(ge=1, lt=1 << 62)]  # 1e-9 currency
    size_unit: Text = "share"
    currency: Text = "USD"
    session_open_ns: Ns  # ns UTC
    session_close_ns: Ns  # ns UTC
    class_: Text = "equity"  # statistics and thresholds are shared within a class

    def __post_init__(self) -> None:
        if self.session_close_ns <= self.session_open_ns:
            raise ValueError(
                f"session_close_ns {self.session_close_ns} is not after "
                f"session_open_ns {self.session_open_ns}"
            )


class AccountRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who stands behind an account id, from a time on."""

    account: Annotated[int, Meta(ge=1, le=(1 << 32) - 1)]
    owner: U32
    group: U32  # affiliate group; 0 = none known
    capacity: Literal["principal", "agency"]
    segment: U32
    valid_from_ns: Ns  # ns UTC


class Heartbeat(Struct, frozen=True, array_like=True):
    """A channel is alive: what comes next, and how far back the replay socket reaches.

    `end` says that nothing will come next: the session is over as it should be. Readers that do not
    know the element pass it over, and a publisher may leave it out.
    """

    next_sequence: Annotated[int, Meta(ge=1, lt=1 << 62)]
    oldest_sequence: Annotated[int, Meta(ge=1, lt=1 << 62)]  # next_sequence where it holds nothing
    end: bool = False
