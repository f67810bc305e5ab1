"""Reference data: rows, contradictions and accounts."""

import pytest

from darkpool_watch.config import MarketConfig
from darkpool_watch.errors import MarketError
from darkpool_watch.market.listings import AccountInfo, ListingInfo, Listings
from darkpool_watch.market.state import Market
from darkpool_watch.wire.events import AccountRecord, Definition
from kernels.ids import find_id
from tests.market.streams import ACCOUNTS, DEFINITIONS, event, market


def test_rows_are_dense_in_order_of_definition() -> None:
    listings = Listings(MarketConfig(listings=1, securities=1))
    ids = [3, 0, (1 << 32) - 1, *range(1_000, 1_300)]
    rows = [listings.define(ListingInfo(i, i // 2, f"S{i}")) for i in ids]
    assert rows == list(range(len(ids)))
    assert [listings.row(i) for i in ids] == rows
    assert listings.row(5) == -1
    assert listings.security_row(500) == listings.listing_rows[3]["security"]
    assert listings.securities[0].symbol == "S3"
    assert listings.define(ListingInfo(3, 1, "RENAMED")) == 0
    assert listings.infos[0].symbol == "RENAMED"


def test_a_wire_definition_and_account_are_taken() -> None:
    listings = Listings()
    row = listings.define(
        Definition(
            instrument_id=8,
            security_id=9,
            symbol="GOOG",
            venue="XNAS",
            dark=True,
            tick=5,
            session_open_ns=1,
            session_close_ns=2,
        )
    )
    assert (listings.infos[row].venue, int(listings.listing_rows[row]["dark"])) == ("XNAS", 1)
    listings.account(
        AccountRecord(account=4, owner=2, group=6, capacity="agency", segment=1, valid_from_ns=0)
    )
    assert find_id(listings.groups, 4) == 6


def test_a_listing_cannot_change_its_security_or_darkness() -> None:
    listings = Listings()
    listings.define(ListingInfo(1, 70, "GOOG"))
    with pytest.raises(MarketError, match="Instrument 1 was security 70, dark False; now"):
        listings.define(ListingInfo(1, 71, "GOOG"))
    with pytest.raises(MarketError, match="give the new listing an instrument id of its own"):
        listings.define(ListingInfo(1, 70, "GOOG", dark=True))


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (ListingInfo(-1, 1, "A"), "A: instrument_id is -1, needed 0 to 4294967295"),
        (ListingInfo(1, 1 << 32, "A"), "A: security_id is 4294967296"),
        (ListingInfo(1, 1, "A", tick=0), "A: tick is 0, needed at least 1"),
        (ListingInfo(1, 1, "A", session_open_ns=2, session_close_ns=1), "open before close"),
    ],
)
def test_definitions_out_of_range_are_refused(info: ListingInfo, text: str) -> None:
    listings = Listings()
    with pytest.raises(MarketError, match=text):
        listings.define(info)
    assert listings.infos == []


def test_an_older_account_record_is_passed_over() -> None:
    listings = Listings()
    listings.account(AccountInfo(4, group=6, valid_from_ns=10))
    listings.account(AccountInfo(4, group=7, valid_from_ns=5))
    assert listings.accounts[4].group == 6
    listings.account(AccountInfo(4, group=8, valid_from_ns=10))
    assert find_id(listings.groups, 4) == 8
    with pytest.raises(MarketError, match="Account 0, group 0"):
        listings.account(AccountInfo(0))


def test_many_accounts_keep_their_groups() -> None:
    listings = Listings()
    for account in range(1, 700):
        listings.account(AccountInfo(account * 6_000_011, group=account))
    assert all(find_id(listings.groups, a * 6_000_011) == a for a in range(1, 700))
    assert find_id(listings.groups, 5) == -1


def test_listings_defined_between_calls_are_followed() -> None:
    held = Market(MarketConfig(listings=1, securities=1, levels=2, orders=8), Listings())
    unknown = held.observe(event(3, instrument_id=2, price=9, size=1), 0)["security"][0]
    for definition in DEFINITIONS:
        held.listings.define(definition)
    for record in ACCOUNTS:
        held.listings.account(record)
    o = held.observe(event(0, instrument_id=2, order_id=1, side=1, price=9, size=1, account=1), 1)[
        0
    ]
    assert (unknown, o["security"], o["listing"], o["group"]) == (-1, 0, 1, 9)


def test_a_snapshot_of_other_definitions_is_refused() -> None:
    held = market(definitions=DEFINITIONS[:1])
    with pytest.raises(MarketError, match="The snapshot has 5 listings of 2 securities"):
        held.restore(market().snapshot())


def test_memory_is_named_in_bytes() -> None:
    held = market().memory()
    assert held["per_order"] == 48
    parts = ("orders", "levels", "listings", "securities", "ids", "observations")
    assert held["total"] == sum(held[name] for name in parts)
    assert 0 < held["per_security"] < 64 * 1024
