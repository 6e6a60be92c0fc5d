"""How bright is each picture?  framewire work mean.py --from push+tcp://127.0.0.1:5555"""

from framewire import Frame


def handle(frame: Frame) -> dict[str, object]:
    image = frame.array  # a NumPy array on the bytes that were received: no copy
    return {"mean": float(image.mean()), "darkest": int(image.min()), "brightest": int(image.max())}
