"""What scripted campaigns and look-alikes do, typology by typology, as tables of instructions.

A play is a list of instructions (operation, a, b, c, x, y) and of labels; a jump names a label in
place of b. Written from the definitions of the typologies alone. `tail` ends every cycle: it pulls
what still rests and begins another, until the planned cycles are done and the evidence is there.
"""

from typing import Final

from darkpool_watch.sim.assembly import Line, Play
from kernels.sim_cast import (
    CHASER,
    CLOSE,
    CLOSER,
    CROSSER,
    DISCOVERER,
    EXECUTOR,
    FLIP,
    FRONT,
    GENUINE,
    HEDGER,
    IGNITE,
    LARGE,
    LAYER,
    NBBO,
    PAINT,
    PING,
    QUOTER,
    REBALANCER,
    RESTARTER,
    REVERSER,
    SIZE,
    SKEWER,
    SPOOF,
    STALE,
    STANDER,
    STUFF,
    SWEEPER,
    WASH,
)
from kernels.sim_code import (
    AWAIT,
    BEHIND,
    BIG,
    CHECK,
    CHURN,
    CLEAR,
    COPY,
    COUNT,
    CYCLES,
    DARK,
    END,
    ENTER,
    HIT,
    IF_FILLED,
    IF_GOT,
    IF_LATE,
    IF_LIVE,
    IF_SHOWN,
    INSIDE,
    JUMP,
    LAYERS,
    LOOP,
    MARK,
    NEXT,
    OTHER,
    OWN,
    PART,
    PAUSE,
    PRINTS,
    PULL,
    PULLED,
    ROOM,
    SCALE,
    SNAP,
    SPAN,
    SWEEP,
    TALLY,
    TARGET,
    TOUCH,
    TURN,
    WAIT,
    WATCH,
)
from kernels.sim_code import SIZE as AMOUNT

_MS: Final = 1e6  # ns
_ANY: Final = 0  # any role
_HALF: Final = 1  # PULL: half of the large side is the evidence
_FILLS: Final = 1  # SWEEP: what it gets is the fill that was meant
_IOC, _REST = 1, 0
_ALL = 1  # DARK: all of it or nothing
_WHEN_GOT, _WHEN_COUNTED = 1, 2
_AS_NOTED: Final = 1  # CHECK: against the midpoint that ROOM noted
_BY_THEN: Final = 1  # WAIT: not past the deadline


def _brief(most_ms: float) -> Line:
    """Return a short wait: a share of the span, bounded."""
    return (WAIT, SPAN, 0, 0, 0.05, most_ms * _MS)


def _tail() -> Play:
    return [
        "tail",
        (IF_LIVE, _ANY, "clean"),
        (JUMP, 0, "swept"),
        "clean",
        (PULL, _ANY),
        _brief(40.0),
        (IF_LIVE, _ANY, "clean"),
        "swept",
        (IF_SHOWN, 0, "count"),
        (IF_LATE, 0, "out"),
        (JUMP, 0, "again"),
        "count",
        (LOOP, CYCLES, "again"),
        (JUMP, 0, "out"),
        "again",
        (WAIT, PAUSE, 0, 0, 1.0),
        (JUMP, 0, "cycle"),
        "out",
        (END,),
    ]


def _spoofing() -> Play:
    return [
        "cycle",
        (CLEAR,),
        (ENTER, GENUINE, OWN, INSIDE, AMOUNT),
        _brief(250.0),
        (COPY, COUNT, LAYERS),
        "layer",
        (ENTER, LARGE, OTHER, BEHIND, PART),
        _brief(15.0),
        (LOOP, COUNT, "layer"),
        (AWAIT, SPAN),
        (IF_FILLED, 0, "filled"),
        (IF_SHOWN, 0, "tail"),
        (PULL, GENUINE),
        _brief(5.0),
        (SWEEP, OWN, 1, _FILLS, AMOUNT),
        _brief(400.0),
        (IF_FILLED, 0, "filled"),
        (JUMP, 0, "tail"),
        "filled",
        (SNAP,),
        "pull",
        (PULL, LARGE, 0, _HALF),
        _brief(4.0),
        (IF_LIVE, LARGE, "pull"),
        (NEXT,),
        *_tail(),
    ]


