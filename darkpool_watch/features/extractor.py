"""Stage 3: observations in, frames out; owns the state and the buffers of the feature kernels."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from darkpool_watch.config import FeatureConfig
from darkpool_watch.features.catalog import FINGERPRINT, check_fingerprint, check_pin, scaled_by
from darkpool_watch.features.drift import Drift, drift_of
from darkpool_watch.features.frames import CONDITIONS, Frames
from darkpool_watch.features.history import BYTES as HISTORY_BYTES
from darkpool_watch.features.history import history_state, measures_of, name_security
from darkpool_watch.features.normaliser import Normaliser
from kernels.account_layout import BYTES as ACCOUNT_BYTES
from kernels.accounts import new_account_state
from kernels.conditions import ABSENT, PEER_FIELDS, ConditionState
from kernels.extract import CLOSING_NS, ExtractState, FrameArrays, extract, forget_security
from kernels.history import FROM, NAMED, NOT_YET, OWN_ROW, UNTIL, start_day
from kernels.layout import FEATURES
from kernels.normalise import NormaliserState
from kernels.profile import PROFILE, start_profile
from kernels.slots import BYTES as WINDOW_BYTES
from kernels.slots import LAST_TS, LATE_EVENTS, SESSION_CLOSE, SESSION_OPEN, TICK
from kernels.windows import window_state

Array = npt.NDArray[Any]
WINDOW_BUDGET: Final = 65_536  # bytes a security
ACCOUNT_BUDGET: Final = 65_536
BLOCK: Final = 256  # observations the buffers start with room for


class Memory(NamedTuple):
    """Bytes a security."""

    windows: int  # budget 65,536
    accounts: int  # budget 65,536
    statistics: int  # reference statistics, the day's and earlier days' feature statistics


class Extractor:
    """The feature stage: `extract` takes a block of observations and returns the frames they owe.

    Securities are dense rows from 0; those never defined have a tick of 0.01 and UTC days. The
    result does not depend on how observations are cut into blocks.
    """

    def __init__(
        self, config: FeatureConfig, securities: int, normaliser: Normaliser | None = None
    ) -> None:
        check_pin(config.catalog)
        self.config = config
        self.normaliser = normaliser or Normaliser.default()
        self._state = self._empty(securities)
        self._resize(BLOCK)

    @property
    def securities(self) -> int:
        """How many securities there is room for."""
        return len(self._state.waited)

    @property
    def late_events(self) -> int:
        """How many observations were older than their security's clock."""
        return int(self._state.windows.i[:, LATE_EVENTS].sum())

    def define(
        self,
        security: int,
        *,
        tick: int = 10_000_000,
        session_open_ns: int = 0,
        session_close_ns: int = 0,
        names: tuple[str, ...] = (),
    ) -> None:
        """Say what a security is: tick in 1e-9 currency, its session, and its `names`.

        The first of `names` (symbol, class) that the normaliser knows gives its history; of a
        security without, the class is told from its first minutes. Sessions
        repeat daily until defined anew; without bounds they are UTC days. May be repeated when a
        session or tick changes.
        """
        if security >= self.securities:
            self.grow(max(security + 1, 2 * self.securities))
        st = self._state
        fields, place = st.windows.i[security], st.history.place[security]
        fields[TICK] = max(tick, 1)
        if session_close_ns > session_open_ns:
            amended = (fields[SESSION_OPEN], fields[SESSION_CLOSE]) != (
                session_open_ns, session_close_ns,
            )  # fmt: skip
            if amended and fields[LAST_TS] >= session_open_ns:
                place[[UNTIL, FROM]] = NOT_YET  # the half-hours of a running session moved
            fields[SESSION_OPEN], fields[SESSION_CLOSE] = session_open_ns, session_close_ns
            closing = max(session_open_ns, session_close_ns - CLOSING_NS)
            st.accounts.tables["closing_from"][security] = closing
        row, own = self.normaliser.row_of(*names)
        if (place[NAMED], place[OWN_ROW]) != (row, own):
            name_security(security, row, own, st.history, st.windows.profile)
            start_day(security, st.history, st.normaliser)

    def extract(self, observations: Array) -> Frames:
        """Take observations (N,) OBSERVATION in arrival order and return the frames they owe.

        The frames are views, valid until the next call.
        """
        n = len(observations)
        if n > len(self._out.ts):
            self._resize(n)
        if n and (last := int(observations["security"].max())) >= self.securities:
            self.grow(max(last + 1, 2 * self.securities))
        k = extract(
            observations, self.config.stride, self.config.informative, self._state, self._out
        )
        out, status = self._out, self._status[:k]
        status[:] = 0
        return Frames(
            out.arrival[:k], out.ts[:k], out.security[:k], out.trigger[:k], status,
            out.values[:k], out.mask[:k], out.conditions[:k], out.raw[:k],
        )  # fmt: skip

    def reset(self, security: int) -> None:
        """Forget what was seen of a security, after its data was lost; its statistics stay."""
        forget_security(security, self._state)

    def grow(self, securities: int) -> None:
        """Make room for more securities; what is known of the others stays."""
        old = self._state
        new = self._empty(securities)
        for name, array in _arrays(new).items():
            kept = _arrays(old)[name]
            array[: len(kept)] = kept
        self._state = new

    def snapshot(self) -> dict[str, Array]:
        """Return a copy of all state, one array a name."""
        out = {name: array.copy() for name, array in _arrays(self._state).items()}
        out["catalog"] = np.frombuffer(FINGERPRINT.encode(), np.uint8).copy()
        return out

    def restore(self, snapshot: Mapping[str, Array]) -> None:
        """Take over a snapshot; raises CheckpointError when it is of another catalogue."""
        check_fingerprint(snapshot["catalog"].tobytes().decode(), "Snapshot")
        self._state = self._empty(len(snapshot["waited"]))
        for name, array in _arrays(self._state).items():
            array[:] = snapshot[name]

    def drift(self, security: int) -> Drift:
        """Return how far the security's day lies from its history, so far."""
        return drift_of(self._state.normaliser, security)

    def measures(self, security: int) -> npt.NDArray[np.float64]:
        """Return the price, spread and rate that told the security's class; NaN where none did."""
        return measures_of(self._state.history, security)

    def memory(self) -> Memory:
        """Return the bytes a security takes, beside budgets of 64 KB each for the first two."""
        statistics = 8 * PROFILE + 6 * FEATURES * 4 + 8 * (PEER_FIELDS + 1) + HISTORY_BYTES
        return Memory(WINDOW_BYTES, ACCOUNT_BYTES, statistics)

    def _empty(self, securities: int) -> ExtractState:
        profile = np.zeros((securities, PROFILE))
        for s in range(securities):
            start_profile(s, profile)
        windows = window_state(profile)
        windows.i[:, TICK] = 10_000_000
        state = ExtractState(
            windows,
            new_account_state(securities, profile),
            ConditionState(
                np.full((securities, PEER_FIELDS), ABSENT, np.int64),
                np.zeros((2, PEER_FIELDS), np.int64),
            ),
            NormaliserState(
                np.zeros((securities, 3, FEATURES), np.float32),
                np.zeros((securities, 3, FEATURES), np.float32),
                np.array(scaled_by("log1p"), np.int64),
                np.array(scaled_by("asinh"), np.int64),
                np.zeros(FEATURES),
            ),
            history_state(self.normaliser, securities),
            np.zeros(securities, np.int64),
            np.zeros(FEATURES),
        )
        for s in range(securities):
            start_day(s, state.history, state.normaliser)
        return state

    def _resize(self, n: int) -> None:
        """Make the frame buffers long enough for a block of `n` observations."""
        self._out = FrameArrays(
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int32),
            np.zeros(n, np.uint8),
            np.zeros((n, FEATURES), np.float32),
            np.zeros((n, FEATURES), np.uint8),
            np.zeros((n, len(CONDITIONS)), np.float32),
            np.zeros((n, FEATURES), np.float32),
        )
        self._status = np.zeros(n, np.uint8)


def _arrays(state: ExtractState) -> dict[str, Array]:
    """Return all arrays that carry state, by name; the sums over peers last."""
    windows = state.windows
    return {
        "windows.f": windows.f,
        "windows.i": windows.i,
        "profile": windows.profile,
        "accounts": state.accounts.tables,
        "conditions.last": state.conditions.last,
        "normaliser.usual": state.normaliser.usual,
        "normaliser.live": state.normaliser.live,
        "history.place": state.history.place,
        "history.own": state.history.own,
        "history.flows": state.history.flows,
        "history.base": state.history.base,
        "history.measured": state.history.measured,
        "waited": state.waited,
        "conditions.sums": state.conditions.sums,
    }
