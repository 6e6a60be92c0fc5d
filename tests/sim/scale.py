"""What does a ledger cost with many workers?

Run as `scale.py PROGRAM FILE`: measure, and write a table (docs/ledger-scale.md). With --check in place of FILE:
a short run, and an exit code of 1 if the cost of an event grows faster than the logarithm of the workers (twice that,
since a busy machine leaves less of the caches).
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ABOUT = """\
# The ledger with many workers

Written by `tests/sim/scale.py`; measure anew with
`python3 tests/sim/scale.py build/tests/sim/ledger-scale docs/ledger-scale.md`.

One stream, credit 2, a frame always ready, workers that take any time for a frame; of 1 000 turns 2 kill a worker and
let another join, 10 give a frame back, 10 report progress. An event is a frame captured, a hello, a credit, a start, a
progress, a return, a result or a death, with all the actions that follow from it. Processor time; the driver's own is
measured alone and taken off. Fairness is Jain's index of the frames that each place of a worker has done (1: all the
same); chance alone gives the value in brackets.
"""
WORKERS = [10, 100, 1_000, 10_000]


def measure(program: str, events: int) -> list[dict[str, Any]]:
    command = [program, str(events), *map(str, WORKERS)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def growth(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """How many times as much the last row costs as the first, and how many times as large its logarithm is."""
    first, last = rows[0], rows[-1]
    return last["ns"] / first["ns"], math.log(last["workers"]) / math.log(first["workers"])


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def page(rows: list[dict[str, Any]]) -> str:
    cost, logarithm = growth(rows)
    lines = [
        *ABOUT.splitlines(),
        "",
        "| workers | events/s | ns an event | memory | a worker | fairness (by chance) | redelivered |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        workers, done = row["workers"], row["done"] / row["workers"]
        lines.append(
            f"| {workers:,} | {1e9 / row['ns'] / 1e6:.1f} M | {row['ns']:.0f} | {row['bytes'] / 1024:,.0f} KiB "
            f"| {row['bytes'] / workers:,.0f} B | {row['fairness']:.3f} ({done / (done + 1):.3f}) "
            f"| {row['redelivered']:,} |"
        )
    lines += [
        "",
        f"From {WORKERS[0]} to {WORKERS[-1]:,} workers an event costs {cost:.1f} times as much, where a logarithm",
        f"grows {logarithm:.1f} times. The steps do not grow, but for the heap of redelivered frames: what grows is",
        "the memory that they walk through, beyond the processor's caches.",
        "",
        f"{processor()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    program, target = sys.argv[1], sys.argv[2]
    if target != "--check":
        Path(target).write_text(page(measure(program, 10_000_000)))
        return 0
    rows = measure(program, 400_000)
    cost, logarithm = growth(rows)
    print(*rows, sep="\n")
    print(f"{cost:.2f} times the cost, {logarithm:.2f} times the logarithm")
    return 0 if cost <= 2 * logarithm else 1


if __name__ == "__main__":
    sys.exit(main())
