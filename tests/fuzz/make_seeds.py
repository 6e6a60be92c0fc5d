#!/usr/bin/env python3
"""Make seeds for the fuzz targets of the wire from its golden messages: make_seeds.py VECTORS FOLDER STAMP."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

URLS = (
    "tcp://127.0.0.1:5555", "push+tcp://*:0", "pub+ipc:///run/x.sock", "push+tcp://[::1]:5556?bind", "tcp://h:1?connect",
    "test:bars?size=640x480&format=rgb8&count=10", "pipe:-?size=1x1", "video:a%20b.mp4", "photos/*.jpg", "file.tif",
)  # fmt: skip


def parts_of(message: bytes) -> list[bytes]:
    parts = []
    while message:
        (size,) = struct.unpack_from(">I", message)
        parts.append(message[4 : 4 + size])
        message = message[4 + size :]
    return parts


def main() -> None:
    vectors, folder, stamp = map(Path, sys.argv[1:])
    for name in ("header", "message", "json", "url"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for path in sorted(vectors.glob("*/*.bin")):
        message = path.read_bytes()
        parts = parts_of(message)
        (folder / "message" / path.stem).write_bytes(message)
        if len(parts) > 1:
            (folder / "header" / path.stem).write_bytes(parts[1])
        if len(parts) > 2 and ("result" in path.stem or "value" in path.stem):
            (folder / "json" / path.stem).write_bytes(parts[2])
    for number, url in enumerate(URLS):
        (folder / "url" / str(number)).write_text(url)
    stamp.touch()


if __name__ == "__main__":
    main()
