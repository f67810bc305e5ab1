"""Which class a security belongs to, told from its own first minutes: terciles of three measures.

The measures are its mean midpoint (currency) and mean spread (ticks) over quoted messages, and its
messages a second. They are taken from the first message of a session, or after a loss of data, up
to the first message by which 60 s have passed, 100 messages came and one was quoted; there the
class is set for good. Nothing but the security's own messages enters, so that load, block size and
other securities change nothing. Training days are measured by the same kernel.
"""

from kernels.jit import hot_kernel
from kernels.layout import LEVEL

PRICE, SPREAD, RATE = range(3)
MEASURES = 3
TERCILES = 3
CLASSES = TERCILES**MEASURES
MID_SUM, SPREAD_SUM, QUOTED, MESSAGES = range(4)  # currency; ticks; counts
MEASURED = 4
MEASURE_NS = 60_000_000_000
MEASURE_MESSAGES = 100.0


@hot_kernel
def measure(o, tick, since, sums):
    """Take one message into `sums`, (4,) float64; return whether the measures are complete.

    `since` is the time of the first message, ns; `tick` is in 1e-9 currency.
    """
    sums[MESSAGES] += 1.0
    if o["quoted"] != 0 and o["crossed"] == 0:
        sums[QUOTED] += 1.0
        sums[MID_SUM] += o["mid2"] * 0.5e-9
        sums[SPREAD_SUM] += (o["ask"] - o["bid"]) / tick
    waited = o["ts"] - since >= MEASURE_NS and sums[MESSAGES] >= MEASURE_MESSAGES
    return waited and sums[QUOTED] > 0.0


@hot_kernel
def is_message(o):
    """Return whether somebody sent it: a LEVEL corrects what a reader could not see."""
    return o["kind"] != LEVEL


@hot_kernel
def measured(which, watched_ns, sums):
    """Return the mean midpoint, the mean spread or the messages a second of complete sums."""
    if which == RATE:
        return sums[MESSAGES] / (watched_ns * 1e-9)
    return sums[which] / sums[QUOTED]


@hot_kernel
def tercile(x, bounds, which):
    """Return 0, 1 or 2: how many of the two bounds of a measure x reaches; 0 where they are NaN."""
    return int(x >= bounds[which, 0]) + int(x >= bounds[which, 1])


@hot_kernel
def class_of(watched_ns, sums, bounds):
    """Return the class 9 price + 3 spread + rate; `bounds` is (3, 2) float64, NaN = one class."""
    cell = 0
    for which in range(MEASURES):
        cell = TERCILES * cell + tercile(measured(which, watched_ns, sums), bounds, which)
    return cell
