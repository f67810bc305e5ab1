"""Plays to programs: labels become places in one table that the interpreter runs."""

import numpy as np
from numpy.typing import NDArray

from kernels.sim_code import INSTRUCTION, LINES

Line = tuple[int | str | float, ...]  # operation, a, b, c, x, y; a jump's b is a label
Play = list[Line | str]


def assemble(plays: dict[int, Play]) -> tuple[NDArray[np.void], dict[int, int]]:
    """Return the plays as one table, (LINES,) INSTRUCTION, and where each code's begins."""
    table = np.zeros(LINES, INSTRUCTION)
    begins: dict[int, int] = {}
    at = 0
    for code, play in plays.items():
        begins[code] = at
        labels: dict[str, int] = {}
        lines: list[Line] = []
        for line in play:
            if isinstance(line, str):
                labels[line] = at + len(lines)
            else:
                lines.append(line)
        for line in lines:
            values = [labels[cell] if isinstance(cell, str) else cell for cell in line]
            for name, value in zip(INSTRUCTION.names or (), values, strict=False):
                table[name][at] = value
            at += 1
    return table, begins
