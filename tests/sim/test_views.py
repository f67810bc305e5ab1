import numpy as np
import pytest

from darkpool_watch.config import Config
from darkpool_watch.errors import ConfigError
from darkpool_watch.features.catalog import FEATURES
from darkpool_watch.features.extractor import Extractor
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.views import LIT_SHARE, VIEWS, View, drawn_view, view_of
from darkpool_watch.wire.events import AccountRecord
from kernels.layout import ADD, DARK, EVENT, EXECUTE
from tests.sim.conftest import Tape, record

ACCOUNT_FIELDS = ("account", "contra_account")
OTHER_FIELDS = [name for name in EVENT.names or () if name not in ACCOUNT_FIELDS]


def view(tape: Tape, name: str, seed: int = 0) -> View:
    return view_of(name, tape.simulator.accounts(), tape.events, seed=seed)


def named_lit(events: np.ndarray) -> tuple[int, int]:
    """Return how many lit messages name an account, and how many there are."""
    lit = events[(events["flags"] & DARK) == 0]
    return int(((lit["account"] > 0) | (lit["contra_account"] > 0)).sum()), len(lit)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_changes_accounts_alone_and_again_changes_nothing(busy: Tape, name: str) -> None:
    before = busy.events.tobytes()
    chosen = view(busy, name)
    seen = chosen.apply(busy.events)
    assert busy.events.tobytes() == before
    for field in OTHER_FIELDS:
        assert np.array_equal(seen[field], busy.events[field]), field
    for field in ACCOUNT_FIELDS:
        shown = seen[field] != 0
        assert np.array_equal(seen[field][shown], busy.events[field][shown])
    assert chosen.apply(seen).tobytes() == seen.tobytes()
    halves = [chosen.apply(part).tobytes() for part in np.array_split(busy.events, 7)]
    assert b"".join(halves) == seen.tobytes()


def test_venue_sees_every_account_and_public_none(busy: Tape) -> None:
    assert view(busy, "venue").apply(busy.events).tobytes() == busy.events.tobytes()
    assert view(busy, "venue").records(busy.simulator.accounts()) == busy.simulator.accounts()
    seen = view(busy, "public").apply(busy.events)
    assert not seen["account"].any()
    assert not seen["contra_account"].any()
    assert view(busy, "public").records(busy.simulator.accounts()) == []


def test_ats_sees_all_of_the_pool_and_at_most_a_fifth_of_the_lit_flow(busy: Tape) -> None:
    shares = []
    for seed in range(6):
        chosen = view(busy, "ats", seed)
        seen = chosen.apply(busy.events)
        dark = (busy.events["flags"] & DARK) > 0
        for field in ACCOUNT_FIELDS:
            assert np.array_equal(seen[field][dark], busy.events[field][dark])
        named, lit = named_lit(seen)
        shares.append(named / lit)
        lit_rows = busy.events[~dark]
        mine = np.isin(lit_rows["account"], chosen.copied)
        assert np.array_equal(seen["account"][~dark] > 0, mine)
        records = chosen.records(busy.simulator.accounts())
        assert {one.account for one in records} == set(chosen.pool.tolist())
    assert max(shares) <= LIT_SHARE
    assert min(shares) > LIT_SHARE / 2
    assert len(set(shares)) > 1, "the seed chooses who drop-copies"


def test_an_owner_drop_copies_all_its_accounts_or_none(busy: Tape) -> None:
    records = busy.simulator.accounts()
    chosen = view(busy, "ats")
    owners = {one.owner for one in records if one.account in set(chosen.copied.tolist())}
    theirs = {one.account for one in records if one.owner in owners}
    assert theirs & set(chosen.pool.tolist()) == set(chosen.copied.tolist())


def test_the_choice_is_the_same_each_time_and_in_any_order(busy: Tape) -> None:
    backwards = view_of("ats", reversed(busy.simulator.accounts()), busy.events[::-1])
    assert np.array_equal(backwards.copied, view(busy, "ats").copied)


