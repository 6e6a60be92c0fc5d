"""OpenCV straight on the frame: its edges, as a picture.

framewire send photos/ --to tcp://127.0.0.1:5555 --results edges.jsonl --result-arrays edges/
framewire work opencv.py --from tcp://127.0.0.1:5555
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire import Frame


def handle(frame: Frame) -> tuple[dict[str, object], dict[str, NDArray[np.uint8]]]:
    image = frame.array  # on the sender's host its very memory: OpenCV reads it without a copy, and writes to its own
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    edges = cv2.Canny(cv2.GaussianBlur(grey, (3, 3), 0), 20, 60)
    return {"edges": cv2.countNonZero(edges), "transport": frame.transport}, {"edges": edges}
