"""python -m bench [--quick] [PART...]: measure, print a table, write build/bench/PART.json; all parts: the page too."""

from __future__ import annotations

import argparse

from . import codec, jpeg, lease, memory, push, report, shm

PARTS = {
    "push": push.run,
    "jpeg": jpeg.run,
    "memory": memory.run,
    "codec": codec.run,
    "lease": lease.run,
    "shm": shm.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all (default)")
    parser.add_argument("--quick", action="store_true", help="three rounds, to see that it works")
    options = parser.parse_args()
    parts = list(PARTS) if not options.parts or "all" in options.parts else options.parts
    for part in parts:
        if part not in PARTS:
            parser.error(f"there is no part '{part}'; there are {', '.join(PARTS)} and all")
    measured = {}
    for part in parts:
        found = measured[part] = PARTS[part](options.quick)
        report.show(found.rows)
        report.save(part, found)
    if parts == list(PARTS) and not options.quick:
        report.write_page(measured)


main()
