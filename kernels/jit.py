"""The one place that sets compiler flags.

No fastmath: a running sum compiled with it gave different bits at different call sites, and block
size must not change a bit. Division by zero follows IEEE 754 (inf or NaN), as NumPy does.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
