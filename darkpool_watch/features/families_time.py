"""The catalogue's single time features (96-111)."""

from typing import Final

from darkpool_watch.features.family import Family

_BURSTINESS = "Goh & Barabasi (2008), EPL 81, 48002"
_HAWKES = "Bacry, Mastromatteo & Muzy (2015), Market Microstructure and Liquidity 1(1)"
_SPACINGS = "Shchur et al. (2021), Detecting anomalous event sequences, NeurIPS 34"


def _feature(
    base: int, name: str, unit: str, formula: str, *, source: str = "", needs: tuple[str, ...] = ()
) -> Family:
    return Family(base, name, "time", 1, unit, formula, source, needs, "none")


FAMILIES: Final = (
    _feature(96, "session_sine", "-1..1", "sin pi f, f the session's fraction"),
    _feature(97, "session_cosine", "-1..1", "cos pi f"),
    _feature(98, "session_sine_2", "-1..1", "sin 2 pi f"),
    _feature(99, "session_cosine_2", "-1..1", "cos 2 pi f"),
    _feature(100, "event_age", "log10 s", "log10 seconds from the event before to this one"),
    _feature(101, "lit_trade_age", "log10 s", "log10 seconds since the last lit or hidden trade"),
    _feature(
        102, "dark_trade_age", "log10 s", "log10 seconds since the last dark print", needs=("dark",)
    ),
    _feature(
        103, "quote_age", "log10 s", "log10 seconds since the NBBO changed", needs=("quotes",)
    ),
    _feature(
        104, "burstiness_1s", "-1..1", "(sd - mean) / (sd + mean) of gaps, 1 s", source=_BURSTINESS
    ),
    _feature(
        105,
        "burstiness_10s",
        "-1..1",
        "(sd - mean) / (sd + mean) of gaps, 10 s",
        source=_BURSTINESS,
    ),
    _feature(106, "gap_memory", "-1..1", "lag-1 correlation of ln gaps, 10 s", source=_BURSTINESS),
    _feature(107, "rescaled_gap", "events", "Hawkes compensator over the last gap", source=_HAWKES),
    _feature(
        108,
        "spacing_statistic",
        "events^2",
        "mean squared rescaled gap of the last 64 events",
        source=_SPACINGS,
    ),
    _feature(
        109,
        "reference_age",
        "log10 s",
        "log10 of ts_event - ts_ref of the last dark print",
        needs=("dark",),
    ),
    _feature(110, "phase_recency", "0..1", "exp(-age / 60 s) of the last auction, halt or resume"),
    _feature(111, "short_gaps", "0..1", "share of gaps under 1 ms, 1 s"),
)
