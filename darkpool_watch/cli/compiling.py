"""Compile every kernel ahead of the first start: compile."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np
from rich.console import Console

from darkpool_watch.cli.app import app
from darkpool_watch.config import Config, MarketConfig

SMALL = MarketConfig(securities=2, listings=2, orders=64, levels=16)


def compile_simulator() -> str:
    """Compile the simulated market; return its name."""
    from darkpool_watch.sim.market import SimConfig, Simulator

    for _ in Simulator(SimConfig(securities=1, seconds=1.0)).blocks():
        pass
    return "simulator"


def compile_market() -> str:
    """Compile listings, books and NBBO; return their name."""
    from darkpool_watch.market.listings import Listings
    from darkpool_watch.market.state import Market
    from kernels.layout import EVENT

    Market(SMALL, Listings(SMALL)).observe(np.zeros(0, EVENT), 0)
    return "market"


def compile_features() -> str:
    """Compile windows, accounts and rows; return their name."""
    from darkpool_watch.features.extractor import Extractor
    from kernels.layout import OBSERVATION

    Extractor(Config().features, SMALL.securities).extract(np.zeros(0, OBSERVATION))
    return "features"


def compile_rules() -> str:
    """Compile the rules and their queues; return their name."""
    from darkpool_watch.detect.rules import Rules
    from darkpool_watch.market.listings import Listings
    from kernels.layout import EVENT, OBSERVATION

    rules = Rules(Config().detect, Listings(SMALL))
    rules.check(np.zeros(0, EVENT), np.zeros(0, OBSERVATION))
    return "rules"


def compile_detector() -> str:
    """Compile thresholds and episodes; return their name."""
    from darkpool_watch.detect.detector import Detector
    from darkpool_watch.features.frames import CONDITIONS
    from darkpool_watch.model.scores import SCORE

    detector = Detector(Config().detect, None, SMALL.securities)
    conditions = np.zeros((0, len(CONDITIONS)), np.float32)
    detector.decide_many(np.zeros(0, SCORE), conditions, np.zeros(0, np.uint8))
    return "detector"


# In CPU seconds 106, 19, 98, 36 and 11: begun in this order, two processes end together. Only
# market and rules have kernels in common, and the market is cached before the rules begin: no two
# write the same index of Numba's cache.
PARTS = (compile_simulator, compile_market, compile_features, compile_rules, compile_detector)


@app.command(name="compile")
def compile_kernels() -> None:
    """Compile all kernels into the cache, so that the first start need not.

    Simulator and stages compile in two processes: minutes on two cores, seconds where nothing has
    changed. Build it into an image together with the package.
    """
    from darkpool_watch.warmup import warm_up
    from kernels.cache import use_keyed_cache

    console = Console(stderr=True)
    started = time.monotonic()
    with console.status("Compiling kernels"):
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            for part in as_completed([pool.submit(one) for one in PARTS]):
                took = time.monotonic() - started
                console.print(f"Compiled the {part.result()}, {took:.0f} s", highlight=False)
        warm_up(Config())  # the few small kernels that only stages joined together call
    took = time.monotonic() - started
    console.print(f"Compiled the pipeline, {took:.0f} s", highlight=False)
    console.print(f"Cached in {use_keyed_cache()}", highlight=False, soft_wrap=True)
