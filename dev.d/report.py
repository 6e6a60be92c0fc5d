"""Count what the parts of `./dev test` left in build/reports."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Count:
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, other: Count) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


def count_junit(path: Path) -> Count:
    count = Count()
    for case in xml.parse(path).iter("testcase"):
        name = f"{path.stem}: {case.get('classname') or ''} {case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed.append(name)
        elif skipped is not None:
            count.skipped.append(f"{name}: {skipped.get('message') or 'no reason given'}")
        else:
            count.passed += 1
    return count


def count_tap(path: Path) -> Count:
    count = Count()
    for line in path.read_text().splitlines():
        if line.startswith("not ok"):
            count.failed.append(line.removeprefix("not ok - "))
        elif line.startswith("ok"):
            count.passed += 1
    return count


def count_part(folder: Path) -> Count:
    """A part that broke without naming a test counts as one failure."""
    count = Count()
    for path in sorted(folder.glob("*.xml")):
        count.add(count_junit(path))
    for path in sorted(folder.glob("*.tap")):
        count.add(count_tap(path))
    status = folder / "status"
    if not count.failed and (not status.exists() or status.read_text().strip() != "0"):
        count.failed.append(f"{folder.name} broke off: see {folder}/log")
    return count


def report_one(reports: Path, part: str, seconds: str) -> None:
    count = count_part(reports / part)
    print(f"{part:12} {count}  ({seconds} s)")
    if count.failed:
        log = (reports / part / "log").read_text(errors="replace").splitlines()
        print("\n".join(f"    {line}" for line in log[-80:]))


def report_all(reports: Path, parts: list[str]) -> int:
    total = Count()
    for part in parts:
        count = count_part(reports / part)
        for name in count.failed:
            print(f"FAILED {part}: {name}")
        for name in count.skipped:
            print(f"skipped {part}: {name}")
        total.add(count)
    print(total)
    return 1 if total.failed else 0


def report_coverage(reports: Path, floor: float) -> int:
    c_lines = float(json.loads((reports / "c.json").read_text())["line_percent"])
    python_lines = float(json.loads((reports / "python.json").read_text())["totals"]["percent_covered"])
    print(f"lines covered: src/ {c_lines:.1f} %, python/ {python_lines:.1f} % (each at least {floor:.0f} %)")
    return 0 if min(c_lines, python_lines) >= floor else 1


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--one", reports, part, seconds]:
            report_one(Path(reports), part, seconds)
            return 0
        case ["--coverage", floor, reports]:
            return report_coverage(Path(reports), float(floor))
        case [reports, *parts]:
            return report_all(Path(reports), parts)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
