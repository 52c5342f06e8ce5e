"""The benchmark's table: rows of cells, from what the works took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from running import Run, Work

MIB = 2**20
COLUMNS = [
    "work",
    "against",
    "seconds",
    "CPU seconds",
    "activities a second",
    "peak memory",
    "ratio",
    "target",
]
TEXT_COLUMNS = {"work", "against", "target"}

Row = list[str]


@dataclass(frozen=True)
class Target:
    """What a figure shall not exceed, and how the table says so."""

    limit: float
    text: str

    def judged(self, figure: float) -> str:
        return f"{self.text}: {'met' if figure <= self.limit else 'missed'}"


def at_most(limit: float) -> Target:
    return Target(limit, f"at most {limit:g}")


def faster(factor: float) -> Target:
    return Target(1 / factor, f"at most {1 / factor:.2f} ({factor:g} x faster)")


def mebibytes(limit: int) -> Target:
    return Target(limit * MIB, f"at most {limit} MiB")


def our_row(work: Work, runs: Sequence[Run], memory: Target | None) -> Row:
    """Return the row of a script of ours."""
    judged = memory.judged(peak(runs)) if memory else ""
    return [work.name, "", *figures(work, runs), "", judged]


def peer_row(
    peer: Work, ratio: float, runs: Sequence[Run], target: Target | None
) -> Row:
    """Return the row of what a script of ours stands against."""
    judged = target.judged(ratio) if target else ""
    shown = f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"
    return ["", peer.name, *figures(peer, runs), shown, judged]


def figures(work: Work, runs: Sequence[Run]) -> Row:
    """Return the cells of seconds, CPU seconds, activities and memory."""
    seconds = median(run.seconds for run in runs)
    cpu_seconds = median(run.cpu_seconds for run in runs)
    processes = max(run.processes for run in runs)
    largest = f" (of {processes})" if processes > 1 else ""
    return [
        f"{seconds:.2f}",
        f"{cpu_seconds:.2f}",
        f"{work.activities / seconds:,.0f}" if work.activities else "",
        f"{peak(runs) / MIB:,.0f} MiB{largest}",
    ]


def peak(runs: Sequence[Run]) -> float:
    return median(run.peak for run in runs)


def markdown(rows: Sequence[Row]) -> str:
    """Return the table, figures aligned to the right."""
    widths = [
        max(map(len, cells)) for cells in zip(COLUMNS, *rows, strict=True)
    ]
    rule = [
        "-" * width if name in TEXT_COLUMNS else "-" * (width - 1) + ":"
        for name, width in zip(COLUMNS, widths, strict=True)
    ]
    return "\n".join(line(cells, widths) for cells in [COLUMNS, rule, *rows])


def line(cells: Row, widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if name in TEXT_COLUMNS else cell.rjust(width)
        for name, cell, width in zip(COLUMNS, cells, widths, strict=True)
    ]
    return f"| {' | '.join(padded)} |"
