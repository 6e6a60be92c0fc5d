"""What is said of the other end, and what is done about it."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq
import zmq.auth

import framewire
from framewire import link
from helpers.sender import Collector, Sender, until


def wait_for(caplog: pytest.LogCaptureFixture, text: str, receiver: framewire.Receiver) -> None:
    """Receive nothing until this is said."""

    def said() -> bool:
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.02)
        return text in caplog.text

    until(said)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_a_missing_sender_is_said_after_two_seconds(caplog: pytest.LogCaptureFixture) -> None:
    url = f"push+tcp://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with framewire.Receiver(url) as receiver:
        wait_for(caplog, f"waiting for a sender at {url} (nobody listens there yet)", receiver)
    assert 1.9 < time.monotonic() - began < 10
    assert caplog.text.count("waiting for a sender") == 1


def test_an_observer_says_it_too(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    url = f"pub+ipc://{tmp_path}/none"
    with framewire.Receiver(url) as receiver:
        wait_for(caplog, f"waiting for a sender at {url} (nobody listens there yet)", receiver)


@pytest.mark.parametrize(
    ("kind", "pattern", "sentence"),
    [
        (zmq.PUB, "push", "{at} is a PUB socket; say pub+{at}"),
        (zmq.XPUB, "push", "{at} is an XPUB socket; say pub+{at}"),
        (zmq.PUSH, "pub", "{at} is a PUSH socket; say push+{at}"),
        (zmq.ROUTER, "push", "{at} is a ROUTER socket; say {at}"),
        (zmq.PULL, "push", "{at} is a PULL socket, which sends no frames; push+{at} wants a PUSH socket"),
    ],
)
@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_wrong_kind_of_socket_is_named_with_the_right_url(
    kind: int, pattern: str, sentence: str, transport: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with zmq.Context() as context, context.socket(kind) as peer:
        peer.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{tmp_path}/s")
        at = peer.getsockopt_string(zmq.LAST_ENDPOINT)
        began = time.monotonic()
        with framewire.Receiver(f"{pattern}+{at}") as receiver:
            wait_for(caplog, sentence.format(at=at), receiver)
        assert time.monotonic() - began < 2


def test_the_right_kind_is_found_when_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    with Sender("pub") as wrong:
        at = wrong.endpoint
        receiver = framewire.Receiver(f"push+{at}")
        wait_for(caplog, "is an XPUB socket", receiver)
    with receiver, Sender("push", at) as right:
        right.frame(4)
        assert receiver.receive(15).seq == 4
    assert caplog.text.count("is an XPUB socket") == 1


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n" * 4])
def test_a_port_that_does_not_speak_zmtp_is_named(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return
                kept[-1].sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        at = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with framewire.Receiver(f"push+{at}") as receiver:
            wait_for(caplog, f"{at} takes the connection" if not answer else f"{at} is not a ZeroMQ port", receiver)
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


def test_a_message_over_the_limit_is_said_and_the_next_one_taken(
    sender: Sender, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_PART", 1 << 20)
    with framewire.Receiver(sender.url) as receiver:
        sender.frame(0)
        assert receiver.receive(10).seq == 0
        sender.parts(b"cam0", b"header", bytes(2 << 20))
        wait_for(caplog, "as after a message part over 1 MiB; connecting anew", receiver)
        sender.frame(1)
        assert receiver.receive(10).seq == 1


def test_a_collector_that_is_missing_is_said(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    with framewire.Receiver(sender.url, results=url) as receiver:
        sender.frame(0)
        receiver.receive(10).reply(1)
        wait_for(caplog, f"waiting for a collector of results at {url}", receiver)


def test_results_may_be_listened_for_here(sender: Sender, collector: Collector) -> None:
    with framewire.Receiver(sender.url, results="tcp://127.0.0.1:*?bind") as receiver:
        assert receiver.results_url is not None
        collector.socket.connect(receiver.results_url)
        sender.frame(0)
        receiver.receive(10).reply("here")
        assert collector.take()[1] == "here"


Keygen = Callable[[str], tuple[bytes, bytes]]


@pytest.fixture
def keygen(tmp_path: Path) -> Keygen:
    """Make a folder as `framewire keygen` does, and give its public and secret key."""

    def make(name: str) -> tuple[bytes, bytes]:
        folder = tmp_path / name
        folder.mkdir()
        zmq.auth.create_certificates(folder, "framewire")
        (folder / "framewire.key_secret").chmod(0o600)
        public, secret = zmq.auth.load_certificate(folder / "framewire.key_secret")
        assert secret is not None
        return public, secret

    return make


def test_with_keys_frames_come_encrypted(tmp_path: Path, keygen: Keygen) -> None:
    public, secret = keygen("server")
    keygen("client")
    for server_key in (public.decode(), tmp_path / "server" / "framewire.key"):
        with (
            Sender("push", curve_server=True, curve_publickey=public, curve_secretkey=secret) as sender,
            framewire.Receiver(sender.url, keys=tmp_path / "client", server_key=server_key) as receiver,
        ):
            sender.frame(0)
            assert receiver.receive(10).seq == 0


def test_who_comes_without_keys_is_told(keygen: Keygen, caplog: pytest.LogCaptureFixture) -> None:
    public, secret = keygen("server")
    with (
        Sender("push", curve_server=True, curve_publickey=public, curve_secretkey=secret) as sender,
        framewire.Receiver(sender.url) as receiver,
    ):
        wait_for(caplog, "lets in only who has a key", receiver)


def test_who_comes_with_keys_to_a_sender_without_is_told(
    sender: Sender, tmp_path: Path, keygen: Keygen, caplog: pytest.LogCaptureFixture
) -> None:
    public, _ = keygen("client")
    with framewire.Receiver(sender.url, keys=tmp_path / "client", server_key=public.decode()) as receiver:
        wait_for(caplog, "uses no keys", receiver)


def test_keys_that_cannot_be_used_are_refused(tmp_path: Path, keygen: Keygen) -> None:
    public, _ = keygen("mine")
    mine, key = tmp_path / "mine", public.decode()

    def refused(**options: object) -> str:
        with pytest.raises(framewire.Error) as error:
            framewire.Receiver("push+tcp://127.0.0.1:1", **options)  # type: ignore[arg-type]
        return str(error.value)

    assert "without server_key" in refused(keys=mine)
    assert "without keys" in refused(server_key=key)
    assert "framewire keygen" in refused(keys=tmp_path / "none", server_key=key)
    assert "not a CURVE key" in refused(keys=mine, server_key="\x7f" * 40)
    assert "no such file" in refused(keys=mine, server_key=str(tmp_path / "none"))
    (tmp_path / "empty").write_text("nothing")
    assert "no public key" in refused(keys=mine, server_key=tmp_path / "empty")
    (mine / "framewire.key_secret").chmod(0o644)
    assert "others may read" in refused(keys=mine, server_key=key)


def test_waiting_costs_nothing(sender: Sender) -> None:
    """With a sender that is there and silent, and past every notice."""
    with framewire.Receiver(sender.url, timeout=60) as receiver:
        sender.frame(0)
        receiver.receive(10)
        with pytest.raises(framewire.Timeout):
            receiver.receive(2.2)
        began = time.thread_time()
        with pytest.raises(framewire.Timeout):
            receiver.receive(0.5)
        assert time.thread_time() - began < 0.05


def test_a_host_that_cannot_be_found_is_said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> socket.socket:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", unknown)
    with framewire.Receiver("push+tcp://127.0.0.1:1") as receiver:
        wait_for(caplog, "push+tcp://127.0.0.1:1: the host cannot be found: Name or service not known", receiver)


def test_who_listens_says_where_and_to_whom_it_is_open(caplog: pytest.LogCaptureFixture) -> None:
    with framewire.Receiver("push+tcp://127.0.0.1:*?bind") as receiver:
        assert f"listening on {receiver.urls[0]}" in caplog.text
    assert "open to the network" not in caplog.text
    with framewire.Receiver("push+tcp://*:*?bind") as receiver:
        assert f"{receiver.urls[0]} is open to the network" in caplog.text
