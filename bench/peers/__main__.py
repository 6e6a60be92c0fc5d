"""python -m bench.peers [--quick] [NAME...]: measure every contender, or those whose names have a NAME in them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..report import RESULTS
from ..run import interleaved, machine
from . import page
from .contenders import CONTENDERS, Contender
from .found import Found
from .frames import Load
from .sides import Failed, Report, run

SIZES = (("1080p", 1920, 1080), ("4K", 3840, 2160))
FPS = 60
WARM = 20
FIRST = 40  # frames of the first run, which says how many make a second
LEAST, MOST = 40, 20_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a contender's name")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that all work; writes no page")
    options = parser.parse_args()
    some = [one for one in CONTENDERS if not options.names or any(name in one.name for name in options.names)]
    if not some:
        parser.error("no such contender; there are: " + "; ".join(one.name for one in CONTENDERS))
    found: dict[str, list[Found]] = {}
    for name, width, height in SIZES:
        found[name] = measure(some, width, height, options.quick)
        page.show(name, found[name])
    save(found)
    if some == list(CONTENDERS) and not options.quick:
        page.write(found)


def measure(contenders: list[Contender], width: int, height: int, quick: bool) -> list[Found]:
    """Rounds as fast as frames are taken, then rounds at FPS."""
    found = [Found(one, width * height * 3) for one in contenders]
    for one in found:
        first = attempt(one, Load(width, height, WARM, FIRST)) or attempt(one, Load(width, height, WARM, FIRST))
        if first is not None:
            one.count = round(min(MOST, max(LEAST, first.fps * (0.3 if quick else 0.6))))
    if quick:
        rounds, paced_rounds, paced = 1, 1, Load(width, height, WARM, FPS, FPS)
    else:
        rounds, paced_rounds, paced = 5, 2, Load(width, height, WARM, 100, FPS)
    at_speed = [lambda one=one: attempt(one, Load(width, height, WARM, one.count)) for one in found]
    for one, reports in zip(found, zip(*interleaved(rounds, *at_speed), strict=True), strict=True):
        one.fast = list(reports)
    at_rate = [lambda one=one: attempt(one, paced) for one in found]
    for one, reports in zip(found, zip(*interleaved(paced_rounds, *at_rate), strict=True), strict=True):
        one.paced = list(reports)
    return found


def attempt(one: Found, load: Load) -> Report | None:
    """None: it failed; who fails twice is asked no more."""
    if len(one.failures) >= 2:
        return None
    try:
        return run(one.contender, load)
    except Failed as failure:
        one.failures.append(why_missing(one.contender) or str(failure))
        return None


def why_missing(contender: Contender) -> str:
    """What pip said when it could not install the contender's package; ./dev keeps it beside the environment."""
    said = Path(sys.prefix, "missing", contender.package)
    return f"pip could not install it: {said.read_text().strip()}" if contender.package and said.is_file() else ""


def save(found: dict[str, list[Found]]) -> None:
    sizes: dict[str, Any] = {name: [one.plain() for one in some] for name, some in found.items()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "peers.json").write_text(json.dumps({"machine": machine(), "sizes": sizes}, indent=1) + "\n")


if __name__ == "__main__":
    main()
