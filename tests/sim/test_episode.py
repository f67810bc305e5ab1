import msgspec
import numpy as np
import pytest

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.episode import episode
from darkpool_watch.sim.population import TICK
from kernels.layout import ADD, BID, DARK, EXECUTE, I64_MAX
from tests.naive.sim_book import NaiveMarket
from tests.sim.conftest import BUSY, Tape

S = 1_000_000_000


@pytest.mark.parametrize("typology", ["SPOOF", "NBBO"])
def test_episodes_show_quotes_orders_and_prints_of_their_window(
    busy: Tape, books: dict[int, NaiveMarket], typology: str
) -> None:
    c = next(c for c in busy.simulator.campaigns if c.typology == typology and c.complete)
    found = episode(BUSY, c, before_s=5.0, after_s=3.0)
    assert np.array_equal(found.messages, busy.own(c))
    window = busy.events[
        (busy.security == c.security_id)
        & (busy.events["ts_event"] >= c.start - 5 * S)
        & (busy.events["ts_event"] <= c.end + 3 * S)
    ]
    assert found.ts.tolist() == window["ts_event"][(window["flags"] & DARK) == 0].tolist()
    last = dict(zip(found.ts.tolist(), (found.bid + found.ask).tolist(), strict=True))
    told = {ts: double for ts, double in books[c.security_id].quotes if ts in last}
    assert last == told
    assert (found.sizes[:, :, 0] > 0).all()
    prints = window[window["kind"] == EXECUTE]
    assert found.prints["price"].tolist() == prints["price"].tolist()
    entered = found.messages[found.messages["kind"] == ADD]
    assert found.orders["size"].tolist() == entered["size"].tolist()
    assert (found.orders["filled"] <= found.orders["size"]).all()
    assert (found.orders["gone"] < I64_MAX).all()


def test_the_depth_of_an_episode_is_by_ticks_behind_the_best(busy: Tape) -> None:
    one = next(one for one in busy.simulator.lookalikes if one.kind == "two-sided quoter")
    found = episode(BUSY, one, before_s=1.0, after_s=1.0)
    entered = found.messages[(found.messages["kind"] == ADD) & (found.messages["side"] == BID)][0]
    i = int(np.flatnonzero(found.ts == entered["ts_event"])[-1])
    behind = int(found.bid[i] - entered["price"]) // TICK
    assert 0 <= behind < 10
    assert found.sizes[i, 0, behind] >= entered["size"]


def test_an_agent_of_another_tape_is_refused(busy: Tape) -> None:
    c = busy.simulator.campaigns[0]
    with pytest.raises(ConfigError, match=r"Expected a tape with number 999 of security"):
        episode(BUSY, msgspec.structs.replace(c, id=999))
