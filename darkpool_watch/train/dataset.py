"""Sequences of frames on their way to the model: packed, cut into chunks, laid in lanes.

A source is any callable that, given a number, yields that security-day and those after it, the
same ones each time; so training imports no simulator, and resumes by number. A batch has one chunk
from each of its lanes. Half of the security-days are carried (state flows from chunk to chunk, with
random resets); of the others each chunk starts fresh, in random order.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkpool_watch.model.transformer import Frames

CLEAN, ACTIVE, ONSET, ECHO = range(4)
UNLABELLED: Final = 255  # zone of a frame of a tape without labels
NO_TYPOLOGY: Final = -1


class Sequence(NamedTuple):
    """Frames of one security-day, in order: 525 bytes a frame at 240 features."""

    values: NDArray[np.float16]  # (T, F) normalised, 0 where undefined
    mask: NDArray[np.uint8]  # (T, ceil(F / 8)) packed bits, 1 where undefined
    ts: NDArray[np.int64]  # (T,) ns
    trigger: NDArray[np.uint8]  # (T,) why the frame was owed
    zone: NDArray[np.uint8]  # (T,) CLEAN, ACTIVE, ONSET, ECHO or UNLABELLED
    typology: NDArray[np.int8]  # (T,) -1 or the index in MODEL_TYPOLOGIES


Source = Callable[[int], Iterator[Sequence]]


def pack(
    values: NDArray[np.float32],
    mask: NDArray[np.uint8],
    ts: NDArray[np.int64],
    trigger: NDArray[np.uint8],
    zone: NDArray[np.uint8] | None = None,
    typology: NDArray[np.int8] | None = None,
) -> Sequence:
    """Return T frames as a Sequence; without `zone` the tape has no labels."""
    if zone is None:
        zone = np.full(len(ts), UNLABELLED, np.uint8)
    if typology is None:
        typology = np.full(len(ts), NO_TYPOLOGY, np.int8)
    return Sequence(
        np.where(mask, 0, values).astype(np.float16),
        np.packbits(mask, axis=1),
        np.asarray(ts, np.int64),
        np.asarray(trigger, np.uint8),
        np.asarray(zone, np.uint8),
        np.asarray(typology, np.int8),
    )


class Batch(NamedTuple):
    """One chunk of every lane."""

    frames: Frames  # (B, T, ...)
    zone: Tensor  # (B, T) uint8
    typology: Tensor  # (B, T) int64
    real: Tensor  # (B, T) bool: False pads a sequence's end
    reset: Tensor  # (B,) bool: the lane starts fresh

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        frames = Frames(*(x.to(device, non_blocking=True) for x in self.frames))
        return Batch(frames, *(x.to(device, non_blocking=True) for x in self[1:]))


def frames_of(sequence: Sequence, start: int, stop: int) -> Frames:
    """Return a stretch of a sequence as tensors with a batch dimension of one."""
    values = sequence.values[start:stop].astype(np.float32)
    mask = np.unpackbits(sequence.mask[start:stop], axis=1, count=values.shape[1])
    return Frames(
        torch.from_numpy(values)[None],
        torch.from_numpy(mask.astype(np.float32))[None],
        torch.from_numpy(sequence.ts[start:stop].copy())[None],
        torch.from_numpy(sequence.trigger[start:stop].astype(np.int64))[None],
    )


class Lane:
    """Where one lane stands in its security-day."""

    def __init__(self, number: int, sequence: Sequence, carried: bool, starts: list[int]) -> None:
        self.number, self.sequence, self.carried = number, sequence, carried
        self.starts = starts  # chunks still to come
        self.fresh = True
        self.hidden: list[int] = []  # groups of features hidden for this security-day


class Batcher:
    """Endless batches from a source; its `state` is all that resuming needs.

    A finite source begins again when it ends. `groups` are sets of features (depth, accounts, dark
    flow, quotes) each hidden from a security-day with probability `hide_share`, as some feeds lack
    them.
    """

    def __init__(
        self,
        source: Source,
        *,
        lanes: int,
        chunk: int = 256,
        carried_share: float = 0.5,
        reset_share: float = 0.05,
        groups: tuple[tuple[int, ...], ...] = (),
        hide_share: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.source, self.chunk = source, chunk
        self.carried_share, self.reset_share = carried_share, reset_share
        self.groups, self.hide_share = groups, hide_share
        self.rng = np.random.default_rng(seed)
        self.next_number = 0
        self.stream = source(0)
        self.lanes = [self._open() for _ in range(lanes)]

    def _open(self) -> Lane:
        sequence = next(self.stream, None)
        if sequence is None:
            self.next_number, self.stream = 0, self.source(0)
            sequence = next(self.stream, None)
            if sequence is None:
                raise ValueError("The source of training sequences is empty: yield at least one")
        starts = list(range(0, len(sequence.ts), self.chunk))
        carried = bool(self.rng.random() < self.carried_share)
        if not carried:
            starts = [int(s) for s in self.rng.permutation(starts)]
        lane = Lane(self.next_number, sequence, carried, starts)
        lane.hidden = [i for i in range(len(self.groups)) if self.rng.random() < self.hide_share]
        self.next_number += 1
        return lane

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches for ever."""
        while True:
            yield self.draw()

    def draw(self) -> Batch:
        """Return the next batch."""
        parts, resets = [], []
        for i, lane in enumerate(self.lanes):
            while not lane.starts:
                lane = self.lanes[i] = self._open()
            start = lane.starts.pop(0)
            resets.append(
                lane.fresh or not lane.carried or bool(self.rng.random() < self.reset_share)
            )
            lane.fresh = False
            parts.append(self._cut(lane, start))
        columns = [torch.cat([p[c] for p in parts]) for c in range(len(parts[0]))]
        zone, typology, real = columns[4:]
        return Batch(Frames(*columns[:4]), zone, typology, real, torch.tensor(resets))

    def _cut(self, lane: Lane, start: int) -> tuple[Tensor, ...]:
        sequence, stop = lane.sequence, min(start + self.chunk, len(lane.sequence.ts))
        values, mask, ts, trigger = frames_of(sequence, start, stop)
        for i in lane.hidden:
            mask[:, :, self.groups[i]], values[:, :, self.groups[i]] = 1.0, 0.0
        zone = torch.from_numpy(sequence.zone[start:stop].copy())[None]
        typology = torch.from_numpy(sequence.typology[start:stop].astype(np.int64))[None]
        real = torch.ones(1, stop - start, dtype=torch.bool)
        missing = self.chunk - (stop - start)
        columns = (values, mask, ts, trigger, zone, typology, real)
        if missing == 0:
            return columns
        return tuple(  # repeats nothing: zeros, marked unreal
            torch.cat([x, x.new_zeros(1, missing, *x.shape[2:])], 1) for x in columns
        )

    @property
    def state(self) -> dict[str, Any]:
        """Where the batcher stands, as plain values."""
        return {
            "next_number": self.next_number,
            "rng": self.rng.bit_generator.state,
            "lanes": [
                {
                    "number": lane.number,
                    "carried": lane.carried,
                    "starts": list(lane.starts),
                    "fresh": lane.fresh,
                    "hidden": list(lane.hidden),
                }
                for lane in self.lanes
            ],
        }

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        lanes = []
        for kept in state["lanes"]:
            sequence = next(self.source(kept["number"]))
            lane = Lane(kept["number"], sequence, kept["carried"], list(kept["starts"]))
            lane.fresh, lane.hidden = kept["fresh"], list(kept["hidden"])
            lanes.append(lane)
        self.lanes, self.next_number = lanes, state["next_number"]
        self.stream = self.source(self.next_number)
        self.rng.bit_generator.state = state["rng"]
