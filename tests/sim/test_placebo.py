"""Orders re-sent through the injector leave no trace on the tape: it is the same to the byte."""

import msgspec
import numpy as np

from darkpool_watch.sim.market import SimConfig
from kernels.sim_cast import PLACEBO
from tests.sim.conftest import record

PLAIN = SimConfig(
    seed=5,
    securities=4,
    seconds=1_200.0,
    accounts=24,
    campaigns_per_hour=20.0,
    lookalikes_per_hour=20.0,
    regime="normal",
)


def test_the_tape_with_placebos_is_the_tape_without() -> None:
    plain = record(PLAIN)
    tape = record(msgspec.structs.replace(PLAIN, placebos_per_hour=240.0))
    assert tape.events.tobytes() == plain.events.tobytes()
    assert tape.labels.tobytes() == plain.labels.tobytes()
    assert tape.simulator.campaigns == plain.simulator.campaigns
    assert tape.simulator.lookalikes == plain.simulator.lookalikes

    planned = tape.simulator.planned
    resent = 0
    for s in range(PLAIN.securities):
        cast = planned[planned["security"] == s]
        for a in np.flatnonzero(cast["code"] == PLACEBO):
            own = tape.events[(tape.security == s + 1) & (tape.senders == a)]
            ts = own["ts_event"]
            if not cast["mode"][a]:
                assert not len(own)
                continue
            resent += len(own)
            assert (ts >= cast["planned"][a]).all()
            assert (ts <= cast["planned"][a] + cast["span"][a]).all()
            accounts = cast["accounts"][a]
            assert (
                np.isin(own["account"], accounts) | np.isin(own["contra_account"], accounts)
            ).all()
    assert resent > 1_000
