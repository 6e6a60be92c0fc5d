"""Raw test frames over push+tcp into NumPy, beside a bare C sender and a bare pyzmq loop."""

from __future__ import annotations

from .run import Cost, Look, Part, difference, interleaved, ratio, send_bare, send_ours

# name, width, height, frames before and while it is measured, rounds, least ratio of frames/s
SIZES = (
    ("64x64", 64, 64, 500, 20000, 9, None),
    ("640x480", 640, 480, 200, 4000, 11, 0.90),
    ("1920x1080", 1920, 1080, 40, 400, 15, 0.95),
)
MORE_CPU = 15.0  # us a frame, at most


def run(quick: bool) -> Part:
    rows = []
    for name, width, height, warm, count, rounds, least in SIZES:
        look = Look(warm, count, "stamp", f"{height}x{width}x3")
        total, size = str(warm + count), str(width * height * 3)

        def ours(look: Look = look, name: str = name, total: str = total) -> Cost:
            return send_ours(look, f"test:bars?size={name}&count={total}")

        def bare(look: Look = look, size: str = size, total: str = total) -> Cost:
            return send_bare(look, "bare_send", size, total)

        pairs: list[tuple[Cost, Cost]] = interleaved(3 if quick else rounds, ours, bare)
        what = f"test: {name} RGB"
        rows.append(ratio(f"{what}, push+tcp into NumPy", "frames/s", [(a.fps, b.fps) for a, b in pairs], least))
        rows.append(difference(f"{what}, CPU a frame", "us", [(a.cpu, b.cpu) for a, b in pairs], MORE_CPU))
        rows.append(difference("  of it in the sender", "us", [(a.sender, b.sender) for a, b in pairs], None))
        rows.append(difference("  of it in the reader", "us", [(a.reader, b.reader) for a, b in pairs], None))
    return Part(rows)
