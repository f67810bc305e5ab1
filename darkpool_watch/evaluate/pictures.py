"""One picture a typology: a campaign in the book, beside the benign look-alike that must not alert.

Left the campaign, right its look-alike: the quote over time, the agent's own orders as bars (as
thick as they are large), trades, and below them what happened in the pool.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from darkpool_watch.errors import DarkpoolWatchError
from darkpool_watch.evaluate.fact_figure import INK, MUTED
from darkpool_watch.sim.episode import Episode, episode
from darkpool_watch.sim.labels import Campaign
from darkpool_watch.sim.market import Lookalike, SimConfig, Simulator
from darkpool_watch.sim.population import SESSION_S
from darkpool_watch.typologies import MODEL_TYPOLOGIES
from darkpool_watch.units import NS_PER_S, PRICE_SCALE
from kernels.layout import BID, I64_MAX

SHOWN_S: Final = 90.0  # at most, around the evidence
MARGIN_S: Final = 4.0
BUY: Final = "#1f6fb2"
SELL: Final = "#c2571a"
QUOTE: Final = "#9aa7b1"
EVIDENCE: Final = "#b8321a"
_POOL_ROWS: Final = {1: 1.0, 2: 0.0}  # where a side lies in the pool's strip

GUIDE: Final = SimConfig(
    seed=12,
    securities=3,
    start_s=SESSION_S - 3_600.0,
    seconds=3_600.0,
    accounts=96,
    typologies=tuple(one.code for one in MODEL_TYPOLOGIES),
    campaigns_per_hour=26.0,
    lookalikes_per_hour=26.0,
    stealth=(0.5, 0.8),
    regime="normal",
)

Who = Campaign | Lookalike


def draw_guide(
    folder: Path, config: SimConfig = GUIDE, advance: Callable[[int], None] = lambda _: None
) -> list[Path]:
    """Draw a picture of every typology into `folder`, as CODE.png, and return their paths.

    Raises DarkpoolWatchError where the folder cannot be written.
    """
    simulator = Simulator(config)
    for _ in simulator.blocks():
        pass
    paths = []
    for number, one in enumerate(MODEL_TYPOLOGIES):
        pair = (
            _plainest([c for c in simulator.campaigns if c.typology == one.code and c.complete]),
            _plainest([a for a in simulator.lookalikes if a.typology == one.code]),
        )
        path = folder / f"{one.code}.png"
        draw_pair(config, pair, f"{one.code}: {one.title}", path)
        paths.append(path)
        advance(number + 1)
    return paths


def _plainest(found: Sequence[Any]) -> Any:
    """Return the episode whose length suits a picture best: near half a minute."""
    return min(found, key=lambda one: abs(np.log((one.end - one.start + NS_PER_S) / 3e10)))


def draw_pair(config: SimConfig, pair: tuple[Campaign, Lookalike], title: str, path: Path) -> None:
    """Draw a campaign beside a look-alike into `path`."""
    shown = [(_window(who), _played(config, who)) for who in pair]
    pool = any(_dark(one).any() or one.orders["dark"].any() for _, one in shown)
    figure = Figure(figsize=(12.0, 4.6), layout=ConstrainedLayoutEngine(w_pad=0.1))
    FigureCanvasAgg(figure)
    rows = 2 if pool else 1
    panels = figure.subplots(
        rows, 2, squeeze=False, sharex="col", gridspec_kw={"height_ratios": (4, 1)[:rows]}
    )
    heads = (f"campaign, {_people(pair[0])}", f"look-alike: {pair[1].kind}, {_people(pair[1])}")
    for column, ((since, until), one) in enumerate(shown):
        zero = pair[column].start
        _book(panels[0, column], one, zero, (since, until))
        panels[0, column].set_title(heads[column], loc="left", fontsize=10, color=INK)
        if pool:
            _pool(panels[1, column], one, zero)
        panels[-1, column].set_xlabel("s after its first message", fontsize=9, color=MUTED)
        panels[-1, column].set_xlim((since - zero) / NS_PER_S, (until - zero) / NS_PER_S)
    evidence = pair[0].evidence
    for panel in panels[:, 0]:
        panel.axvline((evidence - pair[0].start) / NS_PER_S, color=EVIDENCE, lw=1.0, ls="--")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    _legend(figure)
    try:
        figure.savefig(path, dpi=100)
    except OSError as err:
        raise DarkpoolWatchError(f"Cannot write {path}: {err.strerror}") from err


def _window(who: Who) -> tuple[int, int]:
    """Return the span to show, ns: the whole episode, or what lies around its evidence."""
    margin, most = int(MARGIN_S * NS_PER_S), int(SHOWN_S * NS_PER_S)
    since, until = who.start - margin, who.end + margin
    if until - since <= most:
        return since, until
    middle = who.evidence if isinstance(who, Campaign) else (who.start + who.end) // 2
    since = max(since, min(middle - most // 2, until - most))
    return since, since + most


def _played(config: SimConfig, who: Who) -> Episode:
    return episode(config, who, before_s=MARGIN_S, after_s=MARGIN_S)


def _people(who: Who) -> str:
    count = len(who.accounts)
    return f"{count} account" + ("s" if count > 1 else "")


def _dark(one: Episode) -> NDArray[np.bool_]:
    """Return which prints are the agent's own and dark."""
    found: NDArray[np.bool_] = (one.prints["dark"] > 0) & (one.prints["own"] > 0)
    return found


