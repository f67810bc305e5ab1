"""Run by a test in a process without the compiler: the windows against their twins once more."""

import numpy as np

from tests.features.test_windows import assert_equal
from tests.features.window_cases import Runner, naive_row, random_market
from tests.naive.windows import plain


def main() -> None:
    market = random_market(7, 120)
    past = plain(market)
    runner = Runner()
    # Integrals wrap modulo 2^64 by design.
    with np.errstate(over="ignore", invalid="ignore"):
        for i in range(len(market)):
            runner.observe(market[i])
            now = past[i]["ts"]
            assert_equal(runner.write(now), naive_row(past[: i + 1], now), now)


if __name__ == "__main__":
    main()
