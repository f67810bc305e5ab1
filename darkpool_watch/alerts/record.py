"""The alert: one frozen record for each thing a desk is told.

Three hashes. `alert_id` names the episode and is the same for all its updates; `content_hash`
covers what a replay of the same capture reproduces; `record_hash` covers the wall-clock stamps and
the sequence too. Money and times are integers; an undefined number is null, never NaN.
"""

import hashlib

import msgspec

from darkpool_watch.wire.topic import topic_of

VERSION = 1
SEVERITIES = ("low", "medium", "high", "critical")


class AccountShare(msgspec.Struct, frozen=True, kw_only=True):
    """An account and its share in what was seen."""

    account: int
    share: float  # 0 to 1


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event that the alert rests on, as the feed numbered it."""

    arrival: int  # daemon-wide index
    ts_event: int = 0  # ns UTC
    channel: int = 0
    sequence: int = 0  # of the feed
    order_id: int = 0  # 0 = unknown
    contra_order_id: int = 0
    price: int | None = None  # 1e-9 currency
    size: int | None = None


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The market at the instant: 1e-9 currency and size units; null = unknown."""

    bid: int | None = None
    ask: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    mid2: int | None = None  # bid + ask, twice the midpoint
    reference: int | None = None  # midpoint that the pool used
    reference_age_ns: int | None = None


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Instants that a replay reproduces, ns UTC."""

    event_ns: int  # of this update, on the event clock
    opened_ns: int
    start_ns: int  # first event or frame of the excursion
    last_ns: int  # last exceedance or hit
    capture_ns: int | None = None  # when the feed captured the deciding event
    clock: str = "venue"  # whose clock event times are: venue, or one clock of a tape
    error_ns: int | None = None  # bound of that clock's error


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """Instants of this very run, ns UTC by the host's clock; null = not stamped."""

    receive_ns: int | None = None
    score_ns: int | None = None
    commit_ns: int | None = None  # handed to the journal


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said and how unusual it is; null = undefined."""

    anomaly: float | None
    novelty: float | None
    latent: float | None
    head_p: tuple[float | None, float | None, float | None]  # anomaly, novelty, latent
    p: float | None  # smallest claimed so far
    p_floor: float  # none below it is claimed
    rank: float  # -ln p without that floor: orders what lies beyond it
    evidence: float  # largest evidence of the episode
    evidence_needed: float
    exceedances: int  # flagged frames


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """What the threshold was, from what it followed, and what it knew."""

    values: tuple[float, float, float]  # score at which each head alone would flag
    location: tuple[float, float, float]
    scale: tuple[float, float, float]
    own_effect: tuple[float, float, float]
    tracker: tuple[float, float, float]
    conditions: tuple[float | None, ...]  # covariates, in the order of CONDITIONS
    regime: int
    flag_p: float
    state_hash: str
    calibration_hash: str


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule measured."""

    reason: str
    hits: int
    worst: float | None = None  # largest breach so far, in `unit`
    unit: str = ""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Which model, settings and engine spoke."""

    engine: str = ""
    model_hash: str = ""
    config_hash: str = ""
    catalogue: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One update of one alert. `number` 0 opened it."""

    version: int = VERSION
    alert_id: str
    number: int
    by: str  # model or rule
    state: str  # opened, extended, confirmed, retracted or closed
    severity: str  # one of SEVERITIES
    severity_at_opening: str
    typology: str
    title: str
    kin: str
    regulation: str
    message: str  # one sentence for a person
    security: int  # security_id
    listing: int | None = None  # instrument_id; null: the episode spans listings
    venue: str = ""
    symbol: str = ""
    session_fraction: float | None = None
    times: Times
    attribution: str = "account unknown"
    accounts: tuple[AccountShare, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    quote: Quote = Quote()
    scores: Scores | None = None  # null: by a rule
    threshold: Threshold | None = None
    breach: Breach | None = None  # null: by the model
    distribution: dict[str, float] = {}  # typology to its share of the evidence
    modality: tuple[float, ...] = ()  # hints, never reasons
    ranges: tuple[float, ...] = ()
    provenance: Provenance = Provenance()
    quality: tuple[str, ...] = ()  # stale, warming, conflated, uncalibrated, model_skipped
    supersedes: str = ""  # content hash of the update before
    content_hash: str = ""
    # What this run adds; a replay has its own.
    stamps: Stamps = Stamps()
    sequence: int = 0  # daemon-wide; 0 = not yet committed
    record_hash: str = ""

    @property
    def topic(self) -> bytes:
        """The topic it is published under; the same for all updates of one alert."""
        return topic_of("alert", self.severity_at_opening, self.typology, self.venue, self.symbol)


_NO_STAMPS = Stamps()


def alert_id(
    security: int, kin: str, opened_arrival: int, model_hash: str, config_hash: str
) -> str:
    """Return the name of an episode: 16 bytes of a SHA-256, in hex."""
    key = "\0".join((str(security), kin, str(opened_arrival), model_hash, config_hash))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def seal(alert: Alert, supersedes: str = "") -> Alert:
    """Return `alert` with `supersedes` and its content hash set, and nothing of a run."""
    bare = msgspec.structs.replace(
        alert,
        supersedes=supersedes,
        stamps=_NO_STAMPS,
        sequence=0,
        content_hash="",
        record_hash="",
    )
    content = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
    return msgspec.structs.replace(bare, content_hash=content, stamps=alert.stamps)


def stamp(alert: Alert, sequence: int, commit_ns: int) -> Alert:
    """Return a sealed alert with its sequence, commit time and record hash."""
    stamped = msgspec.structs.replace(
        alert,
        sequence=sequence,
        stamps=msgspec.structs.replace(alert.stamps, commit_ns=commit_ns),
        record_hash="",
    )
    record = hashlib.sha256(msgspec.json.encode(stamped)).hexdigest()
    return msgspec.structs.replace(stamped, record_hash=record)


def content_hash_of(alert: Alert) -> str:
    """Return what the content hash of `alert` must be; it differs where it was tampered with."""
    return seal(alert, alert.supersedes).content_hash


def record_hash_of(alert: Alert) -> str:
    """Return what the record hash of `alert` must be."""
    bare = msgspec.structs.replace(alert, record_hash="")
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()


encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Alert)


def decode(body: bytes) -> Alert:
    """Return the alert in the JSON `body`; msgspec.DecodeError names what does not fit."""
    return _decoder.decode(body)
