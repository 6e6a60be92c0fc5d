"""Who is no receiver of ours: random bytes, wrong kinds of sockets, keys that are not let in."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq

import framewire
from helpers.command import Command, Running, wait_until

from .ends import HEIGHT, WAYS, WIDTH, Ours, Plain, Way

Start = Callable[..., Running]

GREETINGS = [
    b"",
    b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL",  # ZMTP 3, and then nonsense
    b"\xff\0\0\0\0\0\0\0\x01\x7f\x01",  # ZMTP 2
    b"\x01\0",  # ZMTP 1: an empty identity
    b"GET / HTTP/1.1\r\n\r\n",
]


def dial(url: str) -> socket.socket:
    address = url.split("://")[1]
    if "ipc://" in url:
        raw = socket.socket(socket.AF_UNIX)
        raw.connect(address)
    else:
        host, port = address.rsplit(":", 1)
        raw = socket.create_connection((host, int(port)))
    return raw


class Botherer(threading.Thread):
    """Says random bytes at a port until the `with` block ends."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.url = url
        self.dice = random.Random(seed)
        self.connections = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.wait(0.005):
            try:
                with dial(self.url) as raw:
                    self.connections += 1
                    raw.settimeout(0.01)
                    raw.sendall(self.dice.choice(GREETINGS) + self.dice.randbytes(self.dice.choice([1, 20, 2000])))
                    raw.recv(100)
            except OSError:
                pass  # it hung up, or the stream is over

    def __enter__(self) -> Botherer:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self.join()
        assert self.connections > 20


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_random_bytes_at_every_port_change_nothing(start: Start, tmp_path: Path, way: Way) -> None:
    count = 1000 if way.encoding == "raw" else 300  # at 100 a second
    sending = start(
        "send", f"test:bars?size={WIDTH}x{HEIGHT}", "--to", way.url(tmp_path), "--encoding", way.encoding,
        "--rate", "100fps", "--count", count, "--wait-workers", 1, "--summary", "-", "--drain", "1s",
        *(["--collect", way.url(tmp_path, "collect").split("+")[1]] if way.pattern == "push" else []),
    )  # fmt: skip
    urls = sending.urls
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    with ExitStack() as botherers:
        for number, url in enumerate(urls):
            botherers.enter_context(Botherer(url, seed + number))
        taking = Ours(urls[0], **({"results": urls[1]} if way.pattern == "push" else {}))
        taking.done().check(count)
    assert sending.wait() == 0, sending.stderr
    account = json.loads(sending.stdout)
    assert account["captured"] == account["sent"] == count
    if way.pattern == "push":
        assert (account["results"], account["lost"]) == (count, 0)


def test_random_bytes_at_the_metrics_change_nothing(start: Start) -> None:
    sending = start(
        "send", f"test:bars?size={WIDTH}x{HEIGHT}&count=50", "--to", "push+tcp://127.0.0.1:0", "--metrics",
        "127.0.0.1:0", "--wait-workers", 1,
    )  # fmt: skip
    sending.says("/metrics")
    address = sending.stderr.split("http://")[1].split("/")[0]
    with Botherer(f"tcp://{address}", 5) as botherer:
        wait_until(lambda: botherer.connections > 50, "connections")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        assert answer.status == 200 and b"framewire_" in answer.read()
    Plain(sending.url).done().check(50)
    assert sending.wait() == 0


@pytest.mark.parametrize(("kind", "wanted", "right"), [
    (zmq.PUB, "push", "pub"), (zmq.XPUB, "push", "pub"), (zmq.PUSH, "pub", "push"),
])  # fmt: skip
def test_a_receiver_at_a_wrong_kind_of_socket_says_the_right_url(
    kind: int, wanted: str, right: str, caplog: pytest.LogCaptureFixture
) -> None:
    with zmq.Context() as context, context.socket(kind) as wrong:
        wrong.linger = 0
        port = wrong.bind_to_random_port("tcp://127.0.0.1")
        begun = time.monotonic()
        with framewire.Receiver(f"{wanted}+tcp://127.0.0.1:{port}") as receiver, pytest.raises(framewire.Timeout):
            receiver.receive(timeout=2.5)
        said = [record for record in caplog.records if f"say {right}+tcp://127.0.0.1:{port}" in record.getMessage()]
        assert said, caplog.text
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(("kind", "wanted", "right"), [(zmq.SUB, "push", "pub"), (zmq.PULL, "pub", "push")])
def test_a_sender_at_a_wrong_kind_of_socket_says_the_right_url(
    start: Start, kind: int, wanted: str, right: str
) -> None:
    with zmq.Context() as context, context.socket(kind) as wrong:
        wrong.linger = 0
        port = wrong.bind_to_random_port("tcp://127.0.0.1")
        sending = start("send", "test:bars?count=1", "--to", f"{wanted}+tcp://127.0.0.1:{port}?connect")
        sending.says(f"say {right}+tcp://127.0.0.1:{port}", timeout=20)


class Keys:
    """Three key pairs, of which the sender lets one in."""

    def __init__(self, framewire: Command, folder: Path) -> None:
        self.folder = folder
        self.public = {}
        for name in ("sender", "friend", "stranger"):
            made = framewire("keygen", folder / name)
            assert made.returncode == 0, made.stderr
            self.public[name] = made.stdout.strip()
        self.allow = folder / "allow"
        self.allow.write_text(f"# who may connect\n{self.public['friend']} friend\n")

    def __truediv__(self, name: str) -> Path:
        return self.folder / name


@pytest.mark.parametrize("pattern", ["push", "pub"])
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_only_keys_that_are_allowed_come_in(
    start: Start, framewire: Command, tmp_path: Path, pattern: str, transport: str
) -> None:
    way, keys = Way(pattern, transport, "raw"), Keys(framewire, tmp_path)
    sending = start(
        *way.send(way.url(tmp_path), 30), "--wait-workers", 1, "--keys", keys / "sender", "--allow", keys.allow
    )
    stranger = Ours(sending.url, keys=keys / "stranger", server_key=keys.public["sender"])
    without = Plain(sending.url)
    sending.says("was refused: it has no key that is let in")
    friend = Ours(sending.url, keys=keys / "friend", server_key=keys.public["sender"])
    friend.done().check(30)
    assert sending.wait() == 0
    for other in (stranger, without):
        other.stop()
        assert other.log.seqs == []


def test_keys_without_a_list_of_who_may_come_in_are_refused(start: Start, framewire: Command, tmp_path: Path) -> None:
    keys = Keys(framewire, tmp_path)
    sending = start("send", "test:bars?count=1", "--to", "push+tcp://127.0.0.1:0", "--keys", keys / "sender")
    assert sending.wait() != 0
    assert "--allow" in sending.stderr
    assert not sending.ready_file.exists()


def test_a_key_pair_is_never_overwritten(framewire: Command, tmp_path: Path) -> None:
    keys = Keys(framewire, tmp_path)
    secret = keys / "sender" / "framewire.key_secret"
    before = secret.read_bytes()
    again = framewire("keygen", keys / "sender")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert secret.read_bytes() == before
    assert secret.stat().st_mode & 0o777 == 0o600
