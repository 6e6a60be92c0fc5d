"""`./dev demo`: pictures of a folder through two workers, and what they said of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

MEAN = Path(__file__).parent.parent / "examples" / "workers" / "mean.py"


def wait_for(path: Path, sender: subprocess.Popen[bytes]) -> str:
    while not path.exists():
        if sender.poll() is not None:
            sys.exit(sender.returncode)
        time.sleep(0.02)
    return path.read_text().strip()


def main(pictures: Path, folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    results, ready = folder / "results.jsonl", folder / "url"
    send = ["framewire", "send", str(pictures), "--stream", "demo", "--to", "tcp://127.0.0.1:*"]
    send += ["--results", str(results), "--ready-file", str(ready), "--wait-workers", "2"]
    send += ["--summary", str(folder / "summary.json")]
    print("$", " ".join(send))
    sender = subprocess.Popen(send)
    work = ["framewire", "work", str(MEAN), "--from", wait_for(ready, sender), "--processes", "2"]
    print("$", " ".join(work), flush=True)
    workers = subprocess.Popen(work)
    try:
        # The end of the stream lets the workers go; a sender that broke (1, 2) says none.
        while workers.poll() is None and sender.poll() in (None, 0, 3):
            time.sleep(0.02)
        status = workers.poll() or sender.wait(10)
    finally:
        for process in (sender, workers):
            process.terminate()
            process.wait()
    if status not in (0, 3):
        return status

    print(f"\n{'picture':28} {'shape':>16} {'mean':>8}  worker")
    for line in map(json.loads, results.read_text().splitlines()):
        shape = " x ".join(map(str, line["shape"]))
        said = f"{line['value']['mean']:8.2f}" if line["status"] == "done" else line["error"]
        print(f"{line['item']:28} {shape:>16} {said}  {line['worker']}")
    print(f"\nThe results are in {results}, the account in {folder / 'summary.json'}.")
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
