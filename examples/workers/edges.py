"""Answer with an image: how strongly each pixel differs from its neighbours.

framewire send photos/ --to tcp://127.0.0.1:5555 --results edges.jsonl --result-arrays edges/
framewire work edges.py --from tcp://127.0.0.1:5555
"""

import numpy as np
from numpy.typing import NDArray

from framewire import Frame


def handle(frame: Frame) -> tuple[dict[str, float], dict[str, NDArray[np.uint8]]]:
    grey = frame.rgb().mean(axis=2, dtype=np.float32)
    down, right = np.gradient(grey)
    edges = np.clip(np.hypot(down, right), 0, 255).astype(np.uint8)
    return {"strongest": float(edges.max())}, {"edges": edges}
