"""PyTorch: what a model makes of each picture. Made once a process: the model is loaded in __init__.

framewire send photos/ --to tcp://127.0.0.1:5555 --results scores.jsonl
framewire work tensor.py:Model --from tcp://127.0.0.1:5555 --processes 2
"""

import torch

from framewire import Frame


class Model:
    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"

    def __call__(self, frame: Frame) -> dict[str, object]:
        # Writable, this worker's own: one copy from the sender's memory, since torch has no read-only tensors.
        image = frame.tensor(self.device, pin=self.device == "cuda")
        return {"score": float(image.float().mean()), "transport": frame.transport}
