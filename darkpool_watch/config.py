"""The daemon's configuration: frozen Structs, loaded from TOML, every value checked.

Each section belongs to the stage of its name; `configs/default.toml` documents every key.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from darkpool_watch.errors import ConfigError

# A number beyond its bound is a slip, or does not fit what it sizes: refused here, by its path.
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]  # at most a day
Nanoseconds = Annotated[int, Meta(ge=1, le=86_400_000_000_000)]  # at most a day
MillisecondsOrNone = Annotated[int, Meta(ge=0, le=86_400_000)]
NanosecondsOrNone = Annotated[int, Meta(ge=0, le=86_400_000_000_000)]
SecondsOrNone = Annotated[float, Meta(ge=0, le=31_536_000)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]  # at most a year of event time
Count = Annotated[int, Meta(ge=1, le=1_000_000)]  # events, frames
Queue = Annotated[int, Meta(ge=1, le=10_000_000)]  # frames or alerts that may wait
FrameBytes = Annotated[int, Meta(ge=1, le=268_435_456)]  # what a capture can hold of one frame
DiskBytes = Annotated[int, Meta(ge=1, le=1 << 50)]
Rows = Annotated[int, Meta(ge=1, le=65_536)]  # as many listings as the kernels can number
Orders = Annotated[int, Meta(ge=1, le=16_777_216)]  # to start with: about 1 GiB of arena
Levels = Annotated[int, Meta(ge=1, le=65_536)]
Threads = Annotated[int, Meta(ge=1, le=1_024)]
Evidence = Annotated[float, Meta(gt=0, le=1_000_000)]  # in units of -ln p
Price = Annotated[float, Meta(gt=0, le=1_000_000_000)]  # currency
Weight = Annotated[float, Meta(ge=-1_000, le=1_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
NonNegative = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
PositiveFloat = Annotated[float, Meta(gt=0, le=1e12)]


# How a venue ranks the orders of one price: by time; by size, then time; by class of account, then
# time; not at all (pro rata); or nothing of its queues is checked.
Priority = Literal["time", "size", "class", "price", "unchecked"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: immutable, keyword-only, unknown keys refused."""


class WireConfig(Section, frozen=True):
    """Stage 1: where order flow comes from."""

    endpoint: str = "ipc:///tmp/darkpool_watch.flow"  # PUB socket of the feed
    replay_endpoint: str = "ipc:///tmp/darkpool_watch.replay"  # its ROUTER socket; empty = none
    repair_ms: Milliseconds = 20  # how long a gap may hold its channel
    join: Literal["now", "start"] = "now"  # a new channel from here on, or from its session's start
    join_ms: Milliseconds = 1_000  # how long a new channel waits for its publisher's definitions
    heartbeat_ms: Milliseconds = 1_000  # between pings that find a half-open connection
    silence_ms: Milliseconds = 3_000  # without a sign of life: a silent channel, a dead connection
    high_water_mark: Queue = 100_000  # frames
    max_frame_bytes: FrameBytes = 1_048_576
    capture: str = ""  # folder of the capture file; empty = none
    quarantine: str = ""  # folder of malformed frames; empty = counted only
    quarantine_max_bytes: DiskBytes = 67_108_864  # of one run's quarantine file


class MarketConfig(Section, frozen=True):
    """Stage 2: bounds of the market state; arenas start here and grow."""

    securities: Rows = 64
    listings: Rows = 128
    orders: Orders = 65_536
    levels: Levels = 512  # price levels a side of a book starts with
    clock_lead_ns: Nanoseconds = (
        1_000_000_000  # a venue clock further ahead of ours is not believed
    )
    resting_ns: Nanoseconds = 1_000_000  # a dark order younger than this came to trade, not to rest
    ofi_weights: tuple[Weight, Weight, Weight, Weight, Weight] = (
        0.4287,
        0.2600,
        0.1577,
        0.0957,
        0.0579,
    )  # integrated order-flow imbalance: weights of levels 1-5, exp(-(l - 1) / 2) scaled to 1


class FeatureConfig(Section, frozen=True):
    """Stage 3: the rows and when they are owed."""

    stride: Count = 8  # a frame after this many of the security's own events
    informative: bool = True  # and at once after a trade, large cancel or NBBO change
    catalog: str = ""  # pinned catalogue fingerprint; empty = any


class ModelConfig(Section, frozen=True):
    """Stage 4: which weights, which engine."""

    profile: Literal["lite", "full", "xl"] = "lite"
    engine: Literal["torch"] = "torch"
    checkpoint: str = ""  # path of a checkpoint; empty = the one shipped for the profile
    threads: Threads = 1
    conflate: bool = True  # a newer frame replaces an unscored older one; false = score them all


