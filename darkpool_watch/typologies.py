"""The typologies of abuse, their order in arrays, and their kin groups."""

from typing import Final, NamedTuple


class Typology(NamedTuple):
    """One pattern of abuse that the daemon names in alerts."""

    code: str
    title: str
    kin: str  # the kin group: typologies that share an episode
    by: str  # "model" or "rule"
    regulation: str


MODEL_TYPOLOGIES: Final = (
    Typology("SPOOF", "spoofing", "spoofing", "model", "MAR 12(2)(c); 2016/522 Annex II"),
    Typology("LAYER", "layering", "spoofing", "model", "MAR 12(2)(c); 2016/522 Annex II"),
    Typology("FLIP", "post and flip", "spoofing", "model", "MAR 12(2)(c); 2016/522 Annex II"),
    Typology("STUFF", "quote stuffing", "stuffing", "model", "MAR 12(2)(c)(i)"),
    Typology("WASH", "wash or matched trades", "wash", "model", "MAR 12(1)(a); FINRA 5210"),
    Typology("PAINT", "painting the tape", "wash", "model", "MAR 12(1)(a); FINRA 5210"),
    Typology("PING", "pinging dark interest", "probing", "model", "2016/522 Annex II; Reg ATS"),
    Typology("SIZE", "size discovery", "probing", "model", "2016/522 Annex II; Reg ATS"),
    Typology("FRONT", "front running or leakage", "leakage", "model", "FINRA 5270; MAR 8"),
    Typology("STALE", "stale-reference arbitrage", "reference", "model", "Reg NMS 611; Reg ATS"),
    Typology("NBBO", "midpoint manipulation", "reference", "model", "MAR 12(1)(a); Reg NMS 611"),
    Typology("IGNITE", "momentum ignition", "ignition", "model", "MAR 12(2)(c)(iii)"),
    Typology("CLOSE", "marking the close", "closing", "model", "MAR 12(2)(b)"),
)

RULE_TYPOLOGIES: Final = (
    Typology("TRADE-THROUGH", "execution outside the NBBO", "trade-through", "rule", "Reg NMS 611"),
    Typology("PRIORITY", "queue priority or sub-penny", "priority", "rule", "Reg NMS 612; Reg ATS"),
    Typology("SEGMENT", "segmentation breach", "segment", "rule", "Reg ATS"),
    Typology("ERROR", "erroneous order or trade", "error", "rule", "FINRA 5210"),
    Typology("DATA", "data integrity", "data", "rule", "MAR 16; Reg SCI"),
)

# What the unsupervised heads find and the supervised one has no name for.
UNCLASSIFIED: Final = Typology(
    "UNCLASSIFIED", "unclassified anomaly", "novelty", "model", "MAR 16: none named"
)

TYPOLOGIES: Final = {t.code: t for t in (*MODEL_TYPOLOGIES, *RULE_TYPOLOGIES, UNCLASSIFIED)}
KIN_GROUPS: Final = tuple(dict.fromkeys(t.kin for t in MODEL_TYPOLOGIES))
