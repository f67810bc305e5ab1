"""The 8 volume families: features 64-95."""

import math

from kernels.jit import hot_kernel, lean_kernel
from kernels.layout import DARK_TRADE, HIDDEN_TRADE, NO_TRADE
from kernels.profile import DARK_RATE, LIT_RATE, P50, SLOW_DEPTH
from kernels.slots import (
    DARK_PRINTS,
    DARK_QUANTITY,
    DEPTH_N,
    DEPTH_SUM,
    HIDDEN_TRADES,
    LEVELS,
    LIT_QUANTITY,
    LIT_TRADES,
    SIGNED_PANES,
    SIGNED_QUANTITY,
    SIGNED_VOLUME,
    SIZE_BIN0,
    SIZE_BINS,
    SLOTS,
    TAU_S,
)
from kernels.windows import ratio

LN8 = math.log(8.0)
MIDDLE_BIN = 4  # sizes from P50 up to twice that


@hot_kernel
def size_bin(size, p50):
    """Return the log2 bin of a trade size: 4 from P50 to below 2 P50, 0 and 7 open-ended."""
    _, exponent = math.frexp(size / p50)
    return min(max(exponent - 1 + MIDDLE_BIN, 0), SIZE_BINS - 1)


@lean_kernel
def accumulate_volume(o, s, st):
    """Take one observation into the volume families' slots."""
    f = st.f
    depth = o["depth5"]
    if not math.isnan(depth):
        f[s, DEPTH_N] += 1.0
        f[s, DEPTH_SUM] += depth
    trade = o["trade"]
    if trade == NO_TRADE:
        return
    size = float(o["traded"])
    if trade == DARK_TRADE:
        f[s, DARK_PRINTS] += 1.0
        f[s, DARK_QUANTITY] += size
    else:
        f[s, LIT_TRADES] += 1.0
        f[s, LIT_QUANTITY] += size
        if trade == HIDDEN_TRADE:
            f[s, HIDDEN_TRADES] += 1.0
    d = o["aggressor"]
    if d != 0:
        f[s, SIGNED_VOLUME] += d * size
        f[s, SIGNED_QUANTITY] += size
    if size > 0.0:
        f[s, SIZE_BIN0 + size_bin(size, st.profile[s, P50])] += 1.0


@hot_kernel
def size_entropy(tot, at):
    """Return the entropy of the 8 size bins over ln 8; NaN without a trade."""
    n = 0.0
    weighted = 0.0
    for j in range(SIZE_BINS):
        count = tot[0, at + SIZE_BIN0 + j]
        if count > 0.0:
            n += count
            weighted += count * math.log(count)
    if n == 0.0:
        return math.nan
    return max(0.0, math.log(n) - weighted / n) / LN8


@lean_kernel
def write_volume(
    s,  # row of the security
    st,  # WindowState, after windows.totals
    row,  # (240,) float64
):
    """Write features 64-95; NaN where undefined, and volumes of nothing are 0."""
    tot, profile = st.tot, st.profile
    for k in range(LEVELS):
        at = k * SLOTS
        lit, dark = tot[0, at + LIT_QUANTITY], tot[0, at + DARK_QUANTITY]
        row[64 + k] = 0.0
        row[68 + k] = 0.0
        if lit > 0.0:
            row[64 + k] = math.log(1.0 + lit / (profile[s, LIT_RATE] * TAU_S[k]))
        if dark > 0.0:
            row[68 + k] = math.log(1.0 + dark / (profile[s, DARK_RATE] * TAU_S[k]))
        row[72 + k] = ratio(dark, dark + lit)
        row[76 + k] = ratio(tot[0, at + HIDDEN_TRADES], tot[0, at + LIT_TRADES])
        trades = tot[0, at + LIT_TRADES] + tot[0, at + DARK_PRINTS]
        row[80 + k] = math.nan
        row[84 + k] = math.nan
        if trades > 0.0:
            row[80 + k] = math.log((lit + dark) / trades / profile[s, P50])
            row[84 + k] = size_entropy(tot, at)
        row[88 + k] = ratio(tot[0, at + SIGNED_PANES], tot[0, at + SIGNED_QUANTITY])
        row[92 + k] = math.nan
        if tot[0, at + DEPTH_SUM] > 0.0:
            mean_depth = tot[0, at + DEPTH_SUM] / tot[0, at + DEPTH_N]
            row[92 + k] = math.log(mean_depth / profile[s, SLOW_DEPTH])
