"""The arrays of the books' queues, grown between calls so that kernels never run out of room."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kernels.market_rows import SIDE_ROW
from kernels.queues import (
    FREE_NODE,
    NODE_OF,
    NODES_USED,
    ORDERS_HELD,
    PLACED,
    QUEUE_LEVEL,
    TABLE,
    QueueState,
    forget_listing,
    move_places,
)

LEAST: Final = 1 << 12  # orders that there is room for at the start
_SAVED: Final = ("nodes", "places", "levels", "sides", "table")


class Queues:
    """Owns a QueueState; `levels` is how many price levels of a side have their queue."""

    def __init__(self, levels: int) -> None:
        self._levels = levels
        table = np.zeros(TABLE, np.int64)
        table[FREE_NODE] = -1
        places = np.zeros(2 * LEAST, NODE_OF)
        move_places(places[:8].copy(), places, table)  # compiled now, not when the table grows
        self.state = QueueState(
            nodes=np.zeros(LEAST, PLACED),
            places=places,
            levels=np.zeros(0, QUEUE_LEVEL),
            sides=np.zeros((0, 2), SIDE_ROW),
            table=table,
        )

    def grow(self, listings: int) -> None:
        """Give every listing its two sides."""
        old = self.state
        more = listings - len(old.sides)
        if more <= 0:
            return
        sides = np.zeros((more, 2), SIDE_ROW)
        first = len(old.levels)
        sides["offset"] = first + self._levels * np.arange(2 * more).reshape(more, 2)
        sides["capacity"] = self._levels
        room = np.zeros(2 * more * self._levels, QUEUE_LEVEL)
        self.state = old._replace(
            levels=np.concatenate([old.levels, room]), sides=np.concatenate([old.sides, sides])
        )

    def make_room(self, orders: int) -> None:
        """Make sure that so many more orders fit, whatever leaves meanwhile."""
        state = self.state
        used = int(state.table[NODES_USED])
        if used + orders > len(state.nodes):
            longer = np.zeros(2 * (used + orders), PLACED)
            longer[:used] = state.nodes[:used]
            state = state._replace(nodes=longer)
        needed = 2 * (int(state.table[ORDERS_HELD]) + orders)
        if needed > len(state.places):
            wider = np.zeros(1 << (2 * needed - 1).bit_length(), NODE_OF)
            move_places(state.places, wider, state.table)
            state = state._replace(places=wider)
        self.state = state

    def forget(self, listing: int) -> None:
        """Forget the orders of a listing."""
        forget_listing(self.state, listing)

    def snapshot(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all state."""
        return {f"queue_{name}": getattr(self.state, name).copy() for name in _SAVED}

    def restore(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Put back what `snapshot` returned."""
        self.state = QueueState(*(arrays[f"queue_{name}"].copy() for name in _SAVED))
