"""Break the ledger's rules (mutants.txt) one at a time: does the simulator see each?

Run as `mutants.py ROOT [NUMBER...]`; CC names the compiler. Speaks TAP: a mutant that lives is a failure, and so is one
whose text is not in the source any more.
"""

from __future__ import annotations

import os
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
    source = root / "src" / "delivery" / mutant.file
    text = source.read_text()
    if text.count(mutant.old) != 1:
        return f"its text stands {text.count(mutant.old)} times in {mutant.file}"
    with tempfile.TemporaryDirectory(dir=work) as folder:
        broken = Path(folder) / "broken.c"
        broken.write_text(text.replace(mutant.old, mutant.new))
        compile_to(root, broken, broken.with_suffix(".o"))
        program = Path(folder) / "simulator"
        others = [path for name, path in objects.items() if name != source.name]
        link([*others, broken.with_suffix(".o")], program)
        return None if sees(program, *EVENTS) else "the simulator does not see it"


def link(objects: list[Path], program: Path) -> None:
    subprocess.run([*compiler(), *map(str, objects), "-o", str(program)], check=True)


def main() -> int:
    root = Path(sys.argv[1])
    mutants = read(Path(__file__).with_suffix(".txt"))
    numbers = [int(number) for number in sys.argv[2:]] or list(range(1, len(mutants) + 1))
    sources = [*root.glob("src/delivery/ledger*.c"), *(root / "tests" / "sim" / f"{name}.c" for name in PARTS)]
    sources += [root / "src" / "base" / f"{name}.c" for name in ("map", "status", "clock", "text")]
    print(f"1..{len(numbers) + 1}", flush=True)
    alive = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        work = Path(folder)
        objects = {source.name: work / f"{source.stem}.o" for source in sources}
        list(pool.map(lambda source: compile_to(root, source, objects[source.name]), sources))
        faults = pool.map(lambda number: try_one(mutants[number - 1], root, objects, work), numbers)
        for place, (number, fault) in enumerate(zip(numbers, faults, strict=True), 1):
            alive += fault is not None
            print(f"{'not ok' if fault else 'ok'} {place} - {mutants[number - 1].rule}", flush=True)
            if fault:
                print(f"# {fault}", flush=True)
        link([*objects.values()], work / "unbroken")
        well = not sees(work / "unbroken", *EVENTS[:2])
        print(f"{'ok' if well else 'not ok'} {len(numbers) + 1} - the ledger as it is passes", flush=True)
    return 1 if alive or not well else 0


if __name__ == "__main__":
    sys.exit(main())
