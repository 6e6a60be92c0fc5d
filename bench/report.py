"""What was measured: a table, JSON, and the page with its plots."""

from __future__ import annotations

import json
from dataclasses import asdict

from .run import ROOT, Part, Row, machine

RESULTS = ROOT / "build" / "bench"


def show(rows: list[Row]) -> None:
    for row in rows:
        bare = "" if row.bare is None else number(row.bare)
        verdict = {None: "", True: "ok", False: "MISSED"}[row.kept]
        print(
            f"{row.name:48} {number(row.ours):>9} {bare:>9} {row.unit:9} {number(row.value):>8}"
            f" {bound(row):>8} {verdict:6} ({number(row.spread[0])} .. {number(row.spread[1])})",
            flush=True,
        )


def number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"


def bound(row: Row) -> str:
    return "" if row.bound is None else f"{'>=' if row.least else '<='} {row.bound:g}"


def save(part: str, found: Part) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = [asdict(row) | {"kept": row.kept} for row in found.rows]
    text = json.dumps({"machine": machine(), "rows": rows, "series": found.series}, indent=1)
    (RESULTS / f"{part}.json").write_text(text + "\n")
