"""Timers of one security: a binary heap that knows where each timer lies, so none goes stale.

A timer's number is its owner (an order slot, an agent, the fundamental); setting it again moves
it. Ties go to the lower number, so the order of events never depends on the heap's history.
"""

from kernels.jit import kernel


@kernel
def _before(m, a, b):
    """Return whether timer a is due before timer b."""
    ts_a = m["due"][a]
    ts_b = m["due"][b]
    return ts_a < ts_b or (ts_a == ts_b and a < b)


@kernel
def _rise(m, place, timer):
    """Move the hole at `place` up to where `timer` belongs and put it there."""
    while place > 0:
        above = (place - 1) >> 1
        other = m["heap"][above]
        if not _before(m, timer, other):
            break
        m["heap"][place] = other
        m["places"][other] = place
        place = above
    m["heap"][place] = timer
    m["places"][timer] = place


@kernel
def _sink(m, place, timer):
    """Move the hole at `place` down to where `timer` belongs and put it there."""
    count = m["armed"]
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and _before(m, m["heap"][child + 1], m["heap"][child]):
            child += 1
        other = m["heap"][child]
        if not _before(m, other, timer):
            break
        m["heap"][place] = other
        m["places"][other] = place
        place = child
    m["heap"][place] = timer
    m["places"][timer] = place


@kernel
def clear_timer(m, timer):
    """Forget a timer; nothing happens where it is not set."""
    place = m["places"][timer]
    if place < 0:
        return
    m["armed"] -= 1
    m["places"][timer] = -1
    last = m["heap"][m["armed"]]
    if last != timer:
        if place > 0 and _before(m, last, m["heap"][(place - 1) >> 1]):
            _rise(m, place, last)
        else:
            _sink(m, place, last)


@kernel
def set_timer(m, timer, ts):
    """Let a timer be due at `ts`, in place of when it was due before."""
    clear_timer(m, timer)
    m["due"][timer] = ts
    m["armed"] += 1
    _rise(m, m["armed"] - 1, timer)
