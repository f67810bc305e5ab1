import numpy as np

from darkpool_watch.config import Config
from darkpool_watch.market.listings import Listings
from darkpool_watch.market.state import Market
from darkpool_watch.warmup import LIT, POOL, definition, made_up_flow, warm_up
from kernels import layout
from kernels.validate import check_rows

DEFINITIONS = (definition(LIT, dark=False), definition(POOL, dark=True))


def test_made_up_flow_is_legal_on_the_wire_and_touches_every_kind_of_trade() -> None:
    events = made_up_flow()
    faults = np.zeros(len(events), np.uint8)
    assert check_rows(events, 1, faults) == 0, np.unique(faults)
    listings = Listings(Config().market)
    for one in DEFINITIONS:
        listings.define(one)
    seen = Market(Config().market, listings).observe(events, 0)
    trades = set(seen["trade"].tolist())
    assert {layout.NO_TRADE, layout.LIT_TRADE, layout.DARK_TRADE} <= trades
    assert {layout.ADD, layout.CANCEL, layout.EXECUTE, layout.REPLACE} <= set(seen["kind"].tolist())


def test_after_a_warm_up_no_kernel_of_the_pipeline_compiles_again() -> None:
    from kernels.episode import clear
    from kernels.extract import extract, forget_security
    from kernels.observe import observe
    from kernels.rules import check_rules
    from kernels.threshold import decide_frames

    kernels = (extract, observe, check_rules, decide_frames, forget_security, clear)
    warm_up(Config())
    before = [len(kernel.signatures) for kernel in kernels]
    assert all(before)
    warm_up(Config())
    assert [len(kernel.signatures) for kernel in kernels] == before
