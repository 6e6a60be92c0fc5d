"""A hostile client on the port: what it says is counted, and changes nothing."""

from __future__ import annotations

import json
import random
import statistics
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import zmq

from helpers.command import wait_until
from helpers.crew import Crew
from helpers.leased import Peer, new_instance

Send = Callable[..., Any]
SMALL = "test:noise?size=64x64"
KINDS = (
    *["hello", "welcome", "who", "frame", "credit", "start", "go", "progress", "result", "return", "recall", "release"],
    *["died", "stats", "bye", "end", "nonsense"],
)


class Hostile:
    """Says everything that it should not, as a stranger and under several roles, until it is stopped."""

    def __init__(self, url: str, seed: int, known: list[int]) -> None:
        self.url, self.pick, self.known = url, random.Random(seed), known
        self.said = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def header(self, kind: str) -> dict[str, Any]:
        pick = self.pick
        value = pick.choice([0, 1, 2**31, 2**63, 2**64 - 1, -1, "x", None, b"\xff", 1.5, [], {}])
        header: dict[str, Any] = {
            "v": 1, "kind": kind, "epoch": pick.choice(self.known), "seq": pick.randrange(400),
            "status": pick.choice(["done", "error", "dead"]), "error": "forged", "attempt": 1, "credit": 64,
            "instance": pick.choice([new_instance(), 1]), "reason": "forged", "releases": [0, pick.randrange(9), 1],
            "shape": [1], "dtype": "|u1", "streams": ["test"], "sender": 1, "captured": 1,
        }  # fmt: skip
        if pick.random() < 0.3:
            header[pick.choice(list(header))] = value
        if kind == "hello":  # never a worker: an honest one has the same right to frames
            header |= {"role": pick.choice(["observer", "supervisor", "king"]), "held": [[header["epoch"], 5, True]]}
        return header

    def message(self) -> list[bytes]:
        pick = self.pick
        kind = pick.choice(KINDS)
        parts = [pick.choice([b"test", b"", b"other", b"\xff\xfe", b"t" * 4000]), msgpack.packb(self.header(kind))]
        if kind in ("frame", "result") or pick.random() < 0.1:
            parts.append(pick.choice([msgpack.packb({"seq": -1}), b"\xc1", b"", b"x" * 70_000]))
        if pick.random() < 0.1:
            parts[1] = pick.choice([b"", b"\x80", b"\xde\xff\xff" + parts[1], parts[1] + b"x" * 70_000, parts[1][:-3]])
        if pick.random() < 0.02:
            parts += [b"more"] * 40
        return parts[: pick.choice([1, 3, 3, 3, 3, 9, 99])]

    def run(self) -> None:
        while not self.stop.is_set():
            name = b"chosen-%d" % self.said if self.pick.random() < 0.2 else b""
            peer = Peer(self.url, "observer", name=name)
            if self.pick.random() < 0.5:
                peer.hello()
            for _ in range(self.pick.randrange(20, 120)):
                try:
                    peer.send(*self.message())
                    self.said += 1
                except zmq.Again:
                    pass
                while peer.poll(0):
                    pass
                if self.stop.wait(0.002):
                    break
            peer.close()

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


def intervals(crew: Crew) -> list[float]:
    times = [event["t"] for event in crew.events("done")]
    return [after - before for before, after in zip(times, times[1:], strict=False)]


def test_a_hostile_client_changes_nothing_and_slows_no_honest_worker(send: Send, tmp_path: Path) -> None:
    count = 400
    quiet = send(f"{SMALL}&count={count}", "--wait-workers", 1)
    with Crew(quiet.url, tmp_path) as crew:
        crew.one(sleep=0.01)
        quiet.wait()
        alone = statistics.median(intervals(crew))

    sending = send(f"{SMALL}&count={count}", "--wait-workers", 1, "--drain", "2s")
    with Crew(sending.url, tmp_path / "run-1") as crew:
        known = [0]
        hostile = Hostile(sending.url, 11, known)
        try:
            wait_until(lambda: hostile.said > 100, "the hostile client talks")
            honest = crew.one(sleep=0.01)
            wait_until(lambda: honest.events("frame"), "a frame")
            known[0] = honest.events("frame")[0]["epoch"]
            sending.wait()
        finally:
            hostile.end()
        beside = statistics.median(intervals(crew))
        account = sending.account(count)
        assert crew.seqs("start") == list(range(count))
    assert {line["worker"] for line in sending.lines} == {f"test/{honest.process.pid}"}
    assert {line["attempts"] for line in sending.lines} == {1}
    assert account["redelivered"] == account["duplicates"] == account["errors"] == 0
    # All but what an observer may say.
    assert hostile.said > 500 and account["unknown"] > hostile.said * 0.8, (hostile.said, account)
    assert beside <= 1.1 * alone, (alone, beside)