class DetectConfig(Section, frozen=True):
    """Stage 5: when a score becomes an episode."""

    flag_p: Annotated[float, Meta(gt=0, lt=1)] = 0.008  # p-value at or below which a frame flags
    cooldown_s: Seconds = 60.0  # an episode closes this long after its last exceedance
    supervised_weight: Share = 0.6  # of the anomaly head; a calibrated checkpoint has its own
    tracker_half_life_s: Seconds = 72_000.0  # event time; ten times the longest campaign
    evidence_decay_s: Seconds = 10.0  # time constant with which an episode forgets
    evidence_drift: Evidence = 3.0  # -ln p that an ordinary frame is allowed
    evidence_threshold: Evidence | None = None  # h; none = the calibration's
    confirm_exceedances: Count = 3  # flagged frames that confirm an episode in hindsight
    warmup_frames: Count = 512  # of a security before it has p-values, without a calibration
    warmup_s: Annotated[float, Meta(ge=0, le=31_536_000)] = (
        60.0  # event time that those frames span at least
    )
    clock_error_ns: NanosecondsOrNone = (
        1_000_000  # worst error of a venue's clock against another's
    )
    clock_drift_ns: Nanoseconds = 1_000_000_000  # DATA: venue and capture clocks further apart
    late_ns: Nanoseconds = 1_000_000_000  # DATA: an event this much older than its security's clock
    data_repeat_ns: Nanoseconds = 60_000_000_000  # DATA: one hit a listing and reason in this span
    error_low_price: Price = 25.0  # up to this reference price the low band holds, currency
    error_high_price: Price = 50.0  # above this one the high band, between them the middle
    error_band_low: Share = 0.10  # ERROR: share of the reference a price may lie away from it
    error_band_middle: Share = 0.05
    error_band_high: Share = 0.03
    error_edge_s: SecondsOrNone = 900.0  # after the open, before the close: bands doubled
    error_least_ticks: Annotated[int, Meta(ge=0, le=1_000_000)] = 5  # no band is narrower
    error_wide_spread: Share = 0.05  # of the midpoint: a wider NBBO is no reference
    error_stale_s: Seconds = 60.0  # an older trade is no reference either
    error_passive: bool = False  # orders far away on their passive side are errors too
    duplicate_ms: Annotated[float, Meta(gt=0, le=86_400_000)] = 100.0  # ERROR: span of equal orders
    duplicate_orders: Annotated[int, Meta(ge=2, le=64)] = 5  # of one account, at rest at once
    queue_error_ns: NanosecondsOrNone = 1_000  # PRIORITY: a venue's clock against itself, at worst
    queue_levels: Annotated[int, Meta(ge=1, le=65_536)] = 256  # price levels a side with queues
    queue_priority: dict[str, Priority] = {}  # venue MIC, or MIC/symbol, -> how it ranks one price
    queue_without_accounts: bool = False  # lit queues too where self-matching cannot be ruled out
    size_down_keeps_place: bool = False  # a smaller replacement at its price surely keeps its place


class ReferenceConfig(Section, frozen=True):
    """Who may trade with whom: files beside the feed, read at the start."""

    accounts: str = ""  # parquet of accounts with owners, segments and dates; empty = none
    counterparties: str = ""  # TOML of segments that may not meet, with dates; empty = none


class AlertConfig(Section, frozen=True):
    """Stage 6: where alerts go."""

    endpoint: str = "ipc:///tmp/darkpool_watch.alerts"
    replay_endpoint: str = "ipc:///tmp/darkpool_watch.alerts.replay"
    journal: str = "out/journal.db"
    busy_ms: MillisecondsOrNone = 250  # how long a locked journal is waited for
    heartbeat_ms: Milliseconds = 1_000  # between alerts, so that a subscriber sees what it missed
    high_water_mark: Queue = 10_000  # alerts queued for one subscriber; then it misses some
    rule_cooldown_s: Seconds = 60.0  # hits of one rule on a security this close are one alert


class Config(Section, frozen=True):
    """The whole configuration."""

    wire: WireConfig = WireConfig()
    market: MarketConfig = MarketConfig()
    features: FeatureConfig = FeatureConfig()
    model: ModelConfig = ModelConfig()
    detect: DetectConfig = DetectConfig()
    alerts: AlertConfig = AlertConfig()
    reference: ReferenceConfig = ReferenceConfig()


def in_folder(config: Config, folder: Path) -> Config:
    """Return `config` with its sockets and its journal in `folder`, apart from any other daemon."""
    replace = msgspec.structs.replace
    return replace(
        config,
        wire=replace(
            config.wire,
            endpoint=f"ipc://{folder}/flow",
            replay_endpoint=f"ipc://{folder}/replay",
        ),
        alerts=replace(
            config.alerts,
            endpoint=f"ipc://{folder}/alerts",
            replay_endpoint=f"ipc://{folder}/again",
            journal=str(folder / "journal.db"),
        ),
    )


def load(path: Path | None = None) -> Config:
    """Return the configuration in the TOML file at `path`; the embedded defaults without one.

    Raises ConfigError naming the file, the key's path, what was found and what was needed.
    """
    if path is None:
        return Config()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Config)
    except OSError as err:
        raise ConfigError(f"Cannot read config {path}: {err.strerror}") from err
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise ConfigError(f"Config {path}: {err}") from err
