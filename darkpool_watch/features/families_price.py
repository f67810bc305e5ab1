"""The catalogue's price families (0-63)."""

from typing import Final

from darkpool_watch.features.family import Family

_BIPOWER = "Barndorff-Nielsen & Shephard (2004), J. Financial Econometrics 2(1)"
_SEMIVARIANCE = "Barndorff-Nielsen, Kinnebrock & Shephard (2010), Measuring downside risk"
_SPREADS = "Huang & Stoll (1996), J. Financial Economics 41(3)"
_ROLL = "Roll (1984), J. Finance 39(4)"
_MICROPRICE = "Gatheral & Oomen (2010), Finance and Stochastics 14(2)"


def _family(
    base: int,
    name: str,
    unit: str,
    formula: str,
    *,
    source: str = "",
    needs: tuple[str, ...] = (),
    scaling: str = "none",
) -> Family:
    return Family(base, name, "price", 4, unit, formula, source, needs, scaling)


FAMILIES: Final = (
    _family(0, "mid_displacement", "bp", "1e4 (m / time-weighted mean of m - 1)", scaling="asinh"),
    _family(4, "realised_volatility", "bp", "1e4 sqrt(sum r^2), r at mid changes", scaling="log1p"),
    _family(
        8,
        "jump_share",
        "0..1",
        "1 - min(1, (pi/2) sum |r| |r-1| / sum r^2), r-1 the mid change before",
        source=_BIPOWER,
    ),
    _family(
        12,
        "semivariance_skew",
        "-1..1",
        "(sum r+^2 - sum r-^2) / sum r^2",
        source=_SEMIVARIANCE,
    ),
    _family(
        16,
        "quoted_spread",
        "ticks",
        "time-weighted (a - b) / delta, within 12,000 ticks",
        needs=("quotes",),
        scaling="asinh",
    ),
    _family(
        20,
        "spread_z",
        "sd",
        "(spread - mean) / sd, both time-weighted",
        needs=("quotes",),
        scaling="asinh",
    ),
    _family(
        24,
        "effective_spread",
        "bp",
        "mean 1e4 * 2 d (p - m-) / m-, lit and hidden trades with d not 0",
        source=_SPREADS,
        needs=("quotes",),
        scaling="asinh",
    ),
    _family(
        28,
        "price_impact",
        "bp",
        "mean 1e4 d (m at age tau - m-) / m-, lit and hidden trades that matured in the window",
        source=_SPREADS,
        scaling="asinh",
    ),
    _family(
        32,
        "roll_spread",
        "ticks",
        "2 sqrt(max(0, -cov(dp, dp-1))) / delta, lit and hidden trades",
        source=_ROLL,
        scaling="log1p",
    ),
    _family(
        36,
        "microprice_drift",
        "bp",
        "1e4 ln(mu / mu held at the window's start)",
        source=_MICROPRICE,
        scaling="asinh",
    ),
    _family(
        40,
        "mid_range",
        "ticks",
        "(max m - min m) / delta, the m held at the window's start included",
        scaling="log1p",
    ),
    _family(44, "range_position", "0..1", "(m - min m) / (max m - min m)"),
    _family(48, "mid_changes", "ln", "ln(1 + number of mid changes)"),
    _family(52, "mid_reversals", "0..1", "share of mid changes that reverse the last"),
    _family(
        56,
        "dark_location",
        "-1..1",
        "mean 2 (p - m) / (a - b), dark prints; beyond 1 is outside the quotes",
        needs=("quotes", "dark"),
    ),
    _family(
        60,
        "dark_markout",
        "bp",
        "mean 1e4 d (m at age tau - p) / m-, dark prints that matured in the window",
        needs=("dark",),
        scaling="asinh",
    ),
)
