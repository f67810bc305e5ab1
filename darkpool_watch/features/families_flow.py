"""The catalogue's order-flow families that need no account table (112-191, 204-215, 228-231)."""

from typing import Final

from darkpool_watch.features.family import Family

_CKS = "Cont, Kukanov & Stoikov (2014), J. Financial Econometrics 12(1)"
_MLOFI = "Cont, Cucuringu & Zhang (2023), Quantitative Finance 23(10)"
_HAWKES = "Bacry, Mastromatteo & Muzy (2015), Market Microstructure and Liquidity 1(1)"
_FLEETING = "Hasbrouck & Saar (2009), J. Financial Markets 12(2)"


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
    return Family(base, name, "order flow", 4, unit, formula, source, needs, scaling)


FAMILIES: Final = (
    _family(
        112,
        "ofi_touch",
        "depths",
        "order-flow imbalance at the touch / mean touch depth over lit messages",
        source=_CKS,
        needs=("depth",),
        scaling="asinh",
    ),
    _family(
        116,
        "ofi_deep",
        "depths",
        "order-flow imbalance of levels 2-5 / mean touch depth over lit messages",
        source=_MLOFI,
        needs=("depth",),
        scaling="asinh",
    ),
    _family(
        120,
        "ofi_integrated",
        "depths",
        "order-flow imbalance weighted over levels 1-5 / mean touch depth over lit messages",
        source=_MLOFI,
        needs=("depth",),
        scaling="asinh",
    ),
    _family(
        124, "trade_imbalance_lit", "-1..1", "sum d q / sum q, lit and hidden trades with d not 0"
    ),
    _family(
        128,
        "trade_imbalance_dark",
        "-1..1",
        "sum d q / sum q, dark prints with d not 0",
        needs=("dark",),
    ),
    _family(
        132,
        "queue_imbalance",
        "-1..1",
        "time-weighted (Qb - Qa) / (Qb + Qa)",
        source="Gould & Bonart (2016), Market Microstructure and Liquidity 2(2)",
        needs=("quotes",),
    ),
    _family(
        136,
        "depth_imbalance",
        "-1..1",
        "time-weighted imbalance of levels 1-5, weights exp(-(l-1)/2)",
        needs=("depth",),
    ),
    _family(140, "add_rate", "ln", "ln(1 + adds)", needs=("depth",)),
    _family(144, "cancel_rate", "ln", "ln(1 + cancels)", needs=("depth",)),
    _family(148, "trade_rate", "ln", "ln(1 + trades), lit, hidden and dark"),
    _family(152, "dark_message_rate", "ln", "ln(1 + messages of dark venues)", needs=("dark",)),
    _family(
        156,
        "hawkes_surprise",
        "sd",
        "(N - Lambda) / sqrt(Lambda + 1), N messages, Lambda their two-kernel Hawkes compensator",
        source=_HAWKES,
        scaling="asinh",
    ),
    _family(
        160,
        "cancel_to_add",
        "ratio",
        "cancelled / added quantity, capped at 2, replaces included",
        needs=("depth",),
    ),
    _family(
        164,
        "order_to_trade",
        "ln ratio",
        "ln((adds + cancels + replaces + 1) / (trades + 1))",
        needs=("depth",),
    ),
    _family(
        168,
        "cancel_side",
        "-1..1",
        "(bid cancels - ask cancels) / (cancels + 1)",
        needs=("depth",),
    ),
    _family(
        172,
        "fleeting_share",
        "0..1",
        "cancelled orders younger than 100 ms / cancelled orders, ages known, nothing left",
        source=_FLEETING,
        needs=("depth",),
    ),
    _family(
        176,
        "order_life",
        "ln s",
        "mean ln max(lifetime, 1 us) of cancelled orders",
        source=_FLEETING,
        needs=("depth",),
    ),
    _family(
        180,
        "life_gap",
        "ln ratio",
        "mean ln lifetime of orders >= P90 minus that of orders <= P50",
        needs=("depth",),
    ),
    _family(
        184,
        "large_away",
        "0..1",
        "quantity of adds >= P90 placed 2-6 ticks from the touch / all added, lit",
        needs=("depth",),
    ),
    _family(
        188,
        "add_distance",
        "ticks",
        "size-weighted distance of lit adds behind the touch",
        needs=("depth",),
        scaling="asinh",
    ),
    _family(
        204,
        "sign_entropy",
        "0..1",
        "entropy of 3-grams of event signs (+1, -1; others left out) / ln 8",
    ),
    _family(
        208,
        "sign_autocorrelation",
        "-1..1",
        "mean product of neighbouring trade signs",
        source="Lillo & Farmer (2004), Studies in Nonlinear Dynamics & Econometrics 8(3)",
    ),
    _family(
        212,
        "kyle_lambda",
        "ticks",
        "over panes: cov(dm, sum d q) / var(sum d q) * P50 / tick",
        source="Kyle (1985), Econometrica 53(6)",
        scaling="asinh",
    ),
    _family(
        228,
        "dark_fill_ratio",
        "ratio",
        "dark filled / dark entered quantity",
        needs=("dark",),
        scaling="log1p",
    ),
)
