"""Numba kernels: arrays in, arrays out; no I/O, no logging, no mutable globals.

Importing this package points Numba's cache at a folder keyed by every kernel's source, because
Numba itself does not notice an edited helper behind a cached caller.
"""

from kernels.cache import use_keyed_cache

use_keyed_cache()
