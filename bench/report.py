"""What was measured: a table, JSON, and the page with its plot."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from .run import ROOT, Part, Row, machine

RESULTS = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks.svg"

TEXT = """\
# Benchmarks

This page and its plot are made by `./dev bench`, which measures Framewire beside bare programs that do only the same
(`bench/bare_*.c`, and a `recv_multipart(copy=False)` + `np.frombuffer` loop in `bench/reader.py`). `./dev bench push`
measures one part (`push`, `jpeg`, `memory`, `codec`, `lease`, `shm`), `./dev bench --quick` shows in a minute that all
of them work; both print the table and write `build/bench/PART.json`, only the whole run writes this page.

Measured on {cores} cores ({cpu}), Linux {kernel}, everything on one machine over tcp on the loopback. Both sides of a
line run in turn, round by round, and what counts is the median of the rounds' ratios (or differences); the last column
is their range. On another machine the numbers differ, and the ratios hardly do.

| what | Framewire | bare | | ours to bare | bound | | range |
|---|--:|--:|---|--:|--:|---|--:|
{table}

![Ratios and their bounds; memory of the sender](benchmarks.svg)

## What the lines are

- **push+tcp into NumPy**: `framewire send test:bars` to a `framewire.Receiver`, beside a C program that sends warm
  buffers with `zmq_msg_init_data` and as many frames ahead to a bare pyzmq loop. Both readers make a NumPy array and
  check every stamp in it ([the test source](test-source.md)), so that no torn or lost frame counts.
- **CPU a frame**: user and system time of both processes, from the reader's first measured frame to its last, so that
  no start is in it; the line says how much more Framewire takes. At 64x64 the network hardly counts and the frame's
  way through sender and receiver shows: drawing, the account, the header's packing and checking, the `Frame` object.
- **JPEG, 1 thread**: a folder of 1080p photographs, decoded by one thread and sent raw, beside one thread of
  libjpeg-turbo that decodes the same files and sends nothing.
- **CPU account**: all threads, beside what the cores allow: cores / (CPU a frame of bare decoding + CPU a frame of the
  bare way over tcp, both ends). The next line is the same account without the wall clock.
- **as it is**: `--encoding keep`, beside a C program that reads the files and sends them.
- **RSS**: the peak (`VmHWM`) of a sender of 4K noise whose reader takes {taken} frames, then none for {stall:.0f} s,
  then some again; the bound is the budget and {more} MiB. Then its growth from the tenth part of a long stream on.
- **header**: `bench/codec.c` packs and unpacks the header of a frame of a file, beside msgpack-c with the same map. In
  Python: checking a whole message, and packing an answer, beside msgpack's C extension.
- **leased to push+**: the same sender (`bench/leased_send.c`, which draws nothing) and the same C or Python workers,
  once with leases over tcp, once over `push+tcp`; `bench/leased_work.c` is the C worker. The lines below it are what a
  lease takes of each side's CPU, a frame.
- **CPU a frame, many workers to 1**: the sender's, at 1000 frames a second of 64x64, each to the worker that is idle
  longest.
- **1 of 4 workers killed**: what the second after it lacks of the frames of the one before, at 400 frames a second.
- **copied in**: a whole picture is copied into each frame (`fw_frame_copy()`) and read by a worker in shared memory,
  beside one core that copies it into two slots of such memory in turn (`memcpy()`), and nobody reads. The line below
  is the same without leases, account or answers: a slot's number goes over a Unix socket to a process in C, and comes
  back (`bench/bare_copy.c`). What it lacks to 1 is mostly the wake of the reader, in the time of who copies: 10 - 30
  us a frame on virtual machines.
- **in place**: frames are filled in shared memory by who made them, so that only a number is written; the worker reads
  64 bytes of each, and holds up to 16.
- **from send to handler**: the time is written into a frame right before it is sent. The bare descriptor is an offset
  that goes over a Unix socket to a Python reader of the same memory (`bench/bare_descriptor.c`).
