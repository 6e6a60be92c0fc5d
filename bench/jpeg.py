"""A folder of 1080p JPEG pictures to a worker, beside bare libjpeg-turbo and a bare sender of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from .run import ROOT, Cost, Look, Part, Row, interleaved, output, program, ratio, send_bare, send_ours

PICTURES = ROOT / "build" / "pictures"
FOLDER = ROOT / "build" / "bench" / "jpeg"
SHAPE = (1080, 1920, 3)
QUALITY = 90
WARM, COUNT, KEPT = 15, 150, 1500  # frames: before it is measured, decoded, kept as they are
ROUNDS = 9
LEAST = 0.9


def make_pictures() -> list[str]:
    """The demo's photographs, scaled and cut to 1920x1080: their content is real, their size the one asked for."""
    sources = sorted(PICTURES.iterdir())
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = [FOLDER / f"{source.stem}.jpg" for source in sources]
    for source, target in zip(sources, made, strict=True):
        if not target.exists():
            part = target.with_suffix(".part")
            with Image.open(source) as picture:
                fitted = ImageOps.fit(picture.convert("RGB"), (SHAPE[1], SHAPE[0]), Image.Resampling.BICUBIC)
                fitted.save(part, "JPEG", quality=QUALITY)
            part.rename(target)
    return [str(path) for path in made]


def run(quick: bool) -> Part:
    files = make_pictures()
    rounds = 3 if quick else ROUNDS
    return Part(decoded(files, rounds) + kept(files, rounds))


def bare_jpeg(threads: int, count: int, files: list[str]) -> dict[str, Any]:
    """What bare libjpeg-turbo decodes, each thread so many."""
    return output(program("bare_jpeg"), str(threads), str(count), *files)


def loops(look: Look, files: list[str]) -> tuple[str, ...]:
    """Arguments that make a folder give as many frames as are looked at."""
    total = look.warm + look.count
    return str(FOLDER), "--loop", str(-(-total // len(files))), "--count", str(total)


def decoded(files: list[str], rounds: int) -> list[Row]:
    look = Look(WARM, COUNT, "touch", "x".join(map(str, SHAPE)))
    size = SHAPE[0] * SHAPE[1] * SHAPE[2]
    total = str(WARM + COUNT)
    cores = os.cpu_count() or 1

    def ours(threads: int) -> Cost:
        return send_ours(look, *loops(look, files), "--encoding", "raw", "--threads", str(threads))

    def bare_decode() -> dict[str, Any]:
        return bare_jpeg(1, COUNT, files)

    def bare_path() -> Cost:
        return send_bare(look, "bare_send", str(size), total)

    done = interleaved(rounds, lambda: ours(1), bare_decode, lambda: ours(cores), bare_path)
    one = [(mine.fps, decode["fps"]) for mine, decode, _, _ in done]
    allowed = [(mine.fps, cores / (decode["cpu"] + path.cpu * 1e-6)) for _, decode, mine, path in done]
    spent = [(mine.cpu, decode["cpu"] * 1e6 + path.cpu) for _, decode, mine, path in done]
    return [
        ratio("JPEG 1080p, 1 thread : bare decode", "frames/s", one, LEAST),
        ratio(f"JPEG 1080p, {cores} threads : CPU account", "frames/s", allowed, LEAST),
        ratio(f"JPEG 1080p, {cores} threads, CPU a frame : account", "us", spent, None, least=False),
    ]


def kept(files: list[str], rounds: int) -> list[Row]:
    look = Look(WARM, KEPT, "size")
    mean = sum(Path(file).stat().st_size for file in files) / len(files)

    def ours() -> Cost:
        return send_ours(look, *loops(look, files), "--encoding", "keep")

    def bare() -> Cost:
        return send_bare(look, "bare_files", str(WARM + KEPT), *files)

    done = interleaved(rounds, ours, bare)
    pairs = [(mine.fps, other.fps) for mine, other in done]
    return [ratio(f"JPEG 1080p as it is ({mean / 1000:.0f} kB a file)", "frames/s", pairs, LEAST)]