def test_an_oversized_part_costs_its_sender_the_connection(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=40", "--rate", "40fps")
    with Crew(sending.url, tmp_path) as crew:
        crew.one()
        peer = Peer(sending.url, "observer")
        peer.join(1)
        peer.socket.send_multipart([b"test", msgpack.packb({"v": 1, "kind": "stats"}), bytes(65 << 20)])
        peer.take("welcome")  # of the connection after it
        peer.close()
        sending.wait()
        sending.account(40)


def test_replayed_results_and_words_out_of_turn_are_counted(send: Send, tmp_path: Path) -> None:
    sending = send(f"{SMALL}&count=4")
    peer = Peer(sending.url)
    peer.join(2)
    first, second = peer.take("frame"), peer.take("frame")
    peer.result(first, {"seq": 0})  # without a start: the acknowledgement all the same
    for _ in range(3):
        peer.result(first, {"seq": 99})
    peer.say("go", epoch=first.key[0], seq=1)
    peer.say("recall", epoch=first.key[0], seq=1)
    peer.say("progress", epoch=first.key[0], seq=3)
    peer.say("return", epoch=first.key[0], seq=0)
    peer.say("died", instance=peer.instance, reason="suicide")
    peer.result(second, {"seq": 1}, status="dead")  # which only a hub may say
    peer.result(second, {"seq": 1})
    for seq in (2, 3):
        frame = peer.take("frame")
        assert frame.seq == seq
        peer.start(frame)
        peer.start(frame)
        peer.result(frame, {"seq": seq})
    peer.take("end")
    peer.say("bye")
    sending.wait()
    peer.close()
    account = sending.account(4)
    assert account["duplicates"] == 3
    assert account["unknown"] >= 5
    assert account["redelivered"] == 0


def test_a_supervisor_speaks_for_its_own_workers_alone(send: Send) -> None:
    sending = send(f"{SMALL}&count=2")
    mine, other = Peer(sending.url, "supervisor"), Peer(sending.url, "supervisor")
    for one in (mine, other):
        one.greets = True
        one.take("welcome")
    worker = Peer(sending.url, supervisor=mine.instance)
    worker.join(1)
    frame = worker.take("frame")
    worker.start(frame)
    other.say("died", instance=worker.instance, reason="forged")
    other.say("stats")
    assert other.take("stats").header["counts"]["unknown"] == 1
    worker.result(frame, {"seq": 0})
    frame = worker.take("frame")
    assert frame.seq == 1
    worker.say("stats")
    before = worker.take("stats").header["counts"]
    worker.start(frame)
    worker.say("stats")
    after = worker.take("stats").header["counts"]  # the start is heard
    for counts, state in ((before, "leased"), (after, "started")):
        assert (counts["in_flight"], counts[state]) == (1, 1)
        assert counts["ready"] + counts["leased"] + counts["started"] == 1
    mine.say("died", instance=worker.instance, reason="killed by SIGKILL")
    heir = Peer(sending.url)
    heir.join(1)
    again = heir.take("frame")
    assert (again.seq, again.header["attempt"], again.header["guarded"]) == (1, 2, True)
    heir.start(again)
    heir.take("go")
    heir.result(again, {"seq": 1})
    for one in (mine, other, heir):
        one.take("end")
        one.say("bye")
    sending.wait()
    for one in (mine, other, worker, heir):
        one.close()
    assert json.loads(sending.summary.read_text())["done"] == 2
    assert [line["attempts"] for line in sending.lines] == [1, 2]
    assert "test/" in sending.stderr and "SIGKILL" in sending.stderr
