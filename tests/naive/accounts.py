"""The account families from plain lists and dicts: unbounded tables, exact decay, no landmarks.

Every contribution is kept for ever with its own time and is weighted anew at each reading, so
nothing here can drift, be evicted or depend on when a row was read.
"""

import math
from collections import defaultdict

import numpy as np

from kernels.layout import (
    ASK,
    BID,
    CLEAR,
    CONDITIONAL,
    DARK,
    EXECUTE,
    FOK,
    HIDDEN,
    IOC,
    MIDPOINT_PEG,
    REPLACE,
    UNDEFINED_PRICE,
)

TAU_NS = (100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000)
NOT_SHOWN = DARK | HIDDEN | MIDPOINT_PEG | IOC | FOK | CONDITIONAL
OTHER = {BID: ASK, ASK: BID}
BASES = (192, 196, 200, 216, 220, 224, 232, 236)


def weight(now: int, ts: int, k: int) -> float:
    return 2.0 ** (-(now - ts) / (TAU_NS[k] / 2))


def decayed(entries: list, now: int, k: int) -> float:
    """Return the decayed sum of (ts, value) entries."""
    return math.fsum(value * weight(now, ts, k) for ts, value in entries)


class NaiveAccounts:
    """One security's accounts."""

    def __init__(self, p10: float, p90: float, reference_p95: float) -> None:
        self.p10, self.p90, self.reference_p95 = p10, p90, reference_p95
        self.seen: list[int] = []
        self.levels: dict = {}  # (account, side, price) -> [since, orders]
        self.cancelled = defaultdict(list)  # (account, side) -> [(ts, quantity)]
        self.filled = defaultdict(list)
        self.delays = [[], [], [], []]  # a window: [(ts, ln seconds)]
        self.entered = defaultdict(list)  # account -> [(ts, 1)]
        self.probed = defaultdict(list)
        self.marked = defaultdict(int)  # (account, size, ts) -> IOC or minimum-quantity orders
        self.dark: list = []  # [(ts, quantity)]
        self.led = [[], [], [], []]
        self.gamed = [[], [], [], []]
        self.lit: dict = {}  # (group, side) -> ts of its last lit execution
        self.moves: dict = {}  # group -> {ts, base, far, fills}
        self.traded = defaultdict(list)  # (buyer, seller) -> [(ts, quantity)]
        self.self_matched: list = []
        self.matched: list = []
        self.ledger: dict = {}  # account -> {bought, sold, dark, led, counterparties}

    # Events ------------------------------------------------------------------------------------

    def see(self, o) -> None:
        o = {name: o[name].item() for name in o.dtype.names}
        if o["kind"] == CLEAR:
            self.levels.clear()
        if o["nbbo_changed"] and o["quoted"]:
            self.follow_midpoint(o)
        if o["account"] == 0 and o["contra_account"] == 0:
            return
        self.seen.append(o["ts"])
        if o["traded"] > 0:
            self.trade(o)
        elif o["account"]:
            self.order(o)

    def follow_midpoint(self, o) -> None:
        taker = o["kind"] == EXECUTE
        known = o["contra_account"] if taker else o["account"]
        group = (o["contra_group"] if taker else o["group"]) if known else 0
        undone = False
        for mover, move in list(self.moves.items()):
            age = o["ts"] - move["ts"]
            reverted = (o["mid2"] - move["base"]) / (move["far"] - move["base"]) <= 0.5
            if age > TAU_NS[3] or reverted:
                del self.moves[mover]
            if age <= TAU_NS[3] and reverted:
                undone = undone or mover == group
                for k in range(4):
                    if age <= TAU_NS[k]:
                        self.gamed[k] += move["fills"]
        changed = o["mid2"] - o["mid2_before"]
        quoted = o["bid0"] != UNDEFINED_PRICE and o["ask0"] != UNDEFINED_PRICE
        if not group or undone or o["dark"] or not quoted or changed == 0:
            return
        move = self.moves.get(group)
        if move is None:
            self.moves[group] = {
                "ts": o["ts"],
                "base": o["mid2_before"],
                "far": o["mid2"],
                "fills": [],
            }
        elif (changed > 0) == (move["far"] > move["base"]):
            move["ts"] = o["ts"]
            move["far"] = (
                max(move["far"], o["mid2"]) if changed > 0 else min(move["far"], o["mid2"])
            )

    def order(self, o) -> None:
        account, side, ts = o["account"], o["side"], o["ts"]
        if o["removed"] > 0 and o["dark"]:
            self.maybe_probe(o)
        elif o["removed"] > 0 and side:
            self.cancelled[account, side].append((ts, o["removed"]))
            fills = self.filled[account, OTHER[side]]
            if fills and (o["order_size"] or o["removed"]) >= self.p90:
                delay = ts - fills[-1][0]
                for k in range(4):
                    if delay <= TAU_NS[k]:
                        self.delays[k].append((ts, math.log(max(delay * 1e-9, 1e-6))))
            if o["kind"] == REPLACE or o["order_left"] == 0:
                price = o["old_price"] if o["kind"] == REPLACE else o["price"]
                self.release(account, side, price)
        if o["added"] > 0 and o["dark"]:
            self.entered[account].append((ts, 1))
            if o["flags"] & (IOC | FOK) or o["min_quantity"] > 0:
                self.marked[account, o["added"], ts] += 1
        elif o["added"] > 0 and side and o["price"] != UNDEFINED_PRICE:
            through = (
                o["ask0"] != UNDEFINED_PRICE and o["price"] >= o["ask0"]
                if side == BID
                else o["bid0"] != UNDEFINED_PRICE and o["price"] <= o["bid0"]
            )
            if not through and not o["flags"] & NOT_SHOWN:
                self.levels.setdefault((account, side, o["price"]), [ts, 0])[1] += 1

    def release(self, account, side, price) -> None:
        level = self.levels.get((account, side, price))
        if level is not None:
            level[1] -= 1
            if level[1] == 0:
                del self.levels[account, side, price]

    def maybe_probe(self, o) -> None:
        size, age = o["order_size"], o["age"]
        if not 0 <= age < 50_000_000 or size <= 0 or o["removed"] != size:
            return
        key = (o["account"], size, o["ts"] - age)
        marked = self.marked[key] > 0
        self.marked[key] -= marked
        if marked or size <= self.p10 or o["flags"] & (IOC | FOK):
            self.probed[o["account"]].append((o["ts"] - age, 1))

    def trade(self, o) -> None:
        ts, quantity = o["ts"], o["traded"]
        side = BID
        if o["kind"] == EXECUTE:
            side = o["side"]
            if not side:
                return
            if o["account"] and not o["dark"] and o["order_size"] > 0 and o["order_left"] == 0:
                self.release(o["account"], side, o["price"])
        sides = [
            (o["account"], o["group"], side, o["contra_account"]),
            (o["contra_account"], o["contra_group"], OTHER[side], o["account"]),
        ]
        sides = [known for known in sides if known[0]]
        ages = {}
        for account, group, which, _ in sides:
            ages[account, which] = ts - self.lit.get((group, which), -(1 << 62))
        if o["dark"]:
            self.dark.append((ts, quantity))
            for k in range(4):
                if min(ages.values()) <= TAU_NS[k]:
                    self.led[k].append((ts, quantity))
            if o["reference_age"] > self.reference_p95:
                for k in range(4):
                    self.gamed[k].append((ts, quantity))
            else:
                for _, group, which, _ in sides:
                    move = self.moves.get(group)
                    gains = move and (move["far"] > move["base"]) == (which == ASK)
                    if gains and ts - move["ts"] <= TAU_NS[3]:
                        move["fills"].append((ts, quantity))
                        break
        for account, _, which, contra in sides:
            self.filled[account, which].append((ts, quantity))
            row = self.ledger.setdefault(
                account, {"bought": 0, "sold": 0, "dark": 0, "led": 0, "with": defaultdict(int)}
            )
            row["bought" if which == BID else "sold"] += quantity
            row["dark"] += quantity * o["dark"]
            if o["dark"] and ages[account, which] <= TAU_NS[2]:
                row["led"] += quantity
            if contra:
                row["with"][contra] += quantity
        if len(sides) == 2:
            self.matched.append((ts, quantity))
            if o["group"] == o["contra_group"]:
                self.self_matched.append((ts, quantity))
            else:
                buyer, seller = (sides[0][0], sides[1][0])[:: 1 if side == BID else -1]
                self.traded[buyer, seller].append((ts, quantity))
        if not o["dark"]:
            for _, group, which, _ in sides:
                self.lit[group, which] = ts

    # Families ----------------------------------------------------------------------------------

    def layering(self, now, k) -> float:
        if not recent(self.seen, now, k):
            return math.nan
        net = defaultdict(float)
        for (account, side, _), (since, _) in self.levels.items():
            net[account] += weight(now, since, k) * (1 if side == BID else -1)
        return min(1.0, max(map(abs, net.values()), default=0.0) / 10)

    def fills(self) -> list:
        return [entry for entries in self.filled.values() for entry in entries]

    def spoof_coupling(self, now, k) -> float:
        fills = self.fills()
        if not recent([ts for ts, _ in fills], now, k):
            return math.nan
        coupled = math.fsum(
            min(decayed(entries, now, k), decayed(self.filled[account, OTHER[side]], now, k))
            for (account, side), entries in list(self.cancelled.items())
        )
        return coupled / decayed(fills, now, k)

    def fill_to_cancel(self, now, k) -> float:
        delays = self.delays[k]
        if not recent([ts for ts, _ in delays], now, k):
            return math.nan
        return -decayed(delays, now, k) / decayed([(ts, 1) for ts, _ in delays], now, k)

    def linked_lead(self, now, k) -> float:
        if not recent([ts for ts, _ in self.dark], now, k):
            return math.nan
        return decayed(self.led[k], now, k) / decayed(self.dark, now, k)

    def account_concentration(self, now, k) -> float:
        fills = self.fills()
        if not recent([ts for ts, _ in fills], now, k):
            return math.nan
        accounts = {account for account, _ in self.filled}
        volumes = [
            decayed(self.filled[account, BID] + self.filled[account, ASK], now, k)
            for account in accounts
        ]
        return math.fsum(v * v for v in volumes) / math.fsum(volumes) ** 2

    def reciprocity(self, now, k) -> float:
        if not recent([ts for ts, _ in self.matched], now, k):
            return math.nan
        both = math.fsum(
            2 * min(decayed(self.traded[i, j], now, k), decayed(self.traded[j, i], now, k))
            for i, j in list(self.traded)
            if i < j
        )
        alone = decayed(self.self_matched, now, k)
        return (both + alone) / decayed(self.matched, now, k)

    def pinging(self, now, k) -> float:
        entries = [ts for orders in self.entered.values() for ts, _ in orders]
        if not recent(entries, now, k):
            return math.nan
        best = 0.0
        for account in list(self.probed):
            p = decayed(self.probed[account], now, k)
            n = max(p, decayed(self.entered[account], now, k))
            if n > 0:
                best = max(best, math.log1p(n) * p / n)
        return best

    def reference_gaming(self, now, k) -> float:
        if not recent([ts for ts, _ in self.dark], now, k):
            return math.nan
        return decayed(self.gamed[k], now, k) / decayed(self.dark, now, k)

    def row(self, now: int) -> np.ndarray:
        """Return the 240 features at `now`, NaN outside these families."""
        families = (
            self.layering,
            self.spoof_coupling,
            self.fill_to_cancel,
            self.linked_lead,
            self.account_concentration,
            self.reciprocity,
            self.pinging,
            self.reference_gaming,
        )
        out = np.full(240, np.nan)
        for base, family in zip(BASES, families, strict=True):
            for k in range(4):
                out[base + k] = family(now, k)
        return out


def recent(times: list[int], now: int, k: int) -> bool:
    """Return whether the newest of `times` lies within the last tau."""
    return any(ts >= now - TAU_NS[k] for ts in times)