def _book(panel: Any, one: Episode, zero: int, window: tuple[int, int]) -> None:
    """Draw quote, own lit orders and lit trades."""
    at = (one.ts - zero) / NS_PER_S
    known = (one.bid < I64_MAX) & (one.ask < I64_MAX)
    bid, ask = (np.where(known, side, 0) / PRICE_SCALE for side in (one.bid, one.ask))
    panel.fill_between(at[known], bid[known], ask[known], step="post", color=QUOTE, alpha=0.18)
    for side in (bid, ask):
        panel.step(at[known], side[known], where="post", color=QUOTE, lw=1.0)
    for order in one.orders[one.orders["dark"] == 0]:
        gone = min(int(order["gone"]), window[1])
        panel.plot(
            [(order["entered"] - zero) / NS_PER_S, (gone - zero) / NS_PER_S],
            [order["price"] / PRICE_SCALE] * 2,
            color=BUY if order["side"] == BID else SELL,
            lw=_width(order["size"], one.orders["size"]),
            alpha=0.75,
            solid_capstyle="butt",
        )
    lit = one.prints[one.prints["dark"] == 0]
    _trades(panel, lit, zero, lit["price"] / PRICE_SCALE)
    inside = known & (one.ts >= window[0]) & (one.ts <= window[1])
    own = one.orders["price"][(one.orders["dark"] == 0)] / PRICE_SCALE
    low, high = bid[inside].min(initial=np.inf), ask[inside].max(initial=-np.inf)
    reach = 1.5 * (high - low)
    own = own[(own > low - reach) & (own < high + reach)]
    low, high = min(low, own.min(initial=low)), max(high, own.max(initial=high))
    panel.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    panel.ticklabel_format(axis="y", useOffset=False)
    _plain(panel)
    panel.set_ylabel("price", fontsize=9, color=MUTED)


def _pool(panel: Any, one: Episode, zero: int) -> None:
    """Draw own pool orders and dark prints by the side of the resting order."""
    dark = one.orders[one.orders["dark"] > 0]
    for order in dark:
        gone = min(int(order["gone"]), int(one.ts[-1]))
        entered = int(order["entered"])
        panel.plot(
            [(entered - zero) / NS_PER_S, (max(gone, entered + 100_000_000) - zero) / NS_PER_S],
            [_POOL_ROWS[int(order["side"])]] * 2,
            color=BUY if order["side"] == BID else SELL,
            lw=_width(order["size"], dark["size"]),
            solid_capstyle="butt",
        )
    prints = one.prints[one.prints["dark"] > 0]
    heights = np.array([_POOL_ROWS.get(int(side), 0.5) for side in prints["side"]])
    _trades(panel, prints, zero, heights)
    panel.set_ylim(-0.6, 1.6)
    panel.set_yticks([0.0, 1.0], ["sell", "buy"])
    _plain(panel)
    panel.set_ylabel("pool", fontsize=9, color=MUTED)


def _trades(panel: Any, prints: NDArray[np.void], zero: int, heights: NDArray[np.float64]) -> None:
    """Draw prints (P,) at their heights (P,): own ones filled."""
    at = (prints["ts"] - zero) / NS_PER_S
    own = prints["own"] > 0
    panel.scatter(at[~own], heights[~own], s=9, marker="o", color="none", edgecolors=MUTED, lw=0.7)
    panel.scatter(at[own], heights[own], s=26, marker="D", color=INK, zorder=4)


def _width(size: int, sizes: NDArray[np.int64]) -> float:
    """Return a line's width for an order beside the agent's others."""
    return 1.2 + 5.0 * float(np.sqrt(size / max(sizes.max(initial=1), 1)))


def _plain(panel: Any) -> None:
    panel.tick_params(labelsize=8, colors=MUTED)
    for name in ("top", "right"):
        panel.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        panel.spines[name].set_color(QUOTE)


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=BUY, lw=4, label="own buy order"),
        Line2D([], [], color=SELL, lw=4, label="own sell order"),
        Line2D([], [], color=INK, marker="D", ls="", ms=5, label="own trade"),
        Line2D([], [], color=MUTED, marker="o", mfc="none", ls="", ms=4, label="others' trade"),
        Line2D([], [], color=QUOTE, lw=1.5, label="bid and ask"),
        Line2D([], [], color=EVIDENCE, lw=1, ls="--", label="evidence"),
    ]
    figure.legend(
        handles=handles,
        loc="upper right",
        ncols=len(handles),
        fontsize=8,
        frameon=False,
        bbox_to_anchor=(1.0, 1.0),
    )
