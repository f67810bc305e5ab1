"""Compile every kernel ahead of the first start: compile."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console

from darkpool_watch.cli.app import app


def compile_pipeline() -> str:
    """Compile what stands between wire and alert; return its name."""
    from darkpool_watch.config import Config
    from darkpool_watch.warmup import warm_up

    warm_up(Config())
    return "pipeline"


def compile_simulator() -> str:
    """Compile the simulated market; return its name."""
    from darkpool_watch.sim.market import SimConfig, Simulator

    for _ in Simulator(SimConfig(securities=1, seconds=1.0)).blocks():
        pass
    return "simulator"


@app.command(name="compile")
def compile_kernels() -> None:
    """Compile all kernels into the cache, so that the first start need not.

    Pipeline and simulator compile side by side in two processes: about three minutes on two cores,
    seconds where nothing has changed. Build it into an image together with the package.
    """
    from kernels.cache import use_keyed_cache

    console = Console(stderr=True)
    started = time.monotonic()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = [pool.submit(one) for one in (compile_pipeline, compile_simulator)]
        with console.status("Compiling kernels"):
            for part in as_completed(parts):
                took = time.monotonic() - started
                console.print(f"Compiled the {part.result()}, {took:.0f} s", highlight=False)
    console.print(f"Cached in {use_keyed_cache()}", highlight=False, soft_wrap=True)
