"""frame.rgb(): every format, against slow and plain arithmetic."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import framewire
from framewire.colour import to_rgb
from framewire.geometry import FORMATS

Array = np.ndarray[Any, Any]


def noise(shape: tuple[int, ...], dtype: str = "|u1", seed: int = 1) -> Array:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def slow_bayer(raw: Array, pattern: str) -> Array:
    """The mean of the neighbours of each colour, over a border that is a mirror; rounded half up."""
    height, width = raw.shape
    out = np.zeros((height, width, 3), np.int64)

    def mirror(at: int, size: int) -> int:
        return -at if at < 0 else 2 * (size - 1) - at if at >= size else at

    for y in range(height):
        for x in range(width):
            for place, colour in enumerate("rgb"):
                found = []
                own = pattern[(y % 2) * 2 + x % 2] == colour
                for dy in (-1, 0, 1):
                    for dx in (-1, 0, 1):
                        there = pattern[((y + dy) % 2) * 2 + (x + dx) % 2] == colour
                        if there and (not own or (dy, dx) == (0, 0)):
                            found.append(int(raw[mirror(y + dy, height), mirror(x + dx, width)]))
                out[y, x, place] = (2 * sum(found) + len(found)) // (2 * len(found))
    return out


@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize("shape", [(6, 8), (5, 7), (2, 2)])
def test_bayer_is_bilinear(pattern: str, shape: tuple[int, int]) -> None:
    raw = noise(shape)
    assert np.array_equal(to_rgb(raw, f"bayer_{pattern}8"), slow_bayer(raw, pattern))
    deep = noise(shape, "<u2")
    assert np.array_equal(to_rgb(deep, f"bayer_{pattern}16"), slow_bayer(deep, pattern) >> 8)


def test_a_bayer_image_of_one_colour_is_that_colour() -> None:
    raw = np.zeros((6, 6), np.uint8)
    raw[0::2, 0::2], raw[0::2, 1::2], raw[1::2, 0::2], raw[1::2, 1::2] = 200, 100, 100, 50
    assert (to_rgb(raw, "bayer_rggb8") == (200, 100, 50)).all()


@pytest.mark.parametrize(
    ("yuv", "rgb"),
    [
        ((16, 128, 128), (0, 0, 0)),
        ((235, 128, 128), (255, 255, 255)),
        ((81, 90, 240), (255, 0, 0)),  # the primaries as BT.601 codes them, to within their own rounding
        ((145, 54, 34), (0, 255, 0)),
        ((41, 240, 110), (0, 0, 255)),
        ((0, 128, 128), (0, 0, 0)),
        ((255, 128, 128), (255, 255, 255)),
    ],
)
def test_yuv_is_bt601_in_limited_range(yuv: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    y, u, v = yuv
    chroma = np.tile(np.array([u, v], np.uint8), (4, 3))
    luma = np.full((4, 6), y, np.uint8)
    for got in (
        to_rgb(np.stack([chroma, luma], 2), "uyvy"),
        to_rgb(np.stack([luma, chroma], 2), "yuyv"),
        to_rgb(np.concatenate([luma, chroma[:2]]), "nv12"),
    ):
        assert got.shape == (4, 6, 3)
        assert np.abs(got.astype(int) - rgb).max() <= 1


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_yuv_is_what_the_standard_computes(y: int, u: int, v: int) -> None:
    luma, blue, red = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    wanted = np.array([luma + 1.402 * red, luma - (0.202008 * blue + 0.419198 * red) / 0.587, luma + 1.772 * blue])
    got = to_rgb(np.array([[[u, y], [v, y]]], np.uint8), "uyvy")[0, 0]
    assert np.abs(got - np.clip(wanted * 255, 0, 255)).max() <= 1


def test_nv12_gives_each_pixel_the_chroma_of_its_square() -> None:
    array = np.concatenate(
        [np.full((4, 4), 128, np.uint8), np.array([[90, 240, 54, 34], [240, 110, 128, 128]], np.uint8)]
    )
    got = to_rgb(array, "nv12")
    assert got.shape == (4, 4, 3)
    for y in (0, 2):
        for x in (0, 2):
            assert (got[y : y + 2, x : x + 2] == got[y, x]).all()
    assert len({tuple(got[y, x]) for y in (0, 2) for x in (0, 2)}) == 4


def test_order_depth_and_alpha() -> None:
    pixels = noise((3, 5, 4))
    assert np.array_equal(to_rgb(pixels[:, :, :3], "rgb8"), pixels[:, :, :3])
    assert np.array_equal(to_rgb(pixels, "rgba8"), pixels[:, :, :3])
    assert np.array_equal(to_rgb(pixels, "bgra8"), pixels[:, :, [2, 1, 0]])
    deep = noise((3, 5, 3), "<u2")
    assert np.array_equal(to_rgb(deep, "rgb16"), deep >> 8)
    assert np.array_equal(to_rgb(deep, "bgr16"), deep[:, :, ::-1] >> 8)
    grey = noise((3, 5), "<u2")
    assert np.array_equal(to_rgb(grey, "mono16"), np.stack([grey >> 8] * 3, 2))


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_every_format_has_colours_in_memory_of_their_own(format: str) -> None:
    dtype, channels = FORMATS[format]
    shape = (6, 4, channels) if channels else (6, 4)
    array = noise(shape, dtype)
    array.flags.writeable = False
    got = to_rgb(array, format)
    assert got.shape == ((4, 4, 3) if format == "nv12" else (6, 4, 3))
    assert got.dtype == np.uint8
    assert got.flags.writeable
    assert got.flags.c_contiguous
    assert not np.shares_memory(got, array)


@pytest.mark.parametrize("format", ["", "thermal14"])
def test_a_plain_array_has_none(format: str) -> None:
    with pytest.raises(framewire.BadMessage, match="no colours"):
        to_rgb(noise((4, 4)), format)
