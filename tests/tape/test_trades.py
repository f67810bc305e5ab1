from pathlib import Path

import polars as pl
import pytest

from darkpool_watch.errors import TapeError
from darkpool_watch.tape.detect import open_tape
from darkpool_watch.tape.trades import read_trades
from kernels import layout
from tests.data import PUMPS, needs_data

CSV = """timestamp,price,size,side
1562260226619,0.0000109,133,sell
1562260272155,0.0000110,236.5,buy
1562260272100,0.0000111,1,
"""


def test_trades_are_sorted_by_time_with_sides_and_decimal_sizes(tmp_path: Path) -> None:
    path = tmp_path / "ADX.csv"
    path.write_text(CSV)
    tape = open_tape(path)
    assert tape.format == "trades"
    assert tape.events["ts_event"].tolist() == [
        1_562_260_226_619_000_000,
        1_562_260_272_100_000_000,
        1_562_260_272_155_000_000,
    ]
    assert tape.events["side"].tolist() == [layout.ASK, layout.SIDE_NONE, layout.BID]
    assert tape.events["size"].tolist() == [13_300_000_000, 100_000_000, 23_650_000_000]
    assert tape.events["price"].tolist() == [10_900, 11_100, 11_000]
    assert tape.definitions[0].tick == 100
    assert tape.definitions[0].symbol == "ADX"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamp,price,size\n1,1.0,1\n", "before 1990 in every unit"),
        ("timestamp,price,size\n1562260226619,free,1\n", "`price` is 'free', needed a number > 0"),
        ("timestamp,price,size\n1562260226619,1.0,-3\n", "`size` is -3, needed a number > 0"),
        ("timestamp,price,size,side\n1562260226619,1,1,up\n", "side is 'up', needed buy or sell"),
        ("timestamp,price,size\nyesterday,1.0,1\n", "row 1: timestamp 'yesterday' is no ISO 8601"),
        ("timestamp,price,size\n", "holds no trades"),
        ("timestamp,price,size\n1562260226,1,1\n1,1,1\n", "row 2: `timestamp` is 1000000000"),
        ("timestamp,price,size\n1562260226,1e-10,1\n", "row 1: `price` is 1e-10, needed 1e-9"),
        ("timestamp,price,size\n1562260226,1,1e17\n", r"row 1: `size` is 1e\+17, needed below 9"),
        ("timestamp,price,size,symbol\n1562260226,1,1,\n", "row 1: `symbol` is None, needed a"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(TapeError, match=message):
        open_tape(path)


def test_sizes_may_turn_decimal_late(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{1_562_260_226 + n},2.5,{3 if n < 12_000 else 0.5}\n" for n in range(12_001)]
    path.write_text("time,price,qty\n" + "".join(rows))
    assert read_trades(path).events["size"][-1] == 50_000_000


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_the_unit_of_time_is_told_by_its_size(tmp_path: Path, scale: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"time,price,qty\n{1_562_260_226 * scale},2.5,3\n")
    assert read_trades(path).events["ts_event"][0] == 1_562_260_226 * 10**9


@needs_data
def test_real_pumps_read_whole_and_by_symbol() -> None:
    tape = open_tape(PUMPS)
    assert len(tape.events) == 506_834
    assert len(tape.definitions) == 45
    table = pl.read_parquet(PUMPS)
    assert len(read_trades(PUMPS, "ADX").events) == (table["symbol"] == "ADX").sum()
    assert (tape.events["side"] == layout.BID).sum() == table["is_buy"].sum()
