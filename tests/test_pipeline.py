import msgspec
import numpy as np

from darkpool_watch.alerts.record import Alert
from darkpool_watch.config import Config
from darkpool_watch.detect.flag_rates import FlagRates
from darkpool_watch.features.frames import STALE, WARMING
from darkpool_watch.pipeline import WARMING_FRAMES, Pipeline
from darkpool_watch.replay.run import ListDesk
from darkpool_watch.schedule import Due, Nominal
from darkpool_watch.warmup import LIT, POOL, definition, made_up_flow, null_bundle
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from kernels import layout
from kernels.layout import EVENT
from tests.detect.test_flag_rates import decisions

DEFINITIONS = (definition(LIT, dark=False), definition(POOL, dark=True))
CHANNEL = {"venue": "FEED", "channel": 3}


class Spy(Nominal):
    """A nominal schedule that remembers the status of what was scored."""

    def __init__(self) -> None:
        super().__init__()
        self.status: list[int] = []
        self._last: Due | None = None

    def take(self, limit: int) -> Due | None:
        if self._last is not None:
            self.status += self._last.frames.status.tolist()
        self._last = super().take(limit)
        return self._last


def pipeline_of(scheduler: Nominal) -> tuple[Pipeline, list[Alert]]:
    desk = ListDesk()
    pipeline = Pipeline(Config(), null_bundle(), scheduler, desk)
    pipeline.absorb(Batch(None, DEFINITIONS, (), (), 0, **CHANNEL))
    return pipeline, desk.alerts


def feed(pipeline: Pipeline, events: np.ndarray) -> None:
    pipeline.absorb(Batch(events, (), (), (), 0, **CHANNEL))
    pipeline.drain()


def notice(kind: NoticeKind, count: int = 0) -> Batch:
    told = Notice(kind, "FEED", 3, 1, 301, count)
    return Batch(None, (), (), (told,), 0, **CHANNEL)


def later(events: np.ndarray, seconds: float) -> np.ndarray:
    moved = events.copy()
    moved["ts_event"] += int(seconds * 1e9)
    moved["ts_recv"] += int(seconds * 1e9)
    return moved


def test_every_decision_counts_for_how_often_a_security_is_flagged() -> None:
    pipeline, _ = pipeline_of(Nominal())
    rates, rows = pipeline.flag_rates, []
    pipeline.flag_rates = Keeper(rows)
    feed(pipeline, made_up_flow())
    assert len(np.concatenate(rows)) == pipeline.counts.frames_scored > 0
    flagged = decisions(np.ones(1_000, bool), security=0)
    rates.take(flagged)
    pipeline.flag_rates = rates
    assert {symbol: found.rate for symbol, found in pipeline.misfits().items()} == {"WARM": 1.0}


class Keeper(FlagRates):
    """Keeps the decisions that it is given."""

    def __init__(self, rows: list[np.ndarray]) -> None:
        super().__init__(0.008)
        self.rows = rows

    def take(self, decisions: np.ndarray) -> None:
        self.rows.append(decisions.copy())


def test_the_first_frames_of_a_stream_are_warming() -> None:
    spy = Spy()
    pipeline, _ = pipeline_of(spy)
    for n in range(3):
        feed(pipeline, later(made_up_flow(), n))
    assert pipeline.counts.frames_scored == len(spy.status) > WARMING_FRAMES
    assert spy.status[:WARMING_FRAMES] == [WARMING] * WARMING_FRAMES
    assert set(spy.status[WARMING_FRAMES:]) == {0}


def test_lost_messages_reset_their_channels_securities_and_raise_data() -> None:
    spy = Spy()
    pipeline, alerts = pipeline_of(spy)
    feed(pipeline, made_up_flow())
    before = len(spy.status)
    pipeline.absorb(notice(NoticeKind.LOST, count=7))
    feed(pipeline, later(made_up_flow(), 1.0))
    assert pipeline.counts.resets == 1
    after = spy.status[before:]
    assert after[:WARMING_FRAMES] == [STALE | WARMING] * WARMING_FRAMES
    assert set(after[WARMING_FRAMES:]) == {STALE}
    data = [a for a in alerts if a.typology == "DATA" and a.breach is not None]
    assert [(a.state, a.breach.worst, a.breach.unit) for a in data if a.breach] == [
        ("opened", 7.0, "messages")
    ]
    assert "messages of channel 3 of FEED were lost" in data[0].message


def test_a_loss_on_another_channel_resets_nothing() -> None:
    pipeline, _ = pipeline_of(Nominal())
    feed(pipeline, made_up_flow())
    told = Notice(NoticeKind.LOST, "FEED", 4, 1, 1, 5)
    pipeline.absorb(Batch(None, (), (), (told,), 0, "FEED", 4))
    assert pipeline.counts.resets == 0


