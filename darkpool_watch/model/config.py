"""The shape of a model, as data: one transformer class, many sizes.

A checkpoint carries its shape as JSON, so weights rebuild their own model. Nothing here needs
torch.
"""

from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from darkpool_watch.errors import ConfigError
from kernels.layout import TRIGGERS

Positive = Annotated[int, Meta(ge=1)]


class Range(NamedTuple):
    """One banded attention range: `keys` frames, `stride` apart, counted back from now."""

    name: str
    keys: int
    stride: int
    tau_s: tuple[float, float, float]  # s: time constants of the elapsed-time penalty, over heads

    @property
    def reach(self) -> int:
        """Frames from the newest to one past the oldest key."""
        return self.keys * self.stride


# Paper 2, table 4; "16 frames, rate 2" is read as 16 samples over 32 frames.
RANGES: Final = (
    Range("short", 8, 1, (0.01, 0.1, 1.0)),
    Range("mid", 16, 2, (0.1, 1.0, 10.0)),
    Range("long", 32, 4, (1.0, 10.0, 100.0)),
)
GROUPS: Final = len(RANGES) + 1  # the fourth group is the linear attention over the session
LONGEST: Final = max(r.reach for r in RANGES)  # frames
WIDEST: Final = max(r.keys for r in RANGES)  # keys

ROTARY_PERIOD: Final = 1024  # frames: every rotary angle is a whole number of turns over it
WRITE_MIN, WRITE_MAX = 1e-4, 0.1  # 1 - decay of the linear attention: decays in [0.9, 0.9999]
DENOMINATOR_FLOOR: Final = 1e-6  # keeps an empty linear-attention state from dividing by zero
CONTEXT_HALF_LIVES: Final = (4.0, 16.0, 64.0, 256.0)  # frames: memory of the enhancement gates
DT_UNIT_S: Final = 1e-3  # s: the frame gap enters as log1p(dt / unit) / DT_SCALE
DT_SCALE: Final = 4.0
STUDENT_DOF: Final = 4.0  # of the next-frame prediction
SCALE_FLOOR: Final = 0.05  # normalised units: least predicted scale of a feature's change
HEAD_SETS: Final = ("protocol", "release")


class Modality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of features that vanish together: `families` x `windows` columns, in that order."""

    name: str
    families: Positive
    windows: Positive


MARKET_MODALITIES: Final = (
    Modality("price", 16, 4),
    Modality("volume", 8, 4),
    Modality("time", 16, 1),
    Modality("flow", 32, 4),
)


class ModelShape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every size of a model. Raises ConfigError when sizes do not fit each other."""

    profile: str
    width: Positive  # D
    feed_forward: Positive
    layers: Positive = 8
    heads: Positive = 12  # H, in four groups of H / 4
    token: Positive  # width of a family's token in the spatial stream
    sight: Positive  # width of a modality's token
    latent: Positive  # width of the spatial latent
    spatial_heads: Positive = 2
    context: Positive  # channels of the moving average that the enhancement gates see
    predictor: Positive  # hidden width of the next-frame prediction
    judge: Positive  # hidden width of the supervised heads
    bottleneck: Positive = 64
    typologies: Positive = 13
    triggers: Positive = TRIGGERS
    joins: tuple[int, ...] = (0, 4)  # layers, from 0, before which the spatial latent joins
    modalities: tuple[Modality, ...] = MARKET_MODALITIES

    def __post_init__(self) -> None:
        """Refuse sizes that do not divide."""
        for ok, problem in (
            (self.heads % GROUPS == 0, f"heads {self.heads} must be a multiple of {GROUPS}"),
            (self.heads == 3 * GROUPS, f"heads {self.heads}: each range has three time constants"),
            (self.width % (2 * self.heads) == 0, f"width {self.width} needs even head widths"),
            (self.token % self.spatial_heads == 0, "token must divide into spatial_heads"),
            (self.sight % self.spatial_heads == 0, "sight must divide into spatial_heads"),
            (self.context % len(CONTEXT_HALF_LIVES) == 0, "context must be a multiple of 4"),
            (all(0 <= j < self.layers for j in self.joins), f"joins {self.joins} name no layer"),
            (len(self.modalities) > 0, "at least one modality is needed"),
        ):
            if not ok:
                raise ConfigError(f"Model shape {self.profile}: {problem}")

    @property
    def features(self) -> int:
        """F: columns of a frame."""
        return sum(m.families * m.windows for m in self.modalities)

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.width // self.heads

    @property
    def group_heads(self) -> int:
        """Heads of one of the four groups."""
        return self.heads // GROUPS

    @property
    def ring_rows(self) -> int:
        """Keys (each with its value) that one layer remembers of one security."""
        return self.group_heads * sum(r.reach for r in RANGES)

    def state_bytes(self, ring_bits: int = 16) -> int:
        """Return the bytes of streaming state of one security with rings of `ring_bits`."""
        d = self.head_width
        rings = self.layers * self.ring_rows * 2 * d * ring_bits // 8
        linear = self.layers * self.group_heads * d * (d + 1) * 4
        memory = (2 * self.features + self.width + self.context) * 4
        return rings + linear + memory + LONGEST * 8 + 8


FULL: Final = ModelShape(
    profile="full",
    width=768,
    feed_forward=1536,
    token=64,
    sight=128,
    latent=256,
    spatial_heads=4,
    context=64,
    predictor=256,
    judge=128,
)
LITE: Final = ModelShape(
    profile="lite",
    width=192,
    feed_forward=768,
    token=32,
    sight=48,
    latent=64,
    context=32,
    predictor=64,
    judge=64,
)
XL: Final = msgspec.structs.replace(FULL, profile="xl", feed_forward=3072)
SHAPES: Final = {s.profile: s for s in (FULL, LITE, XL)}


def shape_of(profile: str) -> ModelShape:
    """Return the shape of a named profile; ConfigError names the ones that exist."""
    if profile not in SHAPES:
        raise ConfigError(f"model.profile {profile!r} is unknown: use one of {', '.join(SHAPES)}")
    return SHAPES[profile]
