"""Where the real recordings are, for tests that use them."""

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[2] / "shared" / "data"
DATA = Path(os.environ.get("DARKPOOL_WATCH_DATA") or BESIDE)
LOBSTER = DATA / "lobster"
GOOG = LOBSTER / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
AMZN = LOBSTER / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
AAPL = LOBSTER / "head_AAPL_2012-06-21_34200000_57600000_message_10.csv.gz"
ARL = DATA / "databento" / "xnas_arl_2025-07-17_mbo.csv.gz"
PUMPS = DATA / "pumps" / "pump_trades_2018_2019.parquet"

needs_data = pytest.mark.skipif(
    not DATA.is_dir(),
    reason=f"no real recordings at {DATA}: set DARKPOOL_WATCH_DATA to their folder",
)
