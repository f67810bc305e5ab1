"""What ran where: the line that stands above every figure."""

import os
import platform
import threading
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from darkpool_watch.stamps import Samples

OUT = Path("out") / "bench"


def machine_line() -> str:
    """Return processor, cores in use, kernel and Python in one line."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{model}, {cores} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.2f} at the start"
    )


def save_samples(name: str, samples: npt.NDArray[np.generic]) -> str:
    """Write raw samples under out/bench and return the path."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}.npy"
    np.save(path, samples)
    return str(path)


class Hiccups:
    """A thread that sleeps a millisecond at a time and records by how much it overslept.

    What it shows is the machine's own jitter, beside which a tail has to be read.
    """

    def __init__(self) -> None:
        self.samples = Samples()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hiccups", daemon=True)

    def __enter__(self) -> Samples:
        self._thread.start()
        return self.samples

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.perf_counter_ns()
            time.sleep(1e-3)
            self.samples.add(time.perf_counter_ns() - began - 1_000_000)
