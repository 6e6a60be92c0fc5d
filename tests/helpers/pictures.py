"""Small image files, good and bad, written by hand: no image library is needed."""

from __future__ import annotations

from pathlib import Path


def ppm(path: Path, *, width: int = 4, height: int = 3, value: int = 7) -> Path:
    """A P6 picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + bytes([value]) * (width * height * 3))
    return path


def truncated(path: Path) -> Path:
    """A P6 picture that ends in the middle of its pixels."""
    ppm(path, width=64, height=64)
    path.write_bytes(path.read_bytes()[:5000])
    return path


def folder(path: Path, count: int, **how: int) -> Path:
    """A folder of `count` pictures, 0.ppm to N.ppm; every pixel of N.ppm is N."""
    path.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        ppm(path / f"{number}.ppm", value=number % 256, **how)
    return path
