"""The same cases over every pattern, transport and encoding, with plain receivers and our own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.command import Running

from .ends import KINDS, WAYS, Ours, Plain, Taking, Way, wait_frames

Start = Callable[..., Running]
Kind = Callable[..., Taking]

over_every_way = pytest.mark.parametrize("way", WAYS, ids=str)
with_both_kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__.lower())


@over_every_way
@with_both_kinds
def test_all_frames_arrive_once_and_whole(start: Start, tmp_path: Path, way: Way, kind: Kind) -> None:
    sending = start(*way.send(way.url(tmp_path), 60), "--wait-workers", 1, "--summary", "-")
    log = kind(sending.url).done()
    log.check(60)
    assert sending.wait() == 0
    account = json.loads(sending.stdout)
    assert (account["captured"], account["sent"], account["dropped"], account["in_flight"]) == (60, 60, 0, 0)
    assert list(tmp_path.glob("socket*")) == []


@over_every_way
def test_the_end_reaches_every_peer_also_a_slow_one(start: Start, tmp_path: Path, way: Way) -> None:
    sending = start(*way.send(way.url(tmp_path), 60), "--wait-workers", 3)
    url = sending.url
    slow = Plain(url, pause=0.02)
    logs = [taking.done() for taking in (Plain(url), Ours(url), slow)]
    assert sending.wait() == 0
    for log in logs:
        log.check(60 if way.pattern == "pub" and log is not slow.log else None)
    if way.pattern == "push":
        assert sorted(seq for log in logs for seq in log.seqs) == list(range(60))


@over_every_way
@with_both_kinds
def test_the_receiver_may_be_there_first(start: Start, tmp_path: Path, way: Way, kind: Kind) -> None:
    url = way.known_url(tmp_path)
    taking = kind(url)
    sending = start(*way.send(url, 20), "--wait-workers", 1)
    taking.done().check(20)
    assert sending.wait() == 0


@over_every_way
@with_both_kinds
def test_the_sender_may_connect_and_the_receiver_listen(start: Start, tmp_path: Path, way: Way, kind: Kind) -> None:
    taking = kind(f"{way.url(tmp_path)}?bind")
    sending = start(*way.send(f"{taking.url}?connect", 20), "--wait-workers", 1)
    taking.done().check(20)
    assert sending.wait() == 0


@over_every_way
@with_both_kinds
def test_a_receiver_may_leave_and_another_come(start: Start, tmp_path: Path, way: Way, kind: Kind) -> None:
    paced = [] if way.pattern == "pub" else ["--rate", "100fps"]
    sending = start(*way.send(way.url(tmp_path), 150), *paced, "--wait-workers", 1, "--summary", "-")
    first = kind(sending.url, most=5).done()
    second = kind(sending.url).done()
    assert sending.wait() == 0
    assert len(first.seqs) == 5 and first.torn == [] and not first.ended
    second.check()
    # What libzmq and the kernel held for the first one is lost with it: some frames, never the rest of the stream.
    assert second.seqs[0] > first.seqs[-1]
    assert second.seqs[-1] == 149 or way.pattern == "pub"
    account = json.loads(sending.stdout)
    assert account["captured"] == 150 == account["sent"] + account["dropped"]


@pytest.mark.parametrize("way", [way for way in WAYS if way.encoding == "raw"], ids=str)
def test_nobody_is_waited_for_without_a_word(start: Start, tmp_path: Path, way: Way) -> None:
    sending = start(*way.send(way.url(tmp_path), 5), "--wait-workers", 1, "--timeout", "2500ms")
    assert sending.wait() == 1
    assert f"waiting for 1 {'receiver' if way.pattern == 'push' else 'subscriber'} at {sending.url}" in sending.stderr
    assert "nobody came" in sending.stderr


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_stream_is_told_from_one_whose_name_begins_alike(start: Start, tmp_path: Path, transport: str) -> None:
    way = Way("pub", transport, "raw")
    taking = Ours(f"{way.url(tmp_path)}?bind", streams=["cam1"])
    # One after the other: the receiver leaves at the end of cam1, and cam10 would wait for it.
    for name in ("cam10", "cam1"):
        sender = start(*way.send(f"{taking.url}?connect", 20), "--stream", name, "--wait-workers", 1)
        assert sender.wait() == 0
    log = taking.done()
    log.check(20)
    assert log.streams == {"cam1"}


@pytest.mark.parametrize("pattern", ["push", "pub"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_an_address_in_use_is_said_and_left_alone(start: Start, tmp_path: Path, pattern: str, transport: str) -> None:
    way = Way(pattern, transport, "raw")
    first = start(*way.send(way.url(tmp_path), 30), "--wait-workers", 1)
    second = start(*way.send(first.url, 30))
    assert second.wait() == 1
    assert f"{first.url} is in use by another program; choose another" in second.stderr
    assert not second.ready_file.exists()
    Ours(first.url).done().check(30)
    assert first.wait() == 0


def test_a_file_at_an_ipc_path_is_left_alone(start: Start, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    sending = start("send", "test:bars?count=1", "--to", f"push+ipc://{precious}")
    assert sending.wait() == 1
    assert "no socket" in sending.stderr
    assert precious.read_text() == "keep me"


@pytest.mark.parametrize("pattern", ["push", "pub"])
def test_an_ipc_path_of_a_killed_sender_is_taken_over(start: Start, tmp_path: Path, pattern: str) -> None:
    way = Way(pattern, "ipc", "raw")
    first = start(*way.send(way.url(tmp_path), 30), "--wait-workers", 1)
    assert first.url
    first.kill()
    assert (tmp_path / "socket").exists()
    second = start(*way.send(way.url(tmp_path), 30), "--wait-workers", 1)
    Plain(second.url).done().check(30)
    assert second.wait() == 0
    assert not os.path.lexists(tmp_path / "socket")


@over_every_way
def test_a_receiver_stays_for_a_sender_that_vanished(start: Start, tmp_path: Path, way: Way) -> None:
    url = way.known_url(tmp_path)
    taking = Ours(url)
    first = start(*way.send(url, 0), "--wait-workers", 1)
    wait_frames(taking, 3)
    first.kill()
    before = len(taking.log.seqs)
    second = start(*way.send(url, 20), "--wait-workers", 1)
    log = taking.done()
    assert second.wait() == 0
    assert log.ended and log.torn == []
    assert log.seqs[-1] == 19 or way.pattern == "pub"
    assert len(log.seqs) > before
