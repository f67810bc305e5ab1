import hashlib

import numpy as np

from darkpool_watch.digest import MultisetDigest

ROW = np.dtype([("arrival", "<i8"), ("score", "<f4")])


def test_order_does_not_matter_but_every_bit_and_repeat_does() -> None:
    rows = np.zeros(5, ROW)
    rows["arrival"] = np.arange(5)
    one, other = MultisetDigest(), MultisetDigest()
    one.add_rows(rows)
    other.add_rows(rows[::-1].copy())
    assert one.hexdigest() == other.hexdigest()
    other.add_rows(rows[:1])
    assert one.hexdigest() != other.hexdigest()
    rows["score"][3] = np.nextafter(np.float32(0), np.float32(1))
    changed = MultisetDigest()
    changed.add_rows(rows)
    assert changed.hexdigest() != one.hexdigest()


def test_digest_of_one_item_is_its_sha256() -> None:
    digest = MultisetDigest()
    digest.add(b"frame")
    value = int.from_bytes(hashlib.sha256(b"frame").digest(), "little")
    assert digest.hexdigest() == f"{value:064x}"


def test_digest_of_nothing_is_zero() -> None:
    assert MultisetDigest().hexdigest() == "0" * 64
