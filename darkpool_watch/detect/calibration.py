"""What calibration days teach the threshold: location, scale, tails, remap and evidence.

The days carry no injected abuse (simulated with injection off) or are raw flow; no label is read.
A calibration is plain arrays, so that it travels inside the checkpoint of the model it belongs to.
"""

import hashlib
from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import DetectConfig
from darkpool_watch.errors import CheckpointError
from kernels.tail import KNOTS, TAIL
from kernels.threshold import ANOMALY, CALIBRATION, HEADS

DEFAULT_EVIDENCE = 12.0  # h before any calibration has measured false episodes
DEFAULT_SHAPE = 0.2  # of the tail that an uncalibrated score is given: heavier than exponential
PREFIX = "calibration."


class Calibration:
    """Arrays that turn scores under market conditions into p-values.

    `record` is the (1,) CALIBRATION that kernels read; it is not written after construction.
    """

    def __init__(self, record: NDArray[np.void]) -> None:
        self.record = np.array(record, CALIBRATION, copy=True).reshape(1)
        digest = hashlib.sha256()
        for name, array in self.to_arrays().items():
            digest.update(name.encode() + b"\0" + array.tobytes())
        self.hash = digest.hexdigest()[:16]

    @property
    def calibrated(self) -> bool:
        """Whether p-values rest on calibration days rather than on a security's own warm-up."""
        return bool(self.record["calibrated"][0])

    @property
    def blocks(self) -> int:
        """Declustered blocks behind the smallest p-value that is claimed; 0 without a fit."""
        return round(float(np.exp(self.record["floor_y"][0]))) if self.calibrated else 0

    @classmethod
    def default(cls, config: DetectConfig | None = None) -> Self:
        """Return the uncalibrated start: conditions have no effect, every tail is the default.

        The detector then standardises each security by the median and upper spread of its own
        first frames, which a Laplace body and a heavy tail turn into p-values.
        """
        return cls(blank_record(config or DetectConfig()))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return contiguous plain arrays by name, ready for safetensors."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for name in _names():
            arrays[PREFIX + name] = np.ascontiguousarray(_field(self.record, name))
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Return the calibration that `to_arrays` gave; names of other parts are passed over.

        Raises CheckpointError when an array is missing, has another shape, or is not finite
        where a threshold needs a number.
        """
        record = np.zeros(1, CALIBRATION)
        for name in _names():
            target = _field(record, name)
            found = arrays.get(PREFIX + name)
            if found is None:
                raise CheckpointError(
                    f"Calibration lacks array {PREFIX}{name}: calibrate again with this version"
                )
            if found.shape != target.shape:
                raise CheckpointError(
                    f"Calibration array {PREFIX}{name} has shape {found.shape}, "
                    f"expected {target.shape}: calibrate again with this version"
                )
            if np.isnan(found.astype(np.float64)).any():
                raise CheckpointError(
                    f"Calibration array {PREFIX}{name} holds NaN: calibrate again"
                )
            target[...] = found
        return cls(record)


def _names() -> list[str]:
    """Return the dotted names of all leaf fields, those of a tail as `tails.z`."""
    assert CALIBRATION.names is not None
    assert TAIL.names is not None
    names: list[str] = []
    for name in CALIBRATION.names:
        leaves = [f"{name}.{leaf}" for leaf in TAIL.names]
        names += leaves if name in ("tails", "remap") else [name]
    return names


def _field(record: NDArray[np.void], name: str) -> NDArray[np.generic]:
    whole, _, leaf = name.partition(".")
    view: NDArray[np.void] = record[whole]
    return view[leaf] if leaf else view


def blank_record(config: DetectConfig) -> NDArray[np.void]:
    """Return the (1,) CALIBRATION in which conditions have no effect."""
    record = np.zeros(1, CALIBRATION)
    record["spread"] = 1.0
    record["own_cap"] = np.inf
    record["iqr"] = 1.0
    record["edges"] = np.inf
    record["weights"] = head_weights(config)
    record["floor_y"] = np.log(config.warmup_frames)
    record["evidence"] = DEFAULT_EVIDENCE
    record["tails"] = default_tail()
    record["remap"] = identity_tail()
    return record


def head_weights(config: DetectConfig) -> NDArray[np.float64]:
    """Return the weights of anomaly, novelty and latent; the unsupervised two share the rest."""
    weights = np.full(HEADS, (1.0 - config.supervised_weight) / (HEADS - 1))
    weights[ANOMALY] = config.supervised_weight
    return weights


def default_tail() -> NDArray[np.void]:
    """Return the () TAIL of a Laplace body of scale 1 with a heavy tail above its P99."""
    tail = np.zeros((), TAIL)
    y = np.linspace(0.0, np.log(100.0), KNOTS)
    y[0] = 1e-4
    p = np.exp(-y)
    tail["z"] = np.where(p < 0.5, -np.log(2.0 * p), np.log(2.0 * np.maximum(1.0 - p, 1e-300)))
    y[0] = 0.0
    tail["y"] = y
    tail["scale"] = 1.0
    tail["shape"] = DEFAULT_SHAPE
    return tail


def identity_tail() -> NDArray[np.void]:
    """Return the () TAIL that leaves -ln p as it is."""
    tail = np.zeros((), TAIL)
    tail["z"] = tail["y"] = np.linspace(0.0, np.log(100.0), KNOTS)
    tail["scale"] = 1.0
    return tail
