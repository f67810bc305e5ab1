"""One number for everything a run scored, so that two runs can be compared.

Load and block size change the order in which frames of different securities are scored, never
their scores. The digest is therefore of the multiset: the sum, modulo 2^256, of one SHA-256 each.
"""

import hashlib

import numpy as np
import numpy.typing as npt

MODULUS = 1 << 256


class MultisetDigest:
    """Sum of SHA-256 hashes: independent of order, sensitive to every bit and to repeats."""

    def __init__(self) -> None:
        self._sum = 0
        self.count = 0

    def add(self, item: bytes) -> None:
        """Take one item in."""
        self._sum += int.from_bytes(hashlib.sha256(item).digest(), "little")
        self.count += 1

    def add_rows(self, rows: npt.NDArray[np.void]) -> None:
        """Take each row of a structured array in, as its bytes."""
        size = rows.dtype.itemsize
        content = rows.tobytes()
        for start in range(0, len(content), size):
            self.add(content[start : start + size])

    def hexdigest(self) -> str:
        """Return 64 hex digits; all zeros for nothing."""
        return f"{self._sum % MODULUS:064x}"
