"""Break the ledger's rules one at a time: does the simulator see each?

Run as `mutants.py ROOT [EVENTS]`; CC names the compiler. Speaks TAP: a mutant that lives is a failure, and so is one
whose text is not in the source any more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# (the rule that is broken, file, what stands there, what stands there instead)
MUTANTS = [
    ("a result is accepted once", "lease", "if (self->frames[frame].state == FW_LG_SETTLED)\n        return FW_DUPLICATE;", ""),
    ("a result of one who never had the frame is refused", "lease", "return *tie_p != NONE ? FW_ACCEPTED", "return true ? FW_ACCEPTED"),
    ("a result of a former holder is accepted", "lease", "if (tie != NONE && self->ties[tie].ever)", "if (tie != NONE && self->ties[tie].open)"),
    ("errors are counted", "lease", "account->errors += error;", ""),
    ("a result ends the duty", "lease", "    else if (open)\n        fw_lg_close_tie(self, tie);\n    return reception;", "    return reception;"),
    ("a frame that its worker has not started is asked back when it is settled", "frame", "fw_lg_recall(self, tie, false);", ""),
    ("memory is let go once the last hold has ended", "frame", "if (it->holders > 0)\n", "if (it->holders > 1)\n"),
    ("memory that was held is let go at last", "tie", "fw_lg_let_go(self, it->frame);", ""),
    ("a release must name the filling", "tie", " && self->frames[frame].gen == gen", ""),
    ("a release must come from the holder", "tie", "tie == NONE || self->ties[tie].holds == 0", "tie == NONE"),
    ("a lost connection ends no hold", "worker", "set_being(self, worker, FW_LG_AWAY, false);", "{\n        set_being(self, worker, FW_LG_AWAY, false);\n        for (uint32_t at = self->workers[worker].ties.head, next; at != NONE; at = next) {\n            next = self->ties[at].of_worker.next;\n            fw_lg_unhold(self, at, self->ties[at].holds);\n        }\n    }"),
    ("a death ends the holds", "worker", "fw_lg_unhold(self, at, self->ties[at].holds);\n        if (open)", "if (open)"),
    ("a death is no blame without `go`", "lease", "    if (!it->go)\n        return;\n", ""),
    ("one death is one blame", "lease", "if (it->blamed || frame->state == FW_LG_SETTLED)", "if (frame->state == FW_LG_SETTLED)"),
    ("a suspect is alone", "worker", "it->lost > 0 || it->guarded > 0", "it->lost > 0"),
    ("a suspect goes to a worker without frames", "next", "if (self->workers[worker].unfinished == 0)\n", "if (true)\n"),
    ("a death makes suspects", "lease", "it->suspicions += more;", ""),
    ("without a start the oldest frame is the suspect", "lease", "first != NONE ? first : oldest", "first"),
    ("a suspect's start is answered", "lease", "        fw_lg_go(self, tie);\n}\n\nvoid fw_ledger_on_start", "        (void)tie;\n}\n\nvoid fw_ledger_on_start"),
    ("a `go` that was lost is said again", "worker", "        fw_lg_go(self, tie);\n", "        (void)tie;\n"),
    ("the third proven attempt is the last", "frame", "if (it->proven >= self->options.attempts)", "if (it->proven > self->options.attempts)"),
    ("the second proven attempt is not", "frame", "if (it->proven >= self->options.attempts)", "if (it->proven + 1 >= self->options.attempts)"),
    ("who comes back was not dead", "worker", "    for (uint32_t at = it->ties.head; at != NONE; at = self->ties[at].of_worker.next)\n        fw_lg_pardon(self, at);\n", ""),
    ("no death is presumed where it will be proven", "worker", "if (!it->proof && !it->supervised) {", "if (true) {"),
    ("progress extends the deadline", "lease", "    if (!self->ties[tie].lost)\n        fw_lg_set_deadline(self, tie);\n    else", "    if (self->ties[tie].lost)"),
    ("a deadline moves the frame", "next", "fw_lg_missed(self, self->timed.head);", "fw_lg_stop_deadline(self, self->timed.head);"),
    ("a missed deadline takes the unstarted frames, too", "lease", "    fw_lg_lose(self, tie, FW_LG_MISSED);\n    fw_lg_lose_unstarted(self, worker);", "    fw_lg_lose(self, tie, FW_LG_MISSED);"),
    ("what is not started is asked back with its lease", "lease", "        if (!it->recalled)\n            fw_lg_recall(self, at, false);\n", ""),
    ("who lost leases gets none before it has answered", "worker", "it->lost > 0 || it->guarded > 0", "it->guarded > 0"),
    ("credit is kept to", "worker", "return it->unfinished < it->credit;", "return it->unfinished <= it->credit && it->unfinished < 63;"),
    ("credit is capped", "worker", "credit < self->options.credit ? credit : self->options.credit", "credit"),
    ("no frame before the first credit", "worker", "it->being != FW_LG_HERE || !it->credited ||", "it->being != FW_LG_HERE ||"),
    ("no frame to who is away", "worker", "it->being != FW_LG_HERE || !it->credited ||", "!it->credited ||"),
    ("the grace time ends", "next", "fw_lg_silent(self, self->waits[FW_LG_HELLO].head);", "return false;"),
    ("the grace time is waited for", "next", "due(self, FW_LG_HELLO, self->options.grace)", "due(self, FW_LG_HELLO, self->options.patience)"),
    ("who starts nothing loses its leases", "next", "due(self, FW_LG_START, self->options.deadline)", "false"),
    ("a recalled frame waits for its return", "lease", "    it->recalled = true;\n", "    it->recalled = true;\n    if (moving) {\n        it->lost = true;\n        if (self->frames[it->frame].current == tie)\n            fw_lg_put_back(self, it->frame, FW_LG_RECALLED, 0);\n    }\n"),
    ("a frame behind a long one is asked for", "next", "fw_lg_recall(self, at, true);\n            return true;", "return false;"),
    ("a recall is void once the frame is started", "lease", "    it->recalled = it->moving = false;\n    fw_lg_recount(self, tie);\n    if (self->frames[frame].state != FW_LG_SETTLED)", "    fw_lg_recount(self, tie);\n    if (self->frames[frame].state != FW_LG_SETTLED)"),
    ("the oldest frame goes first", "frame", "if (self->frames[heap->items[above]].seq <= seq)", "if (self->frames[heap->items[above]].seq >= seq)"),
    ("redelivered frames go first", "next", "stream->again.count > 0 ? stream->again.items[0]", "stream->fresh.count == 0 ? stream->again.items[0]"),
    ("streams take turns", "next", "        turn_remove(self, &self->turns, at);\n        turn_append(self, &self->turns, at);\n", "        (void)at;\n"),
    ("the worker with the fewest frames is chosen", "next", "self->buckets[__builtin_ctzll(self->bucket_mask)].head", "self->buckets[63 - __builtin_clzll(self->bucket_mask)].head"),
    ("drop-oldest takes the oldest", "frame", "? suspect : other;\n}", "? other : suspect;\n}"),
    ("a quarter of the memory stays unpinned", "tie", "memory / 4 + (memory % 4 != 0)", "memory / 8"),
    ("a worker pins its credit and two", "next", "who->pinned >= who->credit + 2", "who->pinned >= who->credit + 3"),
    ("observers pin a quarter at most", "tie", "uint64_t quarter = self->options.memory / 4;", "uint64_t quarter = self->options.memory / 2;"),
    ("a frame that a hello does not name is ready again", "worker", "        bool gone = it->open && !it->seen;", "        bool gone = it->open && !it->seen && it->started;"),
    ("a hold that a hello does not name has ended", "worker", "it->holds - it->reads", "0"),
    ("a clean leave gives the frames back", "worker", "            fw_lg_lose(self, at, FW_LG_RETURNED);\n", ""),
    ("the end waits for every frame", "frame", "it->end_said || it->account.in_flight > 0", "it->end_said"),
    ("the end is said once", "frame", "!it->ended || it->end_said ||", "!it->ended ||"),
    ("what is over is forgotten", "tie", "    if (self->frames[frame].ties.count == 0 && self->frames[frame].state == FW_LG_SETTLED)\n        fw_lg_forget_frame(self, frame);\n", ""),
    ("the new one that is dropped is captured", "", "    account->captured++;\n    account->dropped++;", "    account->dropped++;"),
]

FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-w"]
SEEDS = 3


def compile_to(root: Path, source: Path, output: Path) -> None:
    includes = [f"-I{root}/src", f"-I{root}/src/include"]
    subprocess.run([*compiler(), *FLAGS, *includes, "-c", source, "-o", output], check=True)


def compiler() -> list[str]:
    return os.environ.get("CC", "cc").split()


def sees(program: Path, events: int) -> bool:
    for seed in range(1, SEEDS + 1):
        command = [program, "--events", str(events), "--seed", str(seed)]
        try:
            if subprocess.run(command, capture_output=True, timeout=300).returncode != 0:
                return True
        except subprocess.TimeoutExpired:
            return True
    return False


def try_one(number: int, root: Path, objects: dict[str, Path], work: Path, events: int) -> str:
    rule, part, old, new = MUTANTS[number - 1]
    source = root / "src" / "delivery" / ("ledger_" + part if part else "ledger")
    source = source.with_suffix(".c")
    text = source.read_text()
    if text.count(old) != 1:
        return f"not ok {number} - {rule}\n# the text of this mutant stands {text.count(old)} times in {source.name}"
    mutant = work / f"mutant{number}.c"
    mutant.write_text(text.replace(old, new))
    compile_to(root, mutant, mutant.with_suffix(".o"))
    program = work / f"mutant{number}"
    others = [path for name, path in objects.items() if name != source.name]
    subprocess.run([*compiler(), *others, mutant.with_suffix(".o"), "-o", program], check=True)
    caught = sees(program, events)
    return f"{'ok' if caught else 'not ok'} {number} - {rule}"


def main() -> int:
    root = Path(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    sources = [*sorted(root.glob("src/delivery/ledger*.c")), *sorted(root.glob("tests/sim/*.c"))]
    sources += [root / "src" / "base" / f"{name}.c" for name in ("map", "status", "clock", "text")]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        work = Path(folder)
        objects = {source.name: work / f"{source.stem}.o" for source in sources}
        list(pool.map(lambda source: compile_to(root, source, objects[source.name]), sources))
        program = work / "unbroken"
        subprocess.run([*compiler(), *objects.values(), "-o", program], check=True)
        print(f"1..{len(MUTANTS) + 1}", flush=True)
        lines = pool.map(lambda number: try_one(number, root, objects, work, events), range(1, len(MUTANTS) + 1))
        alive = 0
        for line in lines:
            print(line, flush=True)
            alive += line.startswith("not")
        well = not sees(program, events // 10)
        print(f"{'ok' if well else 'not ok'} {len(MUTANTS) + 1} - the ledger as it is passes", flush=True)
    return 1 if alive or not well else 0


if __name__ == "__main__":
    sys.exit(main())
