"""A viewer without the framewire package: what passes by on a pub+ output, one line a frame.

framewire send test:bars --rate 10fps --count 100 --to pub+tcp://*:5557
python plain_sub.py tcp://127.0.0.1:5557 [STREAM]
"""

import sys

import msgpack
import numpy as np
import zmq


def main(url: str, stream: str = "") -> None:
    socket = zmq.Context().socket(zmq.SUB)
    socket.rcvhwm = 2
    socket.subscribe(stream)  # a prefix: "cam1" also brings "cam10"
    socket.connect(url)
    expected = None
    while True:
        name, packed, *payload = socket.recv_multipart(copy=False)
        header = msgpack.unpackb(packed.buffer)
        if header["kind"] == "end":
            print(f"{name.bytes.decode()} ended, {header['captured'] - (expected or 0)} missed")
            break
        image = np.frombuffer(payload[0].buffer, header["dtype"]).reshape(header["shape"])
        missed = 0 if expected is None else header["seq"] - expected
        expected = header["seq"] + 1
        print(
            f"{name.bytes.decode()} #{header['seq']}: {image.shape} mean {image.mean():.1f}, {missed} missed",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
