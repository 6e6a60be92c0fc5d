"""The plot: a row for each size of frames, a column for each of three figures, the fastest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..report import number
from .found import FIGURES, Figure, Found, ordered

DRAWN = ("fps", "cpu", "p50")
OURS, PEER = "#1f6fb2", "#b9c0c7"


def draw(found: dict[str, list[Found]], to: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams |= {"svg.hashsalt": "framewire", "axes.spines.top": False, "axes.spines.right": False}
    import matplotlib.pyplot as plt

    figures = [figure for figure in FIGURES if figure.key in DRAWN]
    most = max(len(ordered(some)) for some in found.values())
    size = (14, 1.4 + 0.27 * most * len(found))
    sheet, grid = plt.subplots(
        len(found), len(figures), figsize=size, squeeze=False, layout="constrained", sharey="row"
    )
    for row, (name, some) in zip(grid, found.items(), strict=True):
        for axes, figure in zip(row, figures, strict=True):
            bars(axes, figure, ordered(some))
            axes.set_title(f"{name}: {title(figure)}", fontsize=10, loc="left")
    sheet.savefig(to, metadata={"Date": None}, facecolor="white")


def bars(axes: Any, figure: Figure, found: list[Found]) -> None:
    values = [one.median(figure) for one in found]
    places = range(len(found))
    colours = [OURS if one.contender.ours else PEER for one in found]
    axes.barh(places, values, color=colours, height=0.75)
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 2, max(values) * 4)
    for place, value in zip(places, values, strict=True):
        axes.text(value * 1.08, place, number(value), va="center", fontsize=8)
    axes.set_yticks(list(places), [one.contender.name for one in found], fontsize=8.5)
    axes.invert_yaxis()
    axes.tick_params(axis="x", labelsize=8)


def title(figure: Figure) -> str:
    what = {"fps": "frames a second", "cpu": "CPU seconds a GB", "p50": "p50 of the delay at 60 fps, ms"}[figure.key]
    return f"{what} ({'more' if figure.more else 'less'} is better)"
