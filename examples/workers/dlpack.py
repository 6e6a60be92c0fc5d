"""Frames by DLPack, for any library that takes read-only memory (DLPack 1.0): here NumPy, from 2.1 on.

framewire send photos/ --to tcp://127.0.0.1:5555 --results means.jsonl
framewire work dlpack.py --from tcp://127.0.0.1:5555
"""

import numpy as np

from framewire import Frame


def handle(frame: Frame) -> dict[str, object]:
    image = np.from_dlpack(frame)  # on the same memory: no copy
    return {"mean": float(image.mean()), "writable": image.flags.writeable, "transport": frame.transport}
