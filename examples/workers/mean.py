"""How bright is each picture?

framewire send photos/ --to tcp://127.0.0.1:5555 --results results.jsonl
framewire work mean.py --from tcp://127.0.0.1:5555 --processes 2
"""

from framewire import Frame


def handle(frame: Frame) -> dict[str, object]:
    image = frame.array  # a read-only NumPy view of the pixels as they came: no copy
    return {"mean": float(image.mean()), "darkest": int(image.min()), "brightest": int(image.max())}
