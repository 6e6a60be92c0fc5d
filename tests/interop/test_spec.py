"""The scripts in proto/framewire-1.md read a stream as it is described there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgpack
import numpy as np
import pytest
import zmq

SPEC = Path(__file__).resolve().parents[2] / "proto" / "framewire-1.md"
SCRIPTS = re.findall(r"```python\n(.*?)```", SPEC.read_text(encoding="utf-8"), re.DOTALL)
PATIENCE = 60

IMAGES = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20)]
END = [b"cam0", msgpack.packb({"v": 1, "kind": "end", "epoch": 5, "captured": 2, "streams": []})]


def frame(seq: int) -> list[bytes]:
    header = {"v": 1, "kind": "frame", "epoch": 5, "seq": seq, "shape": [4, 6, 3], "dtype": "|u1", "format": "rgb8"}
    return [b"cam0", msgpack.packb(header), IMAGES[seq].tobytes()]


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def bound(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> tuple[zmq.Socket[bytes], str]:
    socket = context.socket(kind)
    socket.sndtimeo = socket.rcvtimeo = PATIENCE * 1000
    socket.bind("tcp://127.0.0.1:*")
    return socket, socket.last_endpoint.decode()


def test_the_worker(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    push, frames_url = bound(context, zmq.PUSH)
    pull, results_url = bound(context, zmq.PULL)
    script = tmp_path / "worker.py"
    script.write_text(SCRIPTS[0], encoding="utf-8")
    with subprocess.Popen([sys.executable, script, frames_url, results_url]) as worker:
        for seq in range(2):
            push.send_multipart(frame(seq))
            stream, header, value = pull.recv_multipart()
            assert stream == b"cam0"
            assert msgpack.unpackb(header) == {"v": 1, "kind": "result", "epoch": 5, "seq": seq, "status": "done"}
            assert msgpack.unpackb(value) == IMAGES[seq].mean()
        push.send_multipart(END)
        assert worker.wait(PATIENCE) == 0


def test_the_viewer(context: zmq.Context[zmq.Socket[bytes]], tmp_path: Path) -> None:
    pub, url = bound(context, zmq.XPUB)
    script = tmp_path / "viewer.py"
    script.write_text(SCRIPTS[1], encoding="utf-8")
    with subprocess.Popen([sys.executable, script, url], stdout=subprocess.PIPE, text=True) as viewer:
        assert pub.recv() == b"\x01"  # it has subscribed
        for message in (frame(0), frame(1), END):
            pub.send_multipart(message)
        output, _ = viewer.communicate(timeout=PATIENCE)
        assert viewer.returncode == 0
    assert output == "cam0 0 (4, 6, 3) 10.0\ncam0 1 (4, 6, 3) 20.0\n"