def test_a_new_session_of_the_publisher_voids_its_books() -> None:
    pipeline, _ = pipeline_of(Nominal())
    flow = made_up_flow()
    feed(pipeline, flow[flow["kind"] == layout.ADD].copy())
    assert pipeline.market.live_orders() > 0
    pipeline.absorb(notice(NoticeKind.SESSION))
    assert pipeline.market.live_orders() == 0
    assert pipeline.counts.resets == 1


def test_a_new_session_of_one_channel_leaves_the_books_of_another() -> None:
    pipeline = Pipeline(Config(), null_bundle(), Nominal(), ListDesk())
    for channel, one in enumerate(DEFINITIONS):
        pipeline.absorb(Batch(None, (one,), (), (), 0, "FEED", channel))
    flow = made_up_flow()
    feed(pipeline, flow[flow["kind"] == layout.ADD].copy())
    before = pipeline.market.live_orders()
    lit = pipeline.market.book_levels(0, 1)
    told = Notice(NoticeKind.SESSION, "FEED", 1, 2, 1, 0)
    pipeline.absorb(Batch(None, (), (), (told,), 0, "FEED", 1))
    assert 0 < pipeline.market.live_orders() < before
    assert np.array_equal(pipeline.market.book_levels(0, 1), lit)


def test_staleness_ends_with_the_session_that_lost_messages() -> None:
    spy = Spy()
    pipeline, _ = pipeline_of(spy)
    pipeline.absorb(notice(NoticeKind.LOST, count=7))
    feed(pipeline, made_up_flow())
    before = len(spy.status)
    assert all(status & STALE for status in spy.status)
    feed(pipeline, later(made_up_flow(), 86_400.0))
    assert len(spy.status) > before
    assert not any(status & STALE for status in spy.status[before:])


def test_a_definition_that_contradicts_another_is_refused_and_told() -> None:
    pipeline, alerts = pipeline_of(Nominal())
    other = msgspec.structs.replace(DEFINITIONS[0], security_id=9)
    pipeline.absorb(Batch(None, (other,), (), (), 0, **CHANNEL))
    assert pipeline.counts.refused == 1
    assert "reference data was refused (Instrument 1 was security 1" in alerts[0].message
    feed(pipeline, made_up_flow())
    assert pipeline.counts.frames_scored > 0


def test_events_of_unknown_listings_are_counted_and_harm_nothing() -> None:
    pipeline, _ = pipeline_of(Nominal())
    flow = made_up_flow()
    flow["instrument_id"][::2] = 999
    feed(pipeline, flow)
    assert pipeline.market.counted()["unknown_listings"] == len(flow) // 2
    assert pipeline.counts.events == len(flow)
    assert pipeline.counts.frames_scored > 0


def test_more_securities_than_the_config_names_find_room() -> None:
    pipeline, _ = pipeline_of(Nominal())
    many = 3 * Config().market.securities
    replace = msgspec.structs.replace
    definitions = tuple(
        replace(DEFINITIONS[0], instrument_id=100 + n, security_id=100 + n) for n in range(many)
    )
    pipeline.absorb(Batch(None, definitions, (), (), 0, **CHANNEL))
    flow = np.concatenate([made_up_flow()[:60]] * 3).astype(EVENT)
    flow["instrument_id"] = 100 + many - 1
    feed(pipeline, flow)
    assert pipeline.counts.frames_scored > 0


def test_a_trade_through_is_one_alert_with_its_market() -> None:
    pipeline, alerts = pipeline_of(Nominal())
    flow = made_up_flow()
    feed(pipeline, flow)
    orders = later(flow[:2], 1.0)  # a bid and an offer that stay
    orders["order_id"] = 5_000, 5_001
    feed(pipeline, orders)
    quote = pipeline.market.book_levels(0, 1)
    assert (quote[:, 0, 1] > 0).all()
    prints = later(flow[-1:], 1.0)
    prints["kind"], prints["instrument_id"], prints["flags"] = layout.TRADE, POOL, layout.DARK
    prints["side"], prints["price"] = layout.BID, quote[1, 0, 0] + 5 * 10_000_000
    feed(pipeline, prints)
    pipeline.finish()
    mine = [a for a in alerts if a.typology == "TRADE-THROUGH" and a.state == "opened"]
    assert len(mine) == 1
    assert mine[0].quote.ask == quote[1, 0, 0]
    assert mine[0].breach is not None
    assert (mine[0].breach.worst, mine[0].breach.unit) == (5.0, "ticks")
    assert mine[0].evidence[0].price == prints["price"][0]