def _quoting(layers_first: bool) -> Play:
    both: Play = [
        (ENTER, GENUINE, OWN, TOUCH, AMOUNT),
        _brief(20.0),
        (ENTER, LARGE, OTHER, TOUCH, PART),
        _brief(20.0),
    ]
    layers: Play = [
        (COPY, COUNT, LAYERS),
        "layer",
        (ENTER, LARGE, OTHER, BEHIND, PART),
        _brief(20.0),
        (ENTER, GENUINE, OWN, BEHIND, AMOUNT),
        _brief(20.0),
        (LOOP, COUNT, "layer"),
    ]
    first, second = (layers, both) if layers_first else (both, layers)
    return ["cycle", (CLEAR,), *first, *second, (AWAIT, SPAN), (TURN,), *_tail()]


def _flipping(most_ms: float) -> Play:
    return [
        "cycle",
        (CLEAR,),
        (ENTER, LARGE, OTHER, BEHIND, BIG),
        (WAIT, SPAN, 0, 0, 1.0),
        (IF_LIVE, LARGE, "flip"),
        (JUMP, 0, "tail"),
        "flip",
        (PULL, LARGE),
        (WAIT, SPAN, 0, 0, 0.3, most_ms * _MS),
        (ENTER, GENUINE, OWN, TOUCH, AMOUNT),
        (MARK,),
        (WAIT, PAUSE, 0, 0, 0.4),
        *_tail(),
    ]


def _bursting() -> Play:
    return [
        "cycle",
        (CLEAR,),
        (COPY, COUNT, TARGET),
        "burst",
        (CHURN,),
        (WAIT, PART, 0, 0, 1.0),
        (LOOP, COUNT, "burst"),
        *_tail(),
    ]


def _matching(prints: int, turning: bool) -> Play:
    return [
        "cycle",
        (CLEAR,),
        (ENTER, GENUINE, OWN, INSIDE, AMOUNT),
        _brief(150.0),
        (HIT,),
        (MARK, PRINTS, _WHEN_COUNTED, 0, prints),
        *([(TURN,), (NEXT,)] if turning else []),
        *_tail(),
    ]


def _pinging() -> Play:
    return [
        "cycle",
        (CLEAR,),
        "probe",
        (DARK, OWN, _IOC, 0, PART),
        (IF_GOT, 0, "found"),
        (IF_LATE, 0, "out"),
        (WAIT, SPAN, 0, 0, 0.2),
        (NEXT,),
        (JUMP, 0, "probe"),
        "found",
        (WAIT, SPAN, 0, 0, 0.1, 350.0 * _MS),
        (DARK, OWN, _IOC, 0, BIG),
        (MARK, 0, _WHEN_GOT),
        (IF_GOT, 0, "tail"),
        (SWEEP, OWN, 2, 0, BIG),
        (MARK, 0, _WHEN_GOT),
        *_tail(),
    ]


def _bisecting() -> Play:
    return [
        "cycle",
        (CLEAR,),
        (COPY, PART, BIG),
        (COPY, COUNT, TARGET),
        "step",
        (DARK, OWN, _IOC, _ALL, PART),
        (TALLY,),
        (MARK, PRINTS, _WHEN_COUNTED, 0, 3),
        (IF_GOT, 0, "more"),
        (SCALE, PART, 0, 0, 0.5),
        (JUMP, 0, "on"),
        "more",
        (SCALE, PART, 0, 0, 1.4),
        "on",
        (WAIT, SPAN, 0, 0, 0.3),
        (LOOP, COUNT, "step"),
        (SWEEP, OTHER, 1, 0, AMOUNT),
        *_tail(),
    ]


def _leading() -> Play:
    return [
        "cycle",
        (CLEAR,),
        (SWEEP, OWN, 1, 0, AMOUNT),
        (IF_GOT, 0, "lead"),
        (JUMP, 0, "tail"),
        "lead",
        _brief(300.0),
        (NEXT,),
        (DARK, OWN, _IOC, 0, BIG),
        (NEXT,),
        (IF_GOT, 0, "led"),
        (JUMP, 0, "tail"),
        "led",
        (TALLY,),
        (MARK, PRINTS, _WHEN_COUNTED, 0, 2),
        *_tail(),
    ]


