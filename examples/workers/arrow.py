"""Frames as Arrow tensors: the range of each picture's values.

framewire send photos/ --to tcp://127.0.0.1:5555 --results ranges.jsonl
framewire work arrow.py --from tcp://127.0.0.1:5555
"""

import pyarrow
import pyarrow.compute

from framewire import Frame


def handle(frame: Frame) -> dict[str, object]:
    tensor = frame.to_arrow()  # a pyarrow.Tensor on the same memory: no copy
    # Arrow's functions take flat arrays: one on the same memory, too.
    flat = pyarrow.Array.from_buffers(tensor.type, tensor.size, [None, pyarrow.py_buffer(frame.data)])
    return {"shape": tensor.shape, "transport": frame.transport} | pyarrow.compute.min_max(flat).as_py()
