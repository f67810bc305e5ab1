"""Plain twin of one security's episodes: a list of what happened, straight from the rules."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass
class Excursion:
    """One kin group's evidence."""

    evidence: float = 0.0
    exceedances: int = 0
    reported: int = 0
    peak: float = 0.0
    opened: int | None = None
    last: int = 0
    judged: bool = False


class Episodes:
    """Follows decided frames; `told` is (state, kin, event time) in order."""

    def __init__(self, rules: Any) -> None:
        self.rules = rules
        self.kins = [Excursion() for _ in range(9)]
        self.ts: int | None = None
        self.told: list[tuple[str, int, int]] = []

    def settle(self, now: int) -> None:
        due: list[tuple[int, str, int]] = []
        r = self.rules
        for k, e in enumerate(self.kins):
            if e.opened is None:
                continue
            judge = e.opened + int(r["hindsight_ns"][self.named(k)])
            if not e.judged and now > judge:
                e.judged = True
                kept = e.exceedances >= r["confirm_exceedances"] or e.peak >= 2 * r["evidence"]
                due.append((judge, "confirmed" if kept else "retracted", k))
                if not kept:
                    self.kins[k] = Excursion()
                    continue
            close = e.last + int(r["cooldown_ns"])
            if e.judged and now > close:
                due.append((close, "closed", k))
                self.kins[k] = Excursion()
        self.told += [(state, k, ts) for ts, state, k in sorted(due, key=lambda d: d[0])]

    def named(self, kin: int) -> int:
        """Index of the hindsight window: tests give all typologies of a kin the same one."""
        members = [t for t in range(13) if self.rules["kin"][t] == kin]
        return members[0] if members else 13

    def frame(
        self, ts: int, p: float, rank: float, flag: bool, typology: int, supervised: float
    ) -> None:
        """Settle what is due, then let one frame speak; `supervised`: -ln p of that head."""
        self.settle(ts)
        r = self.rules
        kin = 8 if typology < 0 or supervised < r["drift"] else int(r["kin"][typology])
        elapsed = 0 if self.ts is None else max(ts - self.ts, 0)
        self.ts = ts
        gain = 0.0 if math.isnan(p) else -math.log(p) - float(r["drift"])
        for k, e in enumerate(self.kins):
            decayed = e.evidence * math.exp(-elapsed / float(r["decay_ns"]))
            if gain <= 0.0 or k != kin:
                e.evidence = max(0.0, decayed + min(gain, 0.0))
                continue
            if decayed <= 0.0 and e.opened is None:
                e = self.kins[k] = Excursion()
            e.evidence = decayed + gain
            e.exceedances += flag
            alone = rank - float(r["drift"]) if flag else 0.0
            e.peak = max(e.peak, e.evidence, alone)
            if e.opened is None:
                if max(e.evidence, alone) >= r["evidence"]:
                    e.opened, e.last, e.reported = ts, ts, e.exceedances
                    self.told.append(("opened", k, ts))
            elif flag:
                e.last = ts
                if e.exceedances >= 2 * max(e.reported, 1):
                    e.reported = e.exceedances
                    self.told.append(("extended", k, ts))
