"""Episodes over one listing's recorded events: one pass, each episode on its own.

Episodes do not know of one another, so of those that survive the tape only such are kept as never
have orders resting at the same time.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from darkpool_watch.overlay.book import Book
from darkpool_watch.overlay.desk import NO_ORDER, Desk, Dropped
from darkpool_watch.overlay.habits import Habits, columns
from darkpool_watch.overlay.patterns import PATTERNS, Plan, Steps, draw_plan
from kernels.layout import ADD

OVERLAP: Final = "another episode had orders resting"
ENDED: Final = "the tape ended"
PRINTED: Final = "a pool printed by a quote that an own order had moved"
ROUNDS: Final = 10  # passes over the tape in search of room for what is still wanted
_LEAST: Final = 12  # candidates of a kind in a pass, so that the last wanted ones are found too
_SPARE: Final = 3  # candidates for each episode wanted: most meet a recorded event
_JITTER_NS: Final = 1e8  # a start lies about this long after a recorded event

Spans = list[tuple[int, int]]


@dataclass
class Episode:
    """One campaign or look-alike of one listing, on its own book desk."""

    plan: Plan
    start: int  # ns, its first step
    desk: Desk
    steps: Steps
    dropped: str = ""  # why it cannot have happened

    def spans(self) -> Spans:
        """Return from when to when own orders rest, ns; a hidden print is an instant."""
        spans: Spans = []
        left: dict[int, int] = {}
        for row in self.desk.rows:
            begins = spans.pop()[0] if left else row.ts
            if row.order != NO_ORDER:
                more = row.size if row.kind == ADD else -row.size
                left[row.order] = left.get(row.order, 0) + more
                if left[row.order] == 0:
                    del left[row.order]
            spans.append((begins, row.ts))
        return spans


class Stage:
    """One listing's recorded events, and the episodes that have found room among them.

    Attributes:
        kept: episodes that happened, in the order in which they were drawn.
        dropped: how many candidates of each kind fell to each reason.
    """

    def __init__(
        self,
        events: NDArray[np.void],  # (N,) EVENT of the listing
        clock: NDArray[np.int64],  # (N,) ns, never running backwards
        habits: Habits,
        seed: tuple[int, ...],
        printed: NDArray[np.int64],  # (P,) ns, sorted: when pools printed, and by which quote
    ) -> None:
        self.habits = habits
        self.printed = printed
        self.kept: list[Episode] = []
        self.dropped: dict[str, Counter[str]] = {}
        self._columns = columns(events)
        self._clock: list[int] = clock.tolist()
        self._seed = seed
        self._drawn = 0
        self._spans: Spans = []

    def fill(
        self,
        wanted: dict[str, int],
        stealth: tuple[float, float],
        progress: Callable[[int], None] = lambda _: None,
    ) -> Counter[str]:
        """Keep as many episodes of each kind as are wanted, and return how many are missing.

        `progress` is told how many events of the pass are done, pass after pass.
        """
        missing = Counter(wanted)
        for _ in range(ROUNDS):
            if not missing.total():
                break
            kinds = sorted(
                kind for kind, n in missing.items() for _ in range(max(_SPARE * n, _LEAST))
            )
            rng = np.random.default_rng((*self._seed, self._drawn))
            candidates = [self._draw(kinds[i], stealth) for i in rng.permutation(len(kinds))]
            self._play(candidates, progress)
            for one in candidates:
                kind = one.plan.kind
                if missing[kind] > 0 and self._keep(one):
                    missing[kind] -= 1
                elif missing[kind] > 0:
                    self.dropped.setdefault(kind, Counter())[one.dropped] += 1
            missing = +missing
        return missing

    def _draw(self, kind: str, stealth: tuple[float, float]) -> Episode:
        """Return a candidate; its start follows the recorded events' times."""
        self._drawn += 1
        rng = np.random.default_rng((*self._seed, self._drawn))
        plan = draw_plan(rng, kind, stealth)
        desk = Desk(Book(), self.habits, rng)
        start = self._clock[int(rng.integers(len(self._clock)))]
        start += int(rng.exponential(_JITTER_NS))
        return Episode(plan, start, desk, PATTERNS[kind](desk, plan))

    def _keep(self, one: Episode) -> bool:
        """Keep a survivor that rests at no time when a kept one does; return whether it is kept."""
        if not one.dropped:
            spans = one.spans()
            moved = np.array(one.desk.moved, np.int64).reshape(-1, 2)
            begins = np.searchsorted(self.printed, moved[:, 0], side="left")
            ends = np.searchsorted(self.printed, moved[:, 1], side="right")
            if (ends > begins).any():
                one.dropped = PRINTED
            elif _overlap(spans, self._spans):
                one.dropped = OVERLAP
            else:
                self.kept.append(one)
                self._spans = sorted(self._spans + spans)
        return not one.dropped

    def _play(self, candidates: list[Episode], progress: Callable[[int], None]) -> None:
        """Let every candidate act on the recorded events, each as if alone."""
        book = Book()
        due = [(one.start, i) for i, one in enumerate(candidates)]
        heapq.heapify(due)
        for one in candidates:
            one.desk.book = book
        resting: dict[int, Episode] = {}
        for row, event in enumerate(self._columns):
            while due and due[0][0] < self._clock[row]:
                ts, i = heapq.heappop(due)
                one = candidates[i]
                if not one.dropped:
                    wait = self._step(one, ts, row - 1)
                    if wait is not None:
                        heapq.heappush(due, (ts + max(1, wait), i))
                if one.desk.live and not one.dropped:
                    resting[i] = one
                else:
                    resting.pop(i, None)
            for i, one in list(resting.items()):
                try:
                    one.desk.check_before(event)
                except Dropped as reason:
                    one.dropped = str(reason)
                    del resting[i]
            book.apply(event, row)
            for i, one in list(resting.items()):
                try:
                    one.desk.check_after(self._clock[row])
                except Dropped as reason:
                    one.dropped = str(reason)
                    del resting[i]
            if row & 0xFFF == 0:
                progress(row)
        for _, i in due:
            candidates[i].dropped = candidates[i].dropped or ENDED

    def _step(self, one: Episode, ts: int, row: int) -> int | None:
        """Let an episode act at `ts`; return how long it waits, None where it is over."""
        one.desk.now, one.desk.row = self.habits.on_clock(ts), row
        try:
            wait = next(one.steps, None)
            one.desk.check_after(one.desk.now)
        except Dropped as reason:
            one.dropped = str(reason)
            return None
        return wait


def _overlap(spans: Iterable[tuple[int, int]], others: Spans) -> bool:
    """Return whether any two spans share an instant."""
    return any(a <= d and c <= b for a, b in spans for c, d in others)
