"""Compiles and touches everything before the first real event, on a made-up minute of flow."""

import numpy as np
import numpy.typing as npt

from darkpool_watch.alerts.record import Alert, seal
from darkpool_watch.bundle import Bundle
from darkpool_watch.config import Config, MarketConfig
from darkpool_watch.features.normaliser import Normaliser
from darkpool_watch.model.engine import State
from darkpool_watch.model.scores import SCORE
from darkpool_watch.pipeline import Pipeline
from darkpool_watch.schedule import Nominal
from darkpool_watch.units import NS_PER_MS, UNDEFINED_PRICE
from darkpool_watch.wire.batch import Batch, Notice, NoticeKind
from darkpool_watch.wire.events import Definition
from kernels import layout

LIT, POOL = 1, 2  # instrument ids
OPENS_NS = 1_704_119_400_000_000_000  # 2024-01-01 14:30 UTC
PRICE = 100 * layout.PRICE_SCALE
TICK = 10_000_000


class NullEngine:
    """Scores every frame 0: stands in for a model where only the other stages matter."""

    name = "none"
    batch = 4

    def step(
        self,
        security: npt.NDArray[np.int32],
        ts: npt.NDArray[np.int64],
        trigger: npt.NDArray[np.uint8],
        values: npt.NDArray[np.float32],
        mask: npt.NDArray[np.uint8],
    ) -> npt.NDArray[np.void]:
        """Return zero scores of B frames."""
        scores = np.zeros(len(security), SCORE)
        scores["security"], scores["ts"] = security, ts
        return scores

    def reset(self, security: int) -> None:
        """Forget nothing: there is no stream."""

    def grow(self, securities: int) -> None:
        """Need no room."""

    def snapshot(self) -> State:
        """Return no arrays."""
        return {}

    def restore(self, state: State) -> None:
        """Take nothing back."""


class NullDesk:
    """Seals alerts and forgets them."""

    def submit(self, alerts: list[Alert]) -> list[Alert]:
        """Return the alerts sealed."""
        return [seal(alert) for alert in alerts]


def null_bundle() -> Bundle:
    """Return a bundle without a model."""
    return Bundle(NullEngine(), Normaliser.default(), None, "", "", trained=False)


def warm_up(config: Config) -> None:
    """Compile every kernel the pipeline calls, in a pipeline that is thrown away."""
    small = Config(
        market=MarketConfig(securities=2, listings=2, orders=64, levels=16),
        features=config.features,
        detect=config.detect,
    )
    pipeline = Pipeline(small, null_bundle(), Nominal(), NullDesk())
    definitions = tuple(definition(i, dark=dark) for i, dark in ((LIT, False), (POOL, True)))
    pipeline.absorb(Batch(None, definitions, (), (), 0))
    pipeline.absorb(Batch(made_up_flow(), (), (), (), 0))
    pipeline.drain()
    # What only a loss, a new session or a new day calls must not compile in the middle of one.
    pipeline.absorb(Batch(None, (), (), (Notice(NoticeKind.SESSION, "", 0, 1, 1, 0),), 0))
    pipeline.detector.roll(0)
    pipeline.finish()


def made_up_flow() -> npt.NDArray[np.void]:
    """Return a few hundred legal EVENT rows of every kind on a lit book and a pool."""
    kinds = [layout.ADD, layout.ADD, layout.CANCEL, layout.EXECUTE, layout.REPLACE, layout.TRADE]
    events = np.zeros(50 * len(kinds), layout.EVENT)
    steps = np.arange(len(events))
    events["ts_event"] = events["ts_recv"] = OPENS_NS + steps * 3 * NS_PER_MS
    events["ts_ref"] = layout.I64_MAX
    events["aux_price"] = UNDEFINED_PRICE
    events["sequence"] = steps + 1
    events["kind"] = np.tile(kinds, 50)
    events["side"] = np.where(steps % 2, layout.ASK, layout.BID)
    events["price"] = PRICE + np.where(steps % 2, 1, -1) * TICK * (1 + steps % 3)
    events["size"] = 100
    # A cancel, an execution and a replacement each concern an order entered just before.
    events["order_id"] = np.where(events["kind"] == layout.ADD, steps + 1, steps)
    events["contra_order_id"] = np.where(events["kind"] == layout.REPLACE, 10_000 + steps, 0)
    events["account"], events["contra_account"] = 1 + steps % 5, 1 + steps % 3
    events["instrument_id"] = np.where(steps // len(kinds) % 4 == 3, POOL, LIT)
    events["flags"] = np.where(events["instrument_id"] == POOL, layout.DARK, 0)
    return events


def definition(instrument_id: int, *, dark: bool) -> Definition:
    """Return a listing of the made-up security: the lit book or the pool."""
    return Definition(
        instrument_id=instrument_id,
        security_id=1,
        symbol="WARM",
        venue="DARK" if dark else "LITX",
        dark=dark,
        tick=TICK,
        session_open_ns=OPENS_NS,
        session_close_ns=OPENS_NS + 23_400 * layout.PRICE_SCALE,
    )
