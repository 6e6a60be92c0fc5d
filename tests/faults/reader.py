"""A receiver of the writer's frames in Python, as reader.c is in C: the same words, the same account.

Here a frame is answered when it comes. Its array is kept (keep: so many at a time), and read again before it is
dropped; those of a run of the sender that is over are kept until the end.

    reader.py url=URL [role=observer] [door=FOLDER] [credit=N] [keep=N] [follow=1]
    reader.py nursery=1 [...]    for each line of stdin, a pipe's path, a reader that writes there; says its pid
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import framewire

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.stamped import stamped


class Reader:
    def __init__(self, words: dict[str, str]) -> None:
        self.keep = int(words.get("keep", 0))
        self.kept: list[tuple[Any, int, int]] = []
        self.left: list[tuple[Any, int, int]] = []
        self.epoch = 0
        self.counts = dict.fromkeys(("frames", "read", "torn", "shm", "copy", "other", "runs"), 0)
        self.receiver = framewire.Receiver(
            words["url"],
            role=words.get("role", "worker"),
            door=words.get("door"),
            credit=int(words.get("credit", 2)),
            follow="follow" in words,
        )

    def check(self, view: Any, epoch: int, seq: int) -> bool:
        whole = np.array_equal(view, stamped(len(view), epoch, seq))
        self.counts["read"] += 1
        if not whole:
            self.counts["torn"] += 1
            print(f"reader: frame {seq} is torn", file=sys.stderr, flush=True)
        return whole

    def take(self, frame: framewire.Frame) -> None:
        if frame.epoch != self.epoch:
            self.left += self.kept
            self.kept.clear()
            self.epoch = frame.epoch
            self.counts["runs"] += 1
            if self.counts["runs"] == 1:
                print("in", flush=True)
        view, how = frame.array, frame.transport
        self.counts["frames"] += 1
        self.counts[how if how in self.counts else "other"] += 1
        whole = self.check(view, frame.epoch, frame.seq)
        if frame.owner.wants_answers:
            frame.reply({"seq": frame.seq, "how": how if whole else "torn"})
        self.kept.append((view, frame.epoch, frame.seq))
        if len(self.kept) > self.keep:
            self.check(*self.kept.pop(frame.seq % len(self.kept)))

    def run(self) -> int:
        signal.signal(signal.SIGTERM, lambda *_: self.receiver.stop())
        with self.receiver:
            for frame in self.receiver:
                self.take(frame)
                del frame  # which would keep its memory until the next
        for each in self.left + self.kept:
            self.check(*each)
        stats = self.receiver.stats
        more = {"bad": sum(stats.bad.values()), "dropped": stats.dropped, "left": len(self.left)}
        print(json.dumps(self.counts | more), flush=True)
        return int(self.counts["torn"] > 0)


def nurse(words: dict[str, str]) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(line.strip(), os.O_WRONLY), 1)
            os._exit(Reader(words).run())
        print(child, flush=True)
    return 0


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    sys.exit(nurse(given) if "nursery" in given else Reader(given).run())
