"""framewire send: what arrives, what is said, what the account says, and the exit code."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq.auth

from helpers import pictures
from helpers.command import Command, Running, wait_until
from helpers.leased import Peer
from helpers.plain import Receiver, take_all

Start = Callable[..., Running]
PUSH = ("--to", "push+tcp://127.0.0.1:*")


def summary_of(text: str) -> dict[str, Any]:
    account: dict[str, Any] = json.loads(text)
    assert account["captured"] == account["sent"] + account["dropped"] + account["in_flight"]
    return account


def test_a_folder_arrives_whole_in_order_and_is_accounted_for(start: Start, tmp_path: Path) -> None:
    pictures.folder(tmp_path / "photos", 12)
    sending = start("send", tmp_path / "photos", *PUSH, "--summary", "-")
    frames, end = take_all(sending.url)
    assert sending.wait() == 0
    assert [frame.header["item"] for frame in frames] == [f"{n}.ppm" for n in range(12)]
    assert [frame.seq for frame in frames] == list(range(12))
    assert all((frame.array == frame.seq).all() and frame.array.shape == (3, 4, 3) for frame in frames)
    assert end.header["sent"] == 12
    account = summary_of(sending.stdout)
    assert (account["stream"], account["captured"], account["bad"]) == ("photos", 12, 0)
    assert account["bytes"] == 12 * 36


def test_it_says_where_it_listens_and_sums_up_in_a_sentence(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=3", *PUSH)
    take_all(sending.url)
    assert sending.wait() == 0
    said = sending.stderr.splitlines()
    assert said[0] == f"framewire: listening on {sending.url}"
    assert sending.url.startswith("push+tcp://127.0.0.1:") and not sending.url.endswith(":0")
    assert said[-1].startswith("framewire: 3 frames sent in ")
    assert sending.stdout == ""


def test_quiet_says_nothing_when_all_is_well(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=3", *PUSH, "--quiet")
    take_all(sending.url)
    assert (sending.wait(), sending.stderr, sending.stdout) == (0, "", "")


def test_every_output_is_listed_the_working_one_first(start: Start) -> None:
    sending = start(
        "send", "test:bars?size=16x16", "--count", 4, "--to", "pub+tcp://127.0.0.1:*", *PUSH,
        "--collect", "tcp://127.0.0.1:*", "--summary", "-", "--drain", "0", "--deadline", "100ms",
    )  # fmt: skip
    push, pub, collect = sending.urls
    assert (push.split(":")[0], pub.split(":")[0], collect.split(":")[0]) == ("push+tcp", "pub+tcp", "tcp")
    with Receiver(push) as receiver:
        assert len(list(receiver)) == 4
    assert sending.wait() == 3
    assert [output["url"] for output in summary_of(sending.stdout)["outputs"]] == [pub]


def test_subscribers_see_a_paced_stream(start: Start) -> None:
    sending = start(
        "send", "test:bars?size=16x16&count=5", "--to", "pub+tcp://127.0.0.1:*", "--rate", "50fps", "--drain", "1s",
        "--summary", "-",
    )  # fmt: skip
    frames, end = take_all(sending.url)
    assert [frame.seq for frame in frames] == list(range(5))
    assert end.header["sent"] == 5
    assert sending.wait() == 0
    took = (frames[-1].header["time"] - frames[0].header["time"]) / 1e9
    assert summary_of(sending.stdout)["seconds"] < took + 1, "telling the end is no time of the frames"


@pytest.mark.parametrize(
    ("options", "items"),
    [
        (["--loop", "3"], ["0.ppm", "1.ppm"] * 3),
        (["--count", "1"], ["0.ppm"]),
        (["--loop", "0", "--count", "5"], ["0.ppm", "1.ppm", "0.ppm", "1.ppm", "0.ppm"]),
    ],
)
def test_loop_and_count(start: Start, tmp_path: Path, options: list[str], items: list[str]) -> None:
    sending = start("send", pictures.folder(tmp_path / "two", 2), *PUSH, *options)
    frames, _ = take_all(sending.url)
    assert [frame.header["item"] for frame in frames] == items
    assert [frame.seq for frame in frames] == list(range(len(items)))
    assert sending.wait() == 0


def test_rate_sets_the_pace(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16", "--count", 21, "--rate", "100fps", *PUSH)
    with Receiver(sending.url) as receiver:
        receiver.receive()
        began = time.monotonic()
        assert len(list(receiver)) == 20
        assert time.monotonic() - began > 0.15
    assert sending.wait() == 0


@pytest.mark.parametrize("name", ["names", "-"])
def test_a_list_of_names_is_taken_from_a_file_or_from_stdin(start: Start, tmp_path: Path, name: str) -> None:
    photos = pictures.folder(tmp_path / "photos", 3)
    (tmp_path / "names").write_text(f"{photos / '2.ppm'}\n{photos / '0.ppm'}\n")
    with open(tmp_path / "names") as names:
        sending = start("send", "--list", name, *PUSH, cwd=tmp_path, stdin=names.fileno())
    assert [int(frame.array[0, 0, 0]) for frame in take_all(sending.url)[0]] == [2, 0]
    assert sending.wait() == 0


def test_encodings_travel_as_asked(start: Start, tmp_path: Path) -> None:
    photo = pictures.ppm(tmp_path / "a.ppm", width=64, height=48)
    sending = start("send", photo, *PUSH, "--encoding", "jpeg:95")
    (frame,), _ = take_all(sending.url)
    assert sending.wait() == 0
    assert (frame.encoding, frame.header["shape"], frame.payloads[0][:2]) == ("jpeg", [48, 64, 3], b"\xff\xd8")

    file = tmp_path / "b.jpg"
    file.write_bytes(frame.payloads[0])
    sending = start("send", file, photo, *PUSH, "--encoding", "keep")
    (kept, raw), _ = take_all(sending.url)
    assert sending.wait() == 0
    assert kept.payloads[0] == file.read_bytes() and kept.encoding == "jpeg"
    assert raw.encoding == "raw"


def test_the_stream_is_named_as_asked(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=1", *PUSH, "--stream", "Käse 1")
    assert take_all(sending.url)[0][0].stream == "Käse 1"
    assert sending.wait() == 0


def test_a_frame_that_jpeg_cannot_hold_is_named(start: Start, tmp_path: Path) -> None:
    deep = tmp_path / "deep.pgm"
    deep.write_bytes(b"P5 2 2 65535\n" + bytes(8))
    sending = start("send", deep, *PUSH, "--encoding", "jpeg")
    assert sending.wait() == 3
    assert f"{deep}: not taken: mono16 cannot be written as JPEG" in sending.stderr


def test_bad_inputs_are_named_counted_and_exit_3(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 3)
    pictures.truncated(photos / "1.ppm")
    sending = start("send", photos, *PUSH, "--summary", tmp_path / "account")
    frames, _ = take_all(sending.url)
    assert sending.wait() == 3
    assert [(frame.seq, frame.header["item"]) for frame in frames] == [(0, "0.ppm"), (1, "2.ppm")]
    assert f"framewire: {photos}/1.ppm: not taken: " in sending.stderr
    assert "2 frames sent" in sending.stderr and "1 bad input" in sending.stderr
    assert summary_of((tmp_path / "account").read_text())["bad"] == 1


def test_strict_stops_at_the_first_bad_input(start: Start, tmp_path: Path) -> None:
    photos = pictures.folder(tmp_path / "photos", 200)
    pictures.truncated(photos / "1.ppm")
    sending = start("send", photos, *PUSH, "--strict", "--threads", 1, "--drain", "100ms")
    with Receiver(sending.url) as receiver:
        frames = list(receiver)
    assert sending.wait() == 1
    assert len(frames) < 100
    assert "1.ppm: not taken: " in sending.stderr


def test_frames_that_are_all_too_large_end_it_at_once(framewire: Command) -> None:
    done = framewire("send", "test:bars?size=2000x2000", *PUSH, "--memory", "12MiB")
    assert done.returncode == 1
    assert "a memory budget of 12 MiB has room for frames of up to 8 MiB each" in done.stderr
    assert done.stderr.count("a frame of 12000000 bytes is larger than the largest block") == 1


def test_a_budget_beyond_what_there_is_is_warned_of_at_the_start(start: Start) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") >> 20
    sending = start("send", "test:bars?count=1", *PUSH, "--memory", f"{machine + 1024}MiB")
    take_all(sending.url)
    assert sending.wait() == 0
    said = sending.stderr.splitlines()[0]
    assert f"a memory budget of {machine + 1024} MiB does not fit into the " in said
    assert "ask for at most " in said


def test_huge_pages_are_used_where_there_are_some_and_else_it_is_said(start: Start) -> None:
    sending = start("send", "test:bars?count=3", *PUSH, "--huge-pages", "--memory", "16MiB", "--quiet")
    frames, _ = take_all(sending.url)
    assert len(frames) == 3
    assert sending.wait() == 0
    folder = Path("/sys/kernel/mm")
    reserved = folder / "hugepages/hugepages-2048kB/free_hugepages"
    transparent = [
        folder / "transparent_hugepage" / each for each in ("hugepages-2048kB/shmem_enabled", "shmem_enabled")
    ]
    says = [re.findall(r"\[(\w+)\]", path.read_text())[0] for path in transparent if path.exists()]
    offered = [word for word in says if word != "inherit"][:1]
    none = offered in ([], ["never"], ["deny"]) and not (reserved.exists() and int(reserved.read_text()) >= 8)
    version = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if version >= (6, 1) and offered not in ([], ["deny"]):  # the kernel makes some when it is told to
        none = False
    assert len(sending.stderr.splitlines()) == none
    assert sending.stderr.startswith("framewire: no huge pages, normal ones are used: ") == none


def test_a_file_that_is_too_large_is_one_bad_input(start: Start, tmp_path: Path) -> None:
    large = pictures.ppm(tmp_path / "a.ppm", width=1024, height=1024)
    small = pictures.ppm(tmp_path / "b.ppm")
    sending = start("send", large, small, *PUSH, "--memory", "2MiB")
    frames, _ = take_all(sending.url)
    assert sending.wait() == 3
    assert [frame.header["item"] for frame in frames] == [str(small)]
    assert f"{large}: not taken: a frame of 3145728 bytes is larger" in sending.stderr
    assert "room for frames" not in sending.stderr


def test_an_earlier_account_is_replaced_whole(start: Start, tmp_path: Path) -> None:
    account = tmp_path / "account"
    account.write_text("x" * 10000)
    sending = start("send", "test:bars?size=16x16&count=1", *PUSH, "--summary", account)
    take_all(sending.url)
    assert sending.wait() == 0
    assert summary_of(account.read_text())["sent"] == 1


@pytest.mark.parametrize(("policy", "kept"), [("drop-newest", [0, 1]), ("drop-oldest", [48, 49])])
def test_drops_are_counted_when_asked_for(start: Start, policy: str, kept: list[int]) -> None:
    source = ("send", "test:bars?size=16x16&count=50", *PUSH)
    sending = start(*source, "--when-full", policy, "--queue", 2, "--metrics", "127.0.0.1:0", "--summary", "-")
    wait_until(lambda: "\nframewire_frames_captured_total 50\n" in sending.metrics, "all frames being captured")
    frames, _ = take_all(sending.url)
    assert [frame.seq for frame in frames] == kept
    assert sending.wait() == 0
    account = summary_of(sending.stdout)
    assert (account["captured"], account["sent"], account["dropped"]) == (50, 2, 48)


def test_a_hub_tells_its_counts_by_the_names_of_the_specification(start: Start) -> None:
    sending = start("send", "test:bars?size=64x48&count=4", "--to", "tcp://127.0.0.1:*", "--queue", 8)
    worker = Peer(sending.url)
    worker.join(credit=2)
    frames = [worker.take("frame") for _ in range(2)]
    worker.start(frames[0])

    def counts() -> dict[str, int]:
        worker.say("stats")
        told: dict[str, int] = worker.take("stats").header["counts"]
        return told

    wait_until(lambda: counts()["captured"] == 4, "all frames being captured")
    told = counts()
    assert {name: told[name] for name in ("in_flight", "ready", "leased", "started", "done")} == {
        "in_flight": 4, "ready": 2, "leased": 1, "started": 1, "done": 0,
    }  # fmt: skip
    worker.close()


def test_metrics_quote_what_a_path_may_hold(start: Start, tmp_path: Path) -> None:
    side = f'pub+ipc://{tmp_path}/a"b'
    sending = start("send", "test:bars?size=16x16", *PUSH, "--to", side, "--metrics", "127.0.0.1:0")
    quoted = side.replace('"', '\\"')
    assert f'\nframewire_side_frames_total{{output="{quoted}",result="sent"}} ' in sending.metrics


def test_metrics_are_served_where_it_says(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16", *PUSH, "--metrics", "127.0.0.1:0")
    assert "\nframewire_frames_captured_total " in sending.metrics


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("no/such/file.png", 1, "no/such/file.png"),
        ("tset:bars", 2, "test"),
        ("test:stripes", 2, "bars"),
        ("test:bars?colour=red", 2, "colour"),
        ("test:bars?size=big", 2, "640x480"),
        ("test:bars?size=0x5", 2, "size"),
        ("test:bars?size=641x480&format=nv12", 2, "test:bars: size=641x480: nv12 of 641 x 480 pixels: its colours"),
        ("test:bars?size=65500x65500", 2, "test:bars: size=65500x65500: claims 65500 x 65500 pixels (limit 268 Mpx)"),
        ("test:bars?count=many", 2, "count"),
        ("test:bars?format=rgb9", 2, "rgb9"),
        ("empty/", 1, "no images"),
    ],
)
def test_a_source_that_cannot_be_is_said(framewire: Command, tmp_path: Path, source: str, code: int, said: str) -> None:
    (tmp_path / "empty").mkdir()
    done = framewire("send", source, *PUSH, "--ready-file", "ready", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.startswith("framewire: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "ready").exists()


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://x", 2, "push+tcp://"),
        ("push+udp://127.0.0.1:5", 2, "udp"),
        ("push+tcp://127.0.0.1", 2, "port"),
        ("push+tcp://127.0.0.1:99999", 2, "99999"),
        ("push+tcp://127.0.0.1:0?blind", 2, "blind"),
        ("push+ipc://", 2, "path"),
        ("push+ipc:///" + "x" * 200, 2, "107"),
        ("push+tcp://no-such-interface:5555", 1, "no-such-interface"),
        ("push+tcp://192.0.2.1:5555", 1, "listen at push+tcp://*:5555, or say ?connect\n"),
        ("tcp://192.0.2.1:5555", 1, "listen at tcp://*:5555\n"),
        ("push+ipc:///no/such/folder/x", 1, "/no/such/folder"),
    ],
)
def test_an_output_that_cannot_be_is_said(framewire: Command, url: str, code: int, said: str) -> None:
    done = framewire("send", "test:bars?count=1", "--to", url)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.startswith("framewire: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_leased_output_waits_for_a_worker(start: Start, count: int) -> None:
    sending = start("send", f"test:bars?count={count}", "--to", "tcp://127.0.0.1:0", "--timeout", "2500ms")
    sending.says(f"waiting for 1 worker at {sending.url} (0 connected)")
    assert sending.wait() == 1
    assert f"nobody came to {sending.url} in 2.5 s (--timeout)" in sending.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--to", "push+tcp://127.0.0.1:0"], "one working output"),
        (["--stream", "a\tb"], "control characters"),
        (["--stream", "x" * 129], "128 bytes"),
    ],
)
def test_senders_that_make_no_sense_are_refused(framewire: Command, more: list[str], said: str) -> None:
    done = framewire("send", "test:bars?count=1", *PUSH, *more)
    assert done.returncode == 2
    assert said in done.stderr


def test_results_from_subscribers_are_refused(framewire: Command) -> None:
    done = framewire("send", "test:bars?count=1", "--to", "pub+tcp://127.0.0.1:0", "--collect", "tcp://127.0.0.1:0")
    assert done.returncode == 2
    assert "--collect" in done.stderr and "push+" in done.stderr


def test_a_port_in_use_is_said_with_what_would_work(framewire: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = framewire("send", "test:bars?count=1", "--to", f"push+tcp://127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"tcp://127.0.0.1:{port} is in use by another program; choose another port" in done.stderr


@pytest.mark.parametrize("option", ["--ready-file", "--summary", "--results", "--list"])
def test_a_file_that_cannot_be_opened_is_said_at_once(framewire: Command, option: str, tmp_path: Path) -> None:
    collect = ["--collect", "tcp://127.0.0.1:0"] if option == "--results" else []
    done = framewire("send", "test:bars?count=1", *PUSH, *collect, option, tmp_path / "no" / "file")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/no/file" in done.stderr and "No such file" in done.stderr


def test_an_account_that_cannot_be_written_is_exit_1(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=1", *PUSH, "--summary", "/dev/full")
    take_all(sending.url)
    assert sending.wait() == 1
    assert "framewire: --summary /dev/full: No space left on device" in sending.stderr


def test_nobody_there_is_said_and_ends_at_the_timeout(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=1", *PUSH, "--timeout", "2500ms")
    sending.says("waiting for ")
    assert sending.wait() == 1
    assert "--timeout" in sending.stderr


def test_it_waits_for_as_many_receivers_as_asked(start: Start) -> None:
    sending = start(
        "send", "test:bars?size=16x16&count=8", *PUSH, "--wait-workers", 2, "--summary", "-", "--drain", "5s"
    )
    with Receiver(sending.url, queue=1) as one:
        sending.says("waiting for 2 receivers")
        assert not one.socket.poll(0)
        with Receiver(sending.url, queue=1) as two:
            got = {frame.seq for receiver in (one, two) for frame in receiver}
    assert got == set(range(8))
    assert sending.wait() == 0


def test_too_few_receivers_are_counted_at_the_timeout(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16&count=8", *PUSH, "--wait-workers", 2, "--timeout", "1s")
    with Receiver(sending.url):
        assert sending.wait() == 1
    assert f"only 1 of 2 receivers came to {sending.url} in 1 s (--timeout)" in sending.stderr


def test_an_open_port_without_keys_is_warned_of_loudly(start: Start) -> None:
    sending = start("send", "test:bars?size=16x16", "--to", "push+tcp://0.0.0.0:*", "--quiet")
    sending.says("is open to the network")


def test_with_keys_only_those_allowed_are_served(start: Start, framewire: Command, tmp_path: Path) -> None:
    for name in ("sender", "friend"):
        assert framewire("keygen", tmp_path / name).returncode == 0
    pair: dict[str, tuple[bytes, bytes]] = {}
    for name in ("sender", "friend"):
        public, secret = zmq.auth.load_certificate(tmp_path / name / "framewire.key_secret")
        pair[name] = (public, secret or b"")
    (tmp_path / "allowed").write_bytes(pair["friend"][0] + b" friend\n")
    secure = ("--keys", tmp_path / "sender", "--allow", tmp_path / "allowed")
    sending = start("send", "test:bars?size=16x16&count=3", *PUSH, *secure)
    server_key = pair["sender"][0]
    stranger = zmq.curve_keypair()
    with (
        Receiver(sending.url) as bare,
        Receiver(sending.url, keys=stranger, server_key=server_key) as other,
        Receiver(sending.url, keys=pair["friend"], server_key=server_key) as friend,
    ):
        assert len(list(friend)) == 3
        assert not bare.socket.poll(0) and not other.socket.poll(0)
    assert sending.wait() == 0


def test_ipc_works_and_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "frames.sock"
    sending = start("send", "test:bars?size=16x16&count=3", "--to", f"push+ipc://{path}")
    frames, _ = take_all(sending.url)
    assert len(frames) == 3
    assert sending.wait() == 0
    wait_until(lambda: not path.exists(), "the socket's removal")
