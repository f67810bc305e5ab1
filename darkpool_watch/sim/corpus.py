"""The corpus: which days, securities, manipulators and typologies serve which purpose.

Nothing of it is stored: a tape is a function of its seed and day. Every purpose reads its values
here and nowhere else, so that what was trained on is never judged on.
"""

import hashlib
from typing import Final, Literal, NamedTuple

import msgspec

from darkpool_watch.errors import ConfigError
from darkpool_watch.sim.market import SimConfig
from darkpool_watch.sim.population import SESSION_S, Side

SECURITIES: Final = 20
HELD_OUT: Final = 4  # of them, the last ones: read by no side but `test`
DAYS: Final = 40
ACCOUNTS: Final = 240
AUCTION_S: Final = 300.0  # of the opening call, and of the closing one
CORPUS_SEED: Final = 2_024  # of training and calibration; the tiers have seeds of their own

# What each typology is for.
TRAINED: Final = ("SPOOF", "LAYER", "FLIP", "STUFF", "PING", "SIZE", "IGNITE")
FUSION: Final = ("WASH", "PAINT")  # set the weights of the fusion; never trained on, never judged
UNSEEN: Final = ("NBBO", "STALE", "CLOSE", "FRONT")  # never trained on: tier B

TRAINING_STEALTH: Final = (0.5, 2.0)
TEST_STEALTH: Final = (0.5, 3.0)  # what lies above the trained range is reported apart
CAMPAIGNS_PER_HOUR: Final = 2.0  # a security; look-alikes as many again
LEAST_CAMPAIGNS: Final = {"train": 150, "validate": 25, "test": 25}  # a typology; fewer: not judged

Tier = Literal["A", "B", "C", "D"]


class Reading(NamedTuple):
    """What one purpose reads; between the days of two sides lies one that nobody reads."""

    days: range  # business days, from 0
    securities: range  # rows
    typologies: tuple[str, ...]


SIDES: Final[dict[Side, Reading]] = {
    "train": Reading(range(20), range(SECURITIES - HELD_OUT), TRAINED),
    "validate": Reading(range(21, 25), range(SECURITIES - HELD_OUT), (*TRAINED, *FUSION)),
    "test": Reading(range(26, DAYS), range(SECURITIES), (*TRAINED, *UNSEEN)),
}


def side_of(day: int) -> Side:
    """Return the side that reads a business day.

    Raises ConfigError for a day outside the corpus, or in a gap between two sides.
    """
    for name, side in SIDES.items():
        if day in side.days:
            return name
    where = "lies in a gap that nobody reads" if 0 <= day < DAYS else "lies outside the corpus"
    spans = ", ".join(f"{name} {s.days.start}-{s.days.stop - 1}" for name, s in SIDES.items())
    raise ConfigError(f"Day {day} {where}: choose among {spans}")


def corpus_day(day: int, *, seed: int = CORPUS_SEED, calm: bool = False) -> SimConfig:
    """Return one full day of the corpus; `calm` is the same day with no campaign in it.

    Of its securities, rows beyond `SIDES[side].securities` are there and not to be read.
    """
    name = side_of(day)
    return SimConfig(
        seed=seed,
        day=day,
        securities=SECURITIES,
        accounts=ACCOUNTS,
        typologies=SIDES[name].typologies,
        stealth=TEST_STEALTH if name == "test" else TRAINING_STEALTH,
        campaigns_per_hour=0.0 if calm else CAMPAIGNS_PER_HOUR,
        lookalikes_per_hour=CAMPAIGNS_PER_HOUR,
        manipulators=name,
        start_s=-AUCTION_S,
        seconds=AUCTION_S + SESSION_S + AUCTION_S,
    )


def tier_seed(protocol: str, tier: Tier) -> int:
    """Return the seed of a tier: SHA-256 of the protocol's commit and the tier's name.

    Nobody can choose it: it is not known before the protocol is committed.
    """
    digest = hashlib.sha256(f"{protocol}:{tier}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def tier_day(tier: Tier, protocol: str, day: int) -> SimConfig:
    """Return one test day of a tier; raises ConfigError for a day of another side.

    A: trained typologies. B: those never trained on. C: another market, an injector that shares no
    code, a regime that training days do not have. D: one desk, ten campaigns and two hundred
    look-alikes a day.
    """
    if side_of(day) != "test":
        raise ConfigError(f"Day {day} is no test day: choose among {SIDES['test'].days}")
    base = corpus_day(day, seed=tier_seed(protocol, tier))
    hours = SECURITIES * 6.5
    changes: dict[Tier, dict[str, object]] = {
        "A": {"typologies": TRAINED},
        "B": {"typologies": UNSEEN},
        "C": {
            "typologies": TRAINED,
            "injector": "scripts",
            "regime": UNSEEN_REGIME,
            **OTHER_MARKET,
        },
        "D": {
            "typologies": (*TRAINED, *UNSEEN),
            "campaigns_per_hour": 10 / hours,
            "lookalikes_per_hour": 200 / hours,
        },
    }
    return msgspec.structs.replace(base, **changes[tier])


# Tier C's market: a regime that no day of training or calibration has, busier, with more traded in
# the dark, by other and fewer people.
UNSEEN_REGIME: Final = "crash"
OTHER_MARKET: Final = {"rate_scale": 1.4, "dark_share": 0.35, "accounts": 160}
