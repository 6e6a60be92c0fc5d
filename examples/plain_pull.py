"""A worker without the framewire package: pyzmq, msgpack and NumPy are enough.

framewire send photos/ --to push+tcp://*:5555 --collect tcp://*:5556 --results results.jsonl
python plain_pull.py tcp://127.0.0.1:5555 tcp://127.0.0.1:5556
"""

import sys

import msgpack
import numpy as np
import zmq

KEPT = ("epoch", "seq", "item", "shape", "dtype", "format", "time", "meta")  # what a result repeats of its frame


def main(frames_url: str, results_url: str) -> None:
    context = zmq.Context()
    frames, results = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    frames.rcvhwm = 2  # the default of 1000 would let one worker hoard frames
    frames.connect(frames_url)
    results.connect(results_url)
    while True:
        stream, packed, *payload = frames.recv_multipart(copy=False)
        header = msgpack.unpackb(packed.buffer)
        if header["kind"] == "end":
            break
        image = np.frombuffer(payload[0].buffer, header["dtype"]).reshape(header["shape"])
        answer = {key: header[key] for key in KEPT if key in header}
        answer |= {"v": 1, "kind": "result", "status": "done", "worker": "plain/1", "attempt": 1}
        results.send_multipart([stream.bytes, msgpack.packb(answer), msgpack.packb({"mean": float(image.mean())})])
    context.destroy(linger=5000)


if __name__ == "__main__":
    main(*sys.argv[1:])