def _chasing(then: Line) -> Play:
    return [
        "cycle",
        (CLEAR,),
        (WATCH, PAUSE),
        (IF_GOT, 0, "moved"),
        (JUMP, 0, "tail"),
        "moved",
        then,
        (CHECK,),
        (MARK, 0, _WHEN_GOT),
        *_tail(),
    ]


def _pinning() -> Play:
    return [
        "cycle",
        (CLEAR,),
        (ROOM,),
        (IF_GOT, 0, "wide"),
        (JUMP, 0, "tail"),
        "wide",
        (ENTER, LARGE, OTHER, INSIDE, AMOUNT),
        (WAIT, SPAN, 0, 0, 0.2, 400.0 * _MS),
        (NEXT,),
        (IF_LIVE, LARGE, "cross"),
        (JUMP, 0, "tail"),
        "cross",
        (DARK, OWN, _IOC, 0, BIG),
        (CHECK, 0, _AS_NOTED),
        (IF_GOT, 0, "crossed"),
        (JUMP, 0, "tail"),
        "crossed",
        (WAIT, SPAN, 0, 0, 0.2, 400.0 * _MS),
        (PULL, LARGE),
        (MARK, PULLED, _WHEN_COUNTED, 0, 1),
        *_tail(),
    ]


def _pushing(levels: int, back: bool) -> Play:
    reverse: Play = [
        (WAIT, SPAN, 0, 0, 0.3),
        (SWEEP, OTHER, 1, 0, BIG),
        (MARK, 0, _WHEN_GOT),
    ]
    return [
        "cycle",
        (CLEAR,),
        (COPY, COUNT, TARGET),
        "push",
        (SWEEP, OWN, levels, 0, AMOUNT),
        (NEXT,),
        (WAIT, SPAN, 0, 0, 0.2),
        (LOOP, COUNT, "push"),
        *(reverse if back else []),
        *_tail(),
    ]


def _closing() -> Play:
    return [
        (COPY, COUNT, TARGET),
        "push",
        (SWEEP, OWN, 2, 0, AMOUNT),
        (WAIT, PART, 0, _BY_THEN, 1.0),
        (IF_LATE, 0, "last"),
        (JUMP, 0, "push"),
        "last",
        (SWEEP, OWN, 2, 0, AMOUNT),
        (MARK, 0, _WHEN_GOT),
        (IF_GOT, 0, "out"),
        (WAIT, PART, 0, 0, 0.01, 40.0 * _MS),
        (LOOP, COUNT, "last"),
        "out",
        (END,),
    ]


def _simple(*lines: Line) -> Play:
    return ["cycle", (CLEAR,), *lines, *_tail()]


PLAYS: Final[dict[int, Play]] = {
    SPOOF: _spoofing(),
    LAYER: _spoofing(),
    FLIP: _flipping(9.0),
    STUFF: _bursting(),
    WASH: _matching(2, turning=True),
    PAINT: _matching(3, turning=False),
    PING: _pinging(),
    SIZE: _bisecting(),
    FRONT: _leading(),
    STALE: _chasing((DARK, OWN, _IOC, 0, AMOUNT)),
    NBBO: _pinning(),
    IGNITE: _pushing(3, back=True),
    CLOSE: _closing(),
    QUOTER: _quoting(layers_first=False),
    SKEWER: _quoting(layers_first=True),
    REVERSER: _flipping(1_500.0),
    RESTARTER: _bursting(),
    CROSSER: _matching(1, turning=True),
    REBALANCER: _pushing(1, back=False),
    SWEEPER: _simple((DARK, OWN, _IOC, 0, PART), _brief(60.0), (SWEEP, OWN, 2, 0, BIG), (NEXT,)),
    DISCOVERER: _simple((DARK, OWN, _REST, _ALL, BIG), (WAIT, SPAN, 0, 0, 1.0)),
    HEDGER: _simple(
        (SWEEP, OWN, 1, 0, AMOUNT), (WAIT, PAUSE, 0, 0, 0.5), (DARK, OTHER, _IOC, 0, BIG)
    ),
    CHASER: _chasing((SWEEP, OWN, 1, 0, AMOUNT)),
    STANDER: _simple(
        (ENTER, GENUINE, OTHER, INSIDE, AMOUNT), (AWAIT, SPAN), (DARK, OWN, _IOC, 0, BIG)
    ),
    EXECUTOR: _pushing(2, back=False),
    CLOSER: _closing(),
}
