"""Encoded payloads: decoded on access, within limits, and as their header says."""

import io
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

import framewire
from framewire import decode as decoding
from framewire.frame import Frame
from framewire.header import Header
from helpers.owner import NoOwner

PIXELS = np.add.outer(np.arange(24) * 4, np.arange(32) * 3)[:, :, None] + np.array([0, 20, 40])
COLOUR = PIXELS.astype(np.uint8)
GREY = COLOUR[:, :, 0].copy()


def coded(array: np.ndarray[Any, Any], encoding: str, **more: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, encoding, **more)
    return out.getvalue()


def frame_of(payload: bytes, encoding: str, shape: tuple[int, ...], format: str, dtype: str = "|u1") -> Frame:
    return Frame("cam0", Header("frame", 1, 2, shape, dtype, format, encoding), payload, "tcp", NoOwner())


@pytest.fixture(params=["simplejpeg", "Pillow"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With simplejpeg where it is installed, and without."""
    if request.param == "Pillow":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    return str(request.param)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_decoded_once_and_read_only(progressive: bool) -> None:
    payload = coded(COLOUR, "jpeg", quality=95, progressive=progressive)
    frame = frame_of(payload, "jpeg", (24, 32, 3), "rgb8")
    assert frame.array.shape == (24, 32, 3)
    assert np.abs(frame.array.astype(int) - COLOUR).max() < 16
    assert frame.array is frame.array
    assert not frame.array.flags.writeable
    assert bytes(frame.data) == payload
    bgr = frame_of(payload, "jpeg", (24, 32, 3), "bgr8")
    assert np.array_equal(bgr.array, frame.array[:, :, ::-1])
    assert np.array_equal(bgr.rgb(), frame.array)
    grey = frame_of(coded(GREY, "jpeg", quality=95), "jpeg", (24, 32), "mono8")
    assert np.abs(grey.array.astype(int) - GREY).max() < 8


def test_png_and_tiff_are_decoded() -> None:
    deep = (GREY.astype(np.uint16) << 7) + 3
    for encoding in ("png", "tiff"):
        assert np.array_equal(frame_of(coded(COLOUR, encoding), encoding, (24, 32, 3), "rgb8").array, COLOUR)
        assert np.array_equal(frame_of(coded(GREY, encoding), encoding, (24, 32), "mono8").array, GREY)
        assert np.array_equal(frame_of(coded(deep, encoding), encoding, (24, 32), "mono16", "<u2").array, deep)


def refused(frame: Frame) -> str:
    with pytest.raises(framewire.BadMessage) as bad:
        _ = frame.array
    assert bad.value.reason == "payload"
    owner = frame.owner
    assert isinstance(owner, NoOwner)
    assert owner.bad == ["payload"]
    return str(bad.value)


@pytest.mark.usefixtures("library")
def test_corrupt_jpeg_is_refused() -> None:
    whole = coded(COLOUR, "jpeg")
    for payload in (whole[: len(whole) // 2], b"\xff\xd8\xff", b"nothing of the kind", whole[:2] + b"\0" * 100, b"\0"):
        refused(frame_of(payload, "jpeg", (24, 32, 3), "rgb8"))


@pytest.mark.parametrize("encoding", ["png", "tiff"])
def test_corrupt_png_and_tiff_are_refused(encoding: str) -> None:
    whole = coded(COLOUR, encoding)
    for payload in (whole[: len(whole) // 2], whole[:20], b"nothing of the kind", whole[:8] + b"\xff" * 100):
        refused(frame_of(payload, encoding, (24, 32, 3), "rgb8"))


@pytest.mark.usefixtures("library")
def test_what_differs_from_its_header_is_refused() -> None:
    payload = coded(COLOUR, "jpeg")
    assert "32 x 24, its header says 24 x 32" in refused(frame_of(payload, "jpeg", (32, 24, 3), "rgb8"))
    assert "cannot be taken out" in refused(frame_of(payload, "jpeg", (24, 32, 2), "uyvy"))
    assert "cannot be taken out" in refused(frame_of(payload, "jpeg", (24, 32), ""))
    assert "its header says" in refused(frame_of(coded(COLOUR, "png"), "png", (24, 32), "mono16", "<u2"))
    assert "its header says uint8 (24, 32, 4)" in refused(frame_of(payload, "jpeg", (24, 32, 4), "rgb8"))


def test_bombs_are_refused_before_they_go_off() -> None:
    assert "no image of at most" in refused(frame_of(b"\xff\xd8", "jpeg", (65500, 65500, 3), "rgb8"))
    start = coded(COLOUR, "jpeg", progressive=True)
    scans = start[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * 600 + start[-2:]
    assert "more than 500 scans" in refused(frame_of(scans, "jpeg", (24, 32, 3), "rgb8"))
    # A PNG of two pixels more than it says, all of them zero: the size counts, not what the stream inflates to.
    bomb = coded(np.zeros((2000, 2000), np.uint8), "png")
    assert len(bomb) < len(zlib.compress(bytes(4_000_000))) * 10
    assert "its header says" in refused(frame_of(bomb, "png", (10, 10), "mono8"))


def test_without_a_library_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("simplejpeg", "PIL"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(framewire.Error, match="needs Pillow"):
        _ = frame_of(b"\xff\xd8", "jpeg", (24, 32, 3), "rgb8").array


def test_the_limits_are_those_of_the_library_in_c() -> None:
    assert (decoding.MAX_PIXELS, decoding.MAX_SCANS) == (268_435_456, 500)