def test_the_bound_on_lit_flow_by_hand() -> None:
    # 10 lit messages: account 1 sends 2, account 2 sends 3, account 9 (not in the pool) the rest.
    # A fifth is 2 messages, so account 1 alone fits, whatever the order in which owners are asked.
    events = np.zeros(12, EVENT)
    events["kind"] = ADD
    events["account"] = [1, 1, 2, 2, 2, 9, 9, 9, 9, 9, 1, 2]
    events["flags"][10:] = DARK
    records = [
        AccountRecord(account=a, owner=a, group=0, capacity="agency", segment=0, valid_from_ns=0)
        for a in (1, 2, 9)
    ]
    for seed in range(10):
        chosen = view_of("ats", records, events, seed=seed)
        assert chosen.copied.tolist() == [1]
        assert [one.account for one in chosen.records(records)] == [1, 2]
        seen = chosen.apply(events)["account"].tolist()
        assert seen == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]
    # As the aggressor of an execution, account 2 is masked and account 1 is not.
    events["kind"][3] = EXECUTE
    events["contra_account"][3] = 1
    masked = View("ats", chosen.pool, chosen.copied).apply(events)
    assert (int(masked["account"][3]), int(masked["contra_account"][3])) == (0, 1)


def test_views_of_an_empty_tape_and_of_an_unknown_name() -> None:
    none = np.zeros(0, EVENT)
    for name in VIEWS:
        assert len(view_of(name, [], none).apply(none)) == 0
    with pytest.raises(ConfigError, match="View 'all' is unknown, needed one of venue, ats, pub"):
        view_of("all", [], none)


def raw_features(tape: Tape, chosen: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frames' raw rows, their arrivals and the books after the last event."""
    settings = Config()
    listings = Listings(settings.market)
    market = Market(settings.market, listings)
    extractor = Extractor(settings.features, tape.simulator.config.securities, Normaliser.default())
    for one in tape.simulator.definitions():
        listings.define(one)
        extractor.define(
            listings.security_row(one.security_id),
            tick=one.tick,
            session_open_ns=one.session_open_ns,
            session_close_ns=one.session_close_ns,
            names=(one.symbol, one.class_),
        )
    for account in chosen.records(tape.simulator.accounts()):
        listings.account(account)
    events = chosen.apply(tape.events)
    rows, arrivals = [], []
    for start in range(0, len(events), 4096):
        frames = extractor.extract(market.observe(events[start : start + 4096], start))
        rows.append(frames.raw.copy())
        arrivals.append(frames.arrival.copy())
    books = np.concatenate([market.book_levels(row, 20) for row in range(len(listings.infos))])
    return np.concatenate(rows), np.concatenate(arrivals), books


def test_books_and_features_without_accounts_are_the_same_bits_in_every_view() -> None:
    tape = record(SimConfig(seed=6, securities=2, seconds=400.0, campaigns_per_hour=40.0))
    free = [f.number for f in FEATURES if "accounts" not in f.needs]
    bound = [f.number for f in FEATURES if "accounts" in f.needs]
    assert len(free) + len(bound) == len(FEATURES)
    seen = {name: raw_features(tape, view(tape, name)) for name in VIEWS}
    for name in ("ats", "public"):
        assert np.array_equal(seen[name][1], seen["venue"][1]), "frames are due at the same events"
        assert seen[name][2].tobytes() == seen["venue"][2].tobytes()
        assert seen[name][0][:, free].tobytes() == seen["venue"][0][:, free].tobytes()
        assert seen[name][0][:, bound].tobytes() != seen["venue"][0][:, bound].tobytes()
    defined = {name: np.isfinite(seen[name][0][:, bound]).mean() for name in VIEWS}
    assert defined["venue"] > defined["ats"] > defined["public"]


def test_training_draws_views_in_their_shares_and_again_the_same() -> None:
    drawn = [drawn_view(7, number) for number in range(4_000)]
    # Standard errors: sqrt(0.25 * 0.75 / 4,000) = 0.007 and 0.008.
    for name, share in (("venue", 0.25), ("ats", 0.5), ("public", 0.25)):
        assert abs(drawn.count(name) / len(drawn) - share) < 0.03
    assert drawn == [drawn_view(7, number) for number in range(4_000)]
    assert drawn != [drawn_view(8, number) for number in range(4_000)]
