"""The one place that sets compiler flags.

No fastmath: a running sum compiled with it gave different bits at different call sites, and block
size must not change a bit. Division by zero follows IEEE 754 (inf or NaN), as NumPy does.
"""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")

# For kernels that hand a bundle of arrays to many small helpers on every event: helpers are inlined
# and arrays are not reference-counted, which is safe because kernels only borrow what the caller
# owns; one that allocates or returns an array does not compile. The market's block kernel took
# 470 ns an event with `kernel`, 295 ns inlined, 210 ns without counting, 88 ns with both (GOOG_10).
hot_kernel = njit(cache=True, nogil=True, error_model="numpy", forceinline=True, _nrt=False)

# The same without inlining, for large helpers that are called from several places.
lean_kernel = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
