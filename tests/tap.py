"""Test Anything Protocol, for test scripts that Meson runs."""

from __future__ import annotations

from collections.abc import Sequence


def report(results: Sequence[tuple[str, Sequence[str]]]) -> int:
    """Print what each test found wrong (nothing: it passed); returns the exit code."""
    print(f"1..{len(results)}")
    for number, (name, faults) in enumerate(results, 1):
        for fault in faults:
            for line in fault.splitlines():
                print(f"# {line}")
        print(f"{'not ok' if faults else 'ok'} {number} - {name}")
    return 1 if any(faults for _, faults in results) else 0