"""


def show(rows: list[Row]) -> None:
    for row in rows:
        verdict = {None: "", True: "ok", False: "MISSED"}[row.kept]
        print(
            f"{row.name:48} {number(row.ours):>9} {'' if row.bare is None else number(row.bare):>9} {row.unit:9}"
            f" {value(row, row.value):>9} {bound(row):>8} {verdict:6} ({spread(row)})",
            flush=True,
        )


def number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def value(row: Row, measured: float) -> str:
    sign = "+" if row.kind == "difference" and measured >= 0 else ""
    return sign + number(measured) + (" x" if row.kind == "ratio" else "")


def bound(row: Row) -> str:
    return "" if row.bound is None else f"{'>=' if row.least else '<='} {row.bound:g}"


def spread(row: Row) -> str:
    return f"{number(row.spread[0])} .. {number(row.spread[1])}"


def save(part: str, found: Part) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = [asdict(row) | {"kept": row.kept} for row in found.rows]
    text = json.dumps({"machine": machine(), "rows": rows, "series": found.series}, indent=1)
    (RESULTS / f"{part}.json").write_text(text + "\n")


def write_page(parts: dict[str, Part]) -> None:
    from .memory import MORE, STALL, TAKEN

    rows = [row for part in parts.values() for row in part.rows]
    draw(rows, parts["memory"].series)
    table = "\n".join(map(line, rows))
    PAGE.write_text(TEXT.format(**machine(), table=table, taken=TAKEN, stall=STALL, more=MORE))
    print(f"{PAGE.relative_to(ROOT)} and {PLOT.relative_to(ROOT)} are written")


def line(row: Row) -> str:
    limit = bound(row).replace(">=", "≥").replace("<=", "≤")
    verdict = {None: "", True: "kept", False: "**missed**"}[row.kept]
    bare = "" if row.bare is None else number(row.bare)
    name = f"… {row.name.strip()}" if row.name.startswith(" ") else row.name
    measured = "" if row.kind == "alone" and row.value == row.ours else value(row, row.value)
    return f"| {name} | {number(row.ours)} | {bare} | {row.unit} | {measured} | {limit} | {verdict} | {spread(row)} |"


def draw(rows: list[Row], series: dict[str, list[tuple[float, ...]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "framewire"
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.5), width_ratios=(3, 2), layout="constrained")
    draw_ratios(left, [row for row in rows if row.kind == "ratio" and row.bound is not None])
    draw_memory(right, series["stalled"])
    figure.savefig(PLOT, metadata={"Date": None})


def draw_ratios(axes: Any, rows: list[Row]) -> None:
    places = range(len(rows), 0, -1)
    for place, row in zip(places, rows, strict=True):
        colour = "tab:blue" if row.kept else "tab:red"
        axes.barh(place, row.value, height=0.6, color=colour, alpha=0.8)
        axes.plot(row.spread, (place, place), color="black", linewidth=1)
        axes.plot((row.bound, row.bound), (place - 0.4, place + 0.4), color="tab:orange", linewidth=2)
        axes.text(0.02, place, f"{row.value:.2f} ({'at least' if row.least else 'at most'} {row.bound:g})",
                  va="center", color="white", fontsize=8)  # fmt: skip
    axes.axvline(1, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlim(0, 1.05 * max(max(row.value, row.bound or 0) for row in rows) + 0.1)
    axes.set_yticks(list(places), [row.name.replace(" : ", " :\n") for row in rows], fontsize=8)
    axes.set_title("Framewire to bare: median, bound (orange), range (black)", fontsize=10)


def draw_memory(axes: Any, samples: list[tuple[float, ...]]) -> None:
    from .memory import BUDGET, MORE

    axes.plot([at for at, _ in samples], [rss for _, rss in samples], color="tab:blue", label="RSS of the sender")
    axes.axhline(BUDGET, color="grey", linestyle=":", label=f"--memory {BUDGET}MiB")
    axes.axhline(BUDGET + MORE, color="tab:orange", label=f"bound: {MORE} MiB more")
    axes.set_ylim(0, (BUDGET + MORE) * 1.15)
    axes.set_xlabel("seconds that the reader stands still (4K frames)", fontsize=9)
    axes.set_ylabel("MiB", fontsize=9)
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title("Memory while nobody reads", fontsize=10)
