"""The table on the terminal, and the page with its plot."""

from __future__ import annotations

import ast
from pathlib import Path

from ..report import number
from ..run import ROOT, machine
from .contenders import CONTENDERS
from .found import CLEAR, FIGURES, Figure, Found, ahead, ordered, reference, times

PAGE = ROOT / "docs" / "peers.md"
PLOT = ROOT / "docs" / "peers.svg"
FPS = 60
UNKNOWN = "the reason is not known"
LATE = 0.97  # of FPS: below it the reader does not keep up

TEXT = """\
# Framewire beside its peers

This page and its plot are made by `./dev bench peers`, which carries the same frames from one process to another in
every way below, in turn, round by round, and lists the medians of the rounds. `./dev bench peers --quick` shows in a
few minutes that all of them work, `./dev bench peers zenoh` measures one; only the whole run writes this page. The
peers are installed from PyPI into `build/venv-peers`, in the versions of `bench/peers/requirements.txt`.

Measured on {cores} cores ({cpu}), Linux {kernel}.

![Frames a second, CPU time and delay of each]({plot})

{tables}
## How it is measured

- One process sends and one reads. The source stamps a picture anew for each frame (its number each 64 KiB and at the
  end), and the contender **copies it in**: into its shared memory, or with the copy that its own send makes. Those **in
  place** write only the stamps into memory that the contender lends, as a camera does that fills it itself.
- Every reader is Python and does the same with each frame (`bench/peers/frames.py`): it takes the array, compares all
  stamps with the number that is due, and reads a byte of every page. A lost, torn or overwritten frame ends the run.
- Framewire's sender is in C (`bench/leased_send.c`), as it is in use, and each of its frames is leased and answered
  (but for push+tcp). The peers' senders are Python; NumPy copies the picture with `memcpy`, and
  Framewire's with `fw_frame_copy()`.
- **frames/s, GB/s**: as fast as frames are taken, more than half a second a round. **CPU s/GB**: user and system time
  of both sides and of every process that they start.
- **p50, p99** of the delay at {fps} fps, from before the frame is copied in until the reader has the array; where the
  rate could not be kept, the one that was is in brackets.
- **peak RSS**: the peaks of all processes added up, so that memory they share counts in each; **PSS**: what they have
  at the end of a round, shared memory counted once.
- **Framewire to it**: the median of the rounds' ratios of frames/s, Framewire in shared memory to the contender (in
  place to in place). **ahead in**: where its median is better by more than {clear:.0f} %.

## Who takes part

{who}
"""


def show(name: str, found: list[Found]) -> None:
    columns = "".join(f"{figure.title:>13}" for figure in FIGURES)
    print(f"\n{name:34}{columns}   Framewire to it")
    for one in ordered(found):
        cells = "".join(f"{number(one.median(figure)):>13}" for figure in FIGURES)
        ours = reference(one, found)
        print(f"{one.contender.name:34}{cells}   {f'{times(ours, one):.2f} x' if ours else ''}")
    for line in missing(found):
        print(line)


def write(found: dict[str, list[Found]]) -> None:
    from .plot import draw

    tables = "\n".join(table(name, some) for name, some in found.items())
    PAGE.write_text(
        TEXT.format(**machine(), tables=tables, who=who(), plot=PLOT.name, fps=FPS, clear=(CLEAR - 1) * 100)
    )
    draw(found, PLOT)
    print(f"{PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)} are written")


def table(name: str, found: list[Found]) -> str:
    titles = [figure.title for figure in FIGURES]
    lines = [f"## {name} RGB, {found[0].size / 1e6:.1f} MB a frame", ""]
    lines += [f"| | {' | '.join(titles)} | Framewire to it | ahead in |", f"|---|{'--:|' * 8}---|"]
    reasons: dict[str, list[str]] = {}
    for one in ordered(found):
        cells = [number(one.median(figure)) for figure in FIGURES]
        if one.paced_fps < FPS * LATE:
            cells[3] += f" ({one.paced_fps:.0f} fps)"
        ours = reference(one, found)
        for why, figures in explained(one, ours).items():
            reasons.setdefault(why, []).append(f"**{one.contender.name}** {', '.join(figures)}")
        title = f"**{one.contender.name}**" if one.contender.ours else one.contender.name
        ratio = f"{times(ours, one):.2f} x" if ours else ""
        lead = ", ".join(map(label, ahead(one, ours))) if ours else ""
        lines.append(f"| {title} | {' | '.join(cells)} | {ratio} | {lead} |")
    if reasons:
        lines += ["", "Where a peer is ahead of Framewire in shared memory, with both figures, and why:", ""]
        lines += [f"- {'; '.join(leads)}: {why}." for why, leads in reasons.items()]
    if lacking := missing(found):
        lines += ["", "What could not be measured, and why:", "", *lacking]
    return "\n".join([*lines, ""])


def missing(found: list[Found]) -> list[str]:
    """A line for each contender that failed, or did so once."""
    return [
        f"- {one.contender.name}: {'a run failed' if one.measured else 'not measured'}. {one.failures[-1]}"
        for one in found
        if one.failures
    ]


def explained(one: Found, ours: Found | None) -> dict[str, list[str]]:
    """The figures in which a contender is ahead, with both values, by the reason."""
    reasons: dict[str, list[str]] = {}
    for figure in ahead(one, ours) if ours else []:
        its, our = (number(side.median(figure)) for side in (one, ours) if side)
        why = one.contender.why.get(figure.key, UNKNOWN)
        reasons.setdefault(why, []).append(f"{label(figure)} ({its} to {our})")
    return reasons


def label(figure: Figure) -> str:
    return figure.title.removesuffix(f" {figure.unit}")


def who() -> str:
    """The first words of each contender's file."""
    lines = []
    for module in dict.fromkeys(one.module for one in CONTENDERS):
        names = [one.name for one in CONTENDERS if one.module == module]
        said = ast.get_docstring(ast.parse((Path(__file__).parent / f"{module}.py").read_text())) or ""
        lines.append(f"- {'; '.join(names)} (`bench/peers/{module}.py`). {' '.join(said.split())}")
    return "\n".join(lines)
