"""Break the ledger's rules (mutants.txt) one at a time: does the simulator see each?

Run as `mutants.py ROOT [NUMBER...]`; CC names the compiler. Speaks TAP: a mutant that lives is a failure, and so is one
whose text is not in the source any more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

PARTS = ["book", "check", "main", "pair", "proc", "take", "world"]  # of the simulator
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w"]
EVENTS = [100_000, 1_000_000, 5_000_000, 20_000_000]  # most need the first only


def compile_to(root: Path, source: Path, output: Path) -> None:
    includes = [f"-I{root}/src", f"-I{root}/src/include"]
    subprocess.run([*compiler(), *FLAGS, *includes, "-c", str(source), "-o", str(output)], check=True)


def compiler() -> list[str]:
    return os.environ.get("CC", "cc").split()


def sees(program: Path, *lengths: int) -> bool:
    for seed, events in enumerate(lengths, 1):
        command = [str(program), "--events", str(events), "--seed", str(seed)]
        try:
            if subprocess.run(command, capture_output=True, timeout=600).returncode != 0:
                return True
        except subprocess.TimeoutExpired:
            return True
    return False


@dataclass
class Mutant:
    rule: str
    file: str
    old: str
    new: str


def read(table: Path) -> list[Mutant]:
    mutants = []
    for block in table.read_text().split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if not lines:
            continue
        rule, file = lines[0].removesuffix("]").split(" [")
        old = "\n".join(line[1:] for line in lines[1:] if line.startswith("-"))
        new = "\n".join(line[1:] for line in lines[1:] if line.startswith("+"))
        mutants.append(Mutant(rule, file, old, new))
    return mutants


def try_one(mutant: Mutant, root: Path, objects: dict[str, Path], work: Path) -> str | None:
    """None if the simulator sees it; else why not."""
    found = (root / "src" / "delivery" / mutant.file).read_text().count(mutant.old)
    if found != 1:
        return f"its text stands {found} times in {mutant.file}"
    with tempfile.TemporaryDirectory(dir=work) as folder:
        program = build(mutant, root, objects, Path(folder))
        return None if sees(program, *EVENTS) else "the simulator does not see it"


def build(mutant: Mutant, root: Path, objects: dict[str, Path], folder: Path) -> Path:
    """A simulator with this rule broken."""
    source, broken = root / "src" / "delivery" / mutant.file, folder / "broken.c"
    broken.write_text(source.read_text().replace(mutant.old, mutant.new))
    compile_to(root, broken, broken.with_suffix(".o"))
    others = [path for name, path in objects.items() if name != source.name]
    program = folder / "simulator"
    link([*others, broken.with_suffix(".o")], program)
    return program


def replay(program: Path) -> str | None:
    """None if what the simulator prints of a failure replays to the same failure, and shrinks; else why not."""

    def say(*options: str) -> str:
        return subprocess.run([program, *options], capture_output=True, text=True, timeout=600).stdout

    printed = say("--events", str(EVENTS[-1]), "--seed", "1")
    found = re.fullmatch(r"episode \d+, step (\d+): (.*)\nreplay: simulator (.*)\n", printed)
    if not found:
        return f"it does not say what failed: {printed!r}"
    again = say(*found[3].split())
    shrunk = re.search(r"^shrunk to (\d+) steps: (.*)$", again, re.MULTILINE)
    if printed not in again:
        return f"{found[3]} does not fail in the same way"
    if not shrunk or shrunk[2][:12] != found[2][:12] or int(shrunk[1]) > max(50, int(found[1]) // 10):
        return f"{found[3]} does not shrink it from {found[1]} steps: {again[-200:]!r}"
    return None


def link(objects: list[Path], program: Path) -> None:
    subprocess.run([*compiler(), *map(str, objects), "-o", str(program)], check=True)


def main() -> int:
    root = Path(sys.argv[1])
    mutants = read(Path(__file__).with_suffix(".txt"))
    numbers = [int(number) for number in sys.argv[2:]] or list(range(1, len(mutants) + 1))
    sources = [*root.glob("src/delivery/ledger*.c"), *(root / "tests" / "sim" / f"{name}.c" for name in PARTS)]
    sources += [root / "src" / "base" / f"{name}.c" for name in ("map", "status", "clock", "text")]
    print(f"1..{len(numbers) + 2}", flush=True)
    failed = 0

    def tell(place: int, name: str, fault: str | None) -> None:
        nonlocal failed
        failed += fault is not None
        print(f"{'not ok' if fault else 'ok'} {place} - {name}", flush=True)
        if fault:
            print(f"# {fault}", flush=True)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        work = Path(folder)
        objects = {source.name: work / f"{source.stem}.o" for source in sources}
        list(pool.map(lambda source: compile_to(root, source, objects[source.name]), sources))
        faults = pool.map(lambda number: try_one(mutants[number - 1], root, objects, work), numbers)
        for place, (number, fault) in enumerate(zip(numbers, faults, strict=True), 1):
            tell(place, mutants[number - 1].rule, fault)
        fault = replay(build(mutants[numbers[0] - 1], root, objects, work))
        tell(len(numbers) + 1, "a failure is printed, replays and shrinks", fault)
        link([*objects.values()], work / "unbroken")
        seen = sees(work / "unbroken", *EVENTS[:2])
        tell(len(numbers) + 2, "the ledger as it is passes", "the simulator says that it is broken" if seen else None)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
