"""The reference engine: the streaming form in torch, float32, on any machine."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from darkpool_watch.errors import CheckpointError
from darkpool_watch.model.config import GROUPS
from darkpool_watch.model.engine import State
from darkpool_watch.model.scores import score_dtype
from darkpool_watch.model.streaming import Stream
from darkpool_watch.model.transformer import Transformer

BATCH: Final = 4  # beyond four frames a step there is no gain
WARM_UP_STEPS: Final = 3


class TorchEngine:
    """Scores up to four frames a step.

    Cost: `shape.state_bytes(ring_bits)` bytes a security. The gathers, products and reductions of
    a step have fixed shapes, so a frame's bits do not depend on its batch or its place in it.
    """

    name = "torch"

    def __init__(
        self,
        model: Transformer,
        securities: int,
        *,
        batch: int = BATCH,
        threads: int = 1,
        ring_bits: int = 32,
        precision: str = "float32",
        heads: str = "release",
        trained: bool = True,
    ) -> None:
        torch.set_num_threads(threads)
        self.batch, self.trained, self.shape = batch, trained, model.shape
        shape = model.shape
        ring = {16: torch.float16, 32: torch.float32}[ring_bits]
        self.state_bytes = shape.state_bytes(ring_bits)
        with torch.inference_mode():
            self._stream = Stream(
                model.eval(),
                securities,
                batch=batch,
                ring=ring,
                precision={"float32": torch.float32, "bfloat16": torch.bfloat16}[precision],
                heads=heads,
            )
        self._security = torch.zeros(batch, dtype=torch.int64)
        self._ts = torch.zeros(batch, dtype=torch.int64)
        self._trigger = torch.zeros(batch, dtype=torch.int64)
        self._values = torch.zeros(batch, shape.features)
        self._mask = torch.zeros(batch, shape.features)
        inputs = (self._security, self._ts, self._trigger, self._values, self._mask)
        self._inputs = tuple(x.numpy() for x in inputs)
        dtype = score_dtype(shape.typologies, len(shape.modalities))
        self._scores = np.zeros(batch, dtype)
        self._scores["arrival"] = -1
        # The float fields lie side by side: one view fills them all.
        offset = self._scores.dtype.fields["anomaly"][1]  # type: ignore[index]
        self._floats: NDArray[np.float32] = np.ndarray(
            (batch, 3 + shape.typologies + len(shape.modalities) + GROUPS),
            np.float32,
            self._scores,
            offset,
            (dtype.itemsize, 4),
        )

    @property
    def securities(self) -> int:
        """Streams there is room for."""
        return self._stream.securities

    def step(
        self,
        security: NDArray[np.int32],
        ts: NDArray[np.int64],
        trigger: NDArray[np.uint8],
        values: NDArray[np.float32],
        mask: NDArray[np.uint8],
    ) -> NDArray[np.void]:
        """Advance B <= batch streams by one frame; see `Engine.step`."""
        n = len(security)
        rows, times, triggers, features, masks = self._inputs
        rows[:n], rows[n:] = security, self._stream.securities
        times[:n], triggers[:n], features[:n], masks[:n] = ts, trigger, values, mask
        times[n:], triggers[n:], features[n:], masks[n:] = 0, 0, 0.0, 1.0
        with torch.inference_mode():
            scores = self._stream.step(
                self._security, self._ts, self._trigger, self._values, self._mask
            )
        self._floats[:] = scores.numpy()
        self._scores["security"][:n] = security
        self._scores["ts"][:n] = ts
        return self._scores[:n].copy()

    def reset(self, security: int) -> None:
        """Forget a security's stream."""
        with torch.inference_mode():
            self._stream.reset(security)

    def grow(self, securities: int) -> None:
        """Make room for that many securities; smaller numbers change nothing."""
        if securities > self._stream.securities:
            with torch.inference_mode():
                self._stream.allocate(securities)

    def snapshot(self) -> State:
        """Return a copy of all streams."""
        return {name: tensor.numpy().copy() for name, tensor in self._stream.state.items()}

    def restore(self, state: State) -> None:
        """Put back a snapshot; CheckpointError if it came from another shape or ring width."""
        own = self._stream.state
        for name, tensor in own.items():
            found = state.get(name)
            if found is None or found.shape[1:] != tuple(tensor.shape[1:]):
                raise CheckpointError(
                    f"Snapshot's {name} does not fit a {self.shape.profile} model: start without "
                    f"the snapshot, or with the checkpoint it was taken under"
                )
            if found.dtype != tensor.numpy().dtype:
                raise CheckpointError(
                    f"Snapshot's {name} has {found.dtype}, needed {tensor.numpy().dtype}: start "
                    f"without the snapshot"
                )
        with torch.inference_mode():
            self.grow(len(state["count"]) - 1)
            for name, tensor in self._stream.state.items():
                tensor.zero_()[: len(state[name]) - 1] = torch.from_numpy(
                    np.array(state[name][:-1])
                )

    def warm_up(self) -> None:
        """Run steps on the padding row so that the first real one pays for nothing."""
        none = np.zeros(0, np.int32)
        features = np.zeros((0, self.shape.features))
        for _ in range(WARM_UP_STEPS):
            self.step(
                none,
                none.astype(np.int64),
                none.astype(np.uint8),
                features.astype(np.float32),
                features.astype(np.uint8),
            )
