"""Stage 5 in one object: scored frames in, decisions and episode updates out."""

import hashlib
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.config import DetectConfig
from darkpool_watch.detect.calibration import Calibration
from darkpool_watch.detect.episodes import (
    STATES,
    EpisodeUpdate,
    distribution_of,
    severity_of,
    typology_code,
)
from darkpool_watch.detect.settings import KIN_NAMES, config_hash, rules_of, settings_of
from darkpool_watch.model.scores import SCORE
from kernels.episode import (
    CLOSED,
    CONFIRMED,
    EPISODE,
    EXTENDED,
    KINS,
    OPENED,
    RETRACTED,
    clear,
    follow_frames,
    settle,
)
from kernels.threshold import CONDITIONS, DECISION, HEADS, TRACKER, decide_frames

FOREVER_NS = np.iinfo(np.int64).max


class Decision(NamedTuple):
    """What was decided on one frame."""

    p: float  # NaN where none is claimed
    rank: float  # -ln p without the floor
    flag: bool
    threshold: float  # anomaly score at which that head alone would flag
    state_hash: str  # of what the threshold knew when it decided
    calibrated: bool
    row: np.void  # DECISION; a view that the next call overwrites


class Detector:
    """Thresholds and episodes of `securities` dense rows.

    All state belongs to one security and is updated in the order of its own frames, so neither
    the interleaving of securities nor the size of a block changes a decision. Without a
    calibration each security first warms up and then decides with p-values that carry
    `calibrated` = 0.
    """

    def __init__(
        self, config: DetectConfig, calibration: Calibration | None, securities: int
    ) -> None:
        self.config = config
        self.calibration = calibration or Calibration.default(config)
        self.config_hash = config_hash(config)
        self._record = self.calibration.record
        self._settings = settings_of(config, self._record)
        self._rules = rules_of(config, self._record)
        self._identity = f"{self.config_hash}{self.calibration.hash}".encode()
        self._trackers = np.zeros(0, TRACKER)
        frames = 0 if self.calibration.calibrated else config.warmup_frames
        self._warmup = np.zeros((0, HEADS, frames))
        self._episodes = np.zeros((0, KINS), EPISODE)
        self._basis = np.zeros((0, KINS), DECISION)
        self._updates: list[EpisodeUpdate] = []
        self._score = np.zeros(1, SCORE)
        self._conditions = np.zeros((1, CONDITIONS), np.float32)
        self._status = np.zeros(1, np.uint8)
        self._out = np.zeros(1, DECISION)
        self.grow(securities)

    @property
    def securities(self) -> int:
        """Number of dense rows."""
        return len(self._trackers)

    def grow(self, securities: int) -> None:
        """Make room for `securities` rows; existing state is kept."""
        more = securities - self.securities
        if more <= 0:
            return
        fresh = np.zeros(more, TRACKER)
        fresh["base_scale"] = 1.0
        fresh["ready"] = self._record["calibrated"][0]
        fresh["floor_y"] = self._record["floor_y"][0]
        episodes = np.zeros((more, KINS), EPISODE)
        episodes["p"] = 1.0
        episodes["typology"] = -1
        self._trackers = np.concatenate([self._trackers, fresh])
        warmup = np.zeros((more, *self._warmup.shape[1:]))
        self._warmup = np.concatenate([self._warmup, warmup])
        self._episodes = np.concatenate([self._episodes, episodes])
        self._basis = np.concatenate([self._basis, np.zeros((more, KINS), DECISION)])

    def decide(
        self,
        score: np.void | NDArray[np.void],
        conditions: NDArray[np.float32],
        status: int = 0,
    ) -> Decision:
        """Decide on one frame, then learn from it.

        `score` is a SCORE row, `conditions` (10,), `status` the frame's bits (1 stale,
        2 warming). Updates of episodes wait in `drain`. Cost: below 15 us.
        """
        self._score[0] = score
        self._conditions[0] = conditions
        self._status[0] = status
        self._run(self._score, self._conditions, self._status, self._out)
        row = self._out[0]
        return Decision(
            float(row["p"]),
            float(row["rank"]),
            bool(row["flag"]),
            float(row["threshold"][0]),
            self.state_hash(row),
            bool(row["calibrated"]),
            row,
        )

    def decide_many(
        self,
        scores: NDArray[np.void],
        conditions: NDArray[np.float32],
        status: NDArray[np.uint8],
    ) -> NDArray[np.void]:
        """Decide on N frames in arrival order and return their DECISION (N,) rows.

        `scores` (N,) SCORE, `conditions` (N, 10) float32, `status` (N,) uint8. The same bits as N
        calls of `decide`.
        """
        out = np.zeros(len(scores), DECISION)
        # The kernels know one layout: writable and contiguous, not a view of someone's buffer.
        self._run(
            np.require(scores, SCORE, ["C", "W"]),
            np.require(conditions, np.float32, ["C", "W"]),
            np.require(status, np.uint8, ["C", "W"]),
            out,
        )
        return out

    def _run(
        self,
        scores: NDArray[np.void],
        conditions: NDArray[np.float32],
        status: NDArray[np.uint8],
        out: NDArray[np.void],
    ) -> None:
        decide_frames(
            scores,
            conditions,
            status,
            self._record,
            self._settings,
            self._trackers,
            self._warmup,
            out,
        )
        self.follow(out)

    def follow(self, decisions: NDArray[np.void]) -> None:
        """Let decided frames, DECISION (N,), speak for episodes; thresholds learn nothing.

        For decisions taken before: what another evidence threshold or cooldown would have told.
        """
        frame, count = 0, len(decisions)
        while frame < count:
            frame, absorbed = follow_frames(decisions, frame, count, self._episodes, self._rules)
            if frame < count:
                security = int(decisions["security"][frame])
                self._tell(security, decisions[frame] if absorbed else None)
                frame += absorbed

    def drain(self) -> list[EpisodeUpdate]:
        """Return the updates since the last call, in the order they happened."""
        updates, self._updates = self._updates, []
        return updates

    def open_securities(self) -> list[int]:
        """Return the securities that time alone may still have something to tell of."""
        return [int(s) for s in np.flatnonzero(self._episodes["open"].any(axis=1))]

    def advance(self, security: int, ts: int) -> None:
        """Tell what event time `ts` (ns) of a security settles without a frame of its own.

        Only for times that no later frame of the security can precede. What is told does not
        depend on whether or when this is called, only how early it is known.
        """
        if settle(self._episodes[security], ts, self._rules[0]):
            self._tell(security, None)

    def finish(self) -> list[EpisodeUpdate]:
        """Settle every open episode as if the day went on in silence, and return the updates."""
        for security in range(self.securities):
            self.advance(security, FOREVER_NS)
        return self.drain()

    def roll(self, security: int) -> None:
        """Open a new session of a security: settle its episodes and forget their evidence.

        The slow tracker is kept; it outlives campaigns and so days.
        """
        self.advance(security, FOREVER_NS)
        for k in range(KINS):
            clear(self._episodes[security, k])

    def state_hash(self, row: np.void) -> str:
        """Return 16 hex digits of what the threshold knew when it decided `row`, a DECISION.

        Tracker, warm-up location and scale, calibration and config: with the conditions they
        give the threshold again.
        """
        digest = hashlib.blake2b(self._identity, digest_size=8)
        digest.update(row["offset"].tobytes())
        digest.update(row["base_location"].tobytes())
        digest.update(row["base_scale"].tobytes())
        return digest.hexdigest()

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Return a copy of all state as plain byte arrays by name."""
        state = {
            "trackers": self._trackers,
            "warmup": self._warmup,
            "episodes": self._episodes,
            "basis": self._basis,
        }
        return {name: np.frombuffer(a.tobytes(), np.uint8).copy() for name, a in state.items()}

    def restore(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Take the state that `snapshot` gave back, of a detector with the same calibration."""
        self._trackers = np.frombuffer(state["trackers"].tobytes(), TRACKER).copy()
        count = len(self._trackers)
        warmup = np.frombuffer(state["warmup"].tobytes(), np.float64).copy()
        self._warmup = warmup.reshape(count, *self._warmup.shape[1:])
        episodes = np.frombuffer(state["episodes"].tobytes(), EPISODE).copy()
        self._episodes = episodes.reshape(count, KINS)
        self._basis = np.frombuffer(state["basis"].tobytes(), DECISION).copy().reshape(count, KINS)
        self._updates = []

    def _tell(self, security: int, decision: np.void | None) -> None:
        """Turn the pending marks of a security into updates and clear what ended."""
        rows = self._episodes[security]
        found: list[EpisodeUpdate] = []
        for k in np.flatnonzero(rows["pending"]):
            row = rows[k]
            pending = int(row["pending"])
            row["pending"] = 0
            if decision is not None:
                self._basis[security, k] = decision
            for mark in (OPENED, EXTENDED, CONFIRMED, RETRACTED, CLOSED):
                if pending & mark:
                    found.append(self._update(security, int(k), mark))
                    row["updates"] += 1
            if pending & (RETRACTED | CLOSED):
                clear(row)
        self._updates += sorted(found, key=lambda update: update.ts)

    def _update(self, security: int, k: int, mark: int) -> EpisodeUpdate:
        row = self._episodes[security, k]
        basis = self._basis[security, k]
        happened = {
            OPENED: "opened_ts",
            EXTENDED: "last_ts",
            CONFIRMED: "judge_ts",
            RETRACTED: "judge_ts",
            CLOSED: "close_ts",
        }[mark]
        needed = float(self._rules["evidence"][0])
        return EpisodeUpdate(
            state=STATES[mark],
            number=int(row["updates"]),
            security=security,
            kin=KIN_NAMES[k],
            typology=typology_code(int(row["typology"])),
            severity=severity_of(float(row["peak"]) / needed),
            severity_at_opening=severity_of(float(row["peak_at_opening"]) / needed),
            distribution=distribution_of(row["mass"]),
            ts=int(row[happened]),
            arrival=int(row["last_arrival"]),
            start_ts=int(row["start_ts"]),
            start_arrival=int(row["start_arrival"]),
            opened_ts=int(row["opened_ts"]),
            opened_arrival=int(row["opened_arrival"]),
            last_ts=int(row["last_ts"]),
            exceedances=int(row["exceedances"]),
            evidence=float(row["peak"]),
            evidence_needed=needed,
            p=float(row["p"]),
            p_floor=math.exp(-float(self._trackers["floor_y"][security])),
            rank=float(row["rank"]),
            frame_arrival=int(basis["arrival"]),
            frame_ts=int(basis["ts"]),
            scores=_three(basis["scores"]),
            head_p=_three(np.exp(-basis["surprise"])),
            threshold=_three(basis["threshold"]),
            location=_three(basis["location"]),
            scale=_three(basis["scale"]),
            own_effect=_three(basis["own_effect"]),
            offset=_three(basis["offset"]),
            regime=int(basis["regime"]),
            conditions=tuple(basis["conditions"].tolist()),
            flag_p=self.config.flag_p,
            state_hash=self.state_hash(basis),
            modality=tuple(basis["modality"].tolist()),
            ranges=tuple(basis["ranges"].tolist()),
            status=int(basis["status"]),
            calibrated=bool(basis["calibrated"]),
            calibration_hash=self.calibration.hash,
            config_hash=self.config_hash,
        )


def _three(values: NDArray[np.floating]) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return first, second, third
