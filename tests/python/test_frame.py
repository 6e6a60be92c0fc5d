"""What a frame gives: views, conversions, other libraries."""

import gc
import sys
import types
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import framewire
from framewire.frame import Frame
from framewire.header import Header
from helpers.owner import NoOwner

NUMPY_SAYS_READ_ONLY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def make(array: np.ndarray[Any, Any], format: str = "", **more: Any) -> Frame:
    header = Header("frame", 1, 2, array.shape, array.dtype.str, format, **more)
    return Frame("cam0", header, array.tobytes(), "tcp", NoOwner())


DTYPES = ["|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16"]


@given(st.sampled_from(DTYPES), st.lists(st.integers(1, 5), min_size=1, max_size=8), st.randoms())
def test_any_array_comes_as_it_was(dtype: str, shape: list[int], random: Any) -> None:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array = np.frombuffer(random.randbytes(size), "|u1" if dtype == "|b1" else dtype)
    array = (array & 1).view(dtype).reshape(shape) if dtype == "|b1" else array.reshape(shape)
    frame = make(array)
    assert (frame.array.dtype, frame.array.shape) == (array.dtype, array.shape)
    assert frame.array.tobytes() == array.tobytes()
    assert not frame.array.flags.writeable


def test_a_payload_at_an_odd_address_is_viewed_all_the_same() -> None:
    array = np.arange(12, dtype="<u2").reshape(3, 4)
    frame = make(array)
    frame._payload = memoryview(b"x" + array.tobytes())[1:]
    assert np.array_equal(frame.array, array)


def test_the_payload_lives_as_long_as_the_last_view() -> None:
    class Payload(bytearray):
        pass

    payload = Payload(24)
    alive = weakref.ref(payload)
    frame = Frame("cam0", Header("frame", 1, 2, (4, 6), "|u1"), payload, "tcp", NoOwner())
    view = frame.array[1:, ::2]
    del frame, payload
    gc.collect()
    assert alive() is not None
    del view
    gc.collect()
    assert alive() is None


def test_it_says_what_it_is() -> None:
    frame = make(np.zeros((4, 6, 3), np.uint8), "rgb8")
    assert repr(frame) == "<Frame 'cam0' seq=2 rgb8 4x6x3 raw>"
    assert (frame.item, frame.time, frame.monotonic, frame.meta) == (None, 0, 0, {})
    frame.progress()
    frame.fail("no")
    frame.reply(1, mask=2)
    owner = frame.owner
    assert isinstance(owner, NoOwner)
    assert owner.answers == ["progress", "no", (1, {"mask": 2})]


def test_dlpack_says_that_it_is_read_only_or_refuses() -> None:
    frame = make(np.arange(6, dtype="<f4").reshape(2, 3))
    assert frame.__dlpack_device__() == (1, 0)
    if NUMPY_SAYS_READ_ONLY:
        shared = np.from_dlpack(frame)
        assert np.shares_memory(shared, frame.array)
        assert not shared.flags.writeable
        assert frame.__dlpack__(max_version=(1, 0)) is not None
    else:
        with pytest.raises(BufferError, match="2.1"):
            frame.__dlpack__(max_version=(1, 0))
        with pytest.raises(BufferError, match="read-only"):
            np.from_dlpack(frame)
    with pytest.raises(BufferError, match="read-only"):
        frame.__dlpack__()
    with pytest.raises(BufferError, match="CPU"):
        frame.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="CPU"):
        frame.__dlpack__(stream=1)


@pytest.mark.parametrize("version", [None, (0, 8), (1, 0)])
def test_dlpack_copies_when_told_to(version: tuple[int, int] | None) -> None:
    frame = make(np.arange(6, dtype="<f4").reshape(2, 3))

    class Consumer:
        def __dlpack_device__(self) -> tuple[int, int]:
            return frame.__dlpack_device__()

        def __dlpack__(self, **given: Any) -> Any:
            return frame.__dlpack__(max_version=version, copy=True)

    copied = np.from_dlpack(Consumer())
    assert np.array_equal(copied, frame.array)
    assert not np.shares_memory(copied, frame.array)


def test_arrow_shares_the_memory() -> None:
    frame = make(np.arange(6, dtype="<u2").reshape(2, 3))
    try:
        import pyarrow
    except ImportError:
        with pytest.raises(framewire.Error, match="pyarrow, which is not installed"):
            frame.to_arrow()
        return
    tensor = frame.to_arrow()
    assert isinstance(tensor, pyarrow.Tensor)
    assert tensor.shape == (2, 3)
    assert np.shares_memory(tensor.to_numpy(), frame.array)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """As much of torch as tensor() uses, on NumPy."""
    module = types.ModuleType("torch")

    class dtype:
        def __init__(self, name: str) -> None:
            self.name = name

    class Tensor:
        def __init__(self, array: np.ndarray[Any, Any], pinned: bool) -> None:
            self.array, self.pinned, self.moved = array, pinned, None

        def numpy(self) -> np.ndarray[Any, Any]:
            return self.array

        def to(self, device: Any, non_blocking: bool) -> Any:
            self.moved = (device, non_blocking)  # type: ignore[assignment]
            return self

    module.dtype = dtype  # type: ignore[attr-defined]
    module.uint8 = dtype("uint8")  # type: ignore[attr-defined]
    module.empty = lambda shape, dtype, pin_memory: Tensor(np.empty(shape, dtype.name), pin_memory)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def test_a_tensor_is_a_copy_of_its_own(torch: types.ModuleType) -> None:
    frame = make(np.arange(6, dtype="|u1").reshape(2, 3))
    tensor = frame.tensor()
    assert np.array_equal(tensor.array, frame.array)
    assert tensor.array.flags.writeable
    assert (tensor.pinned, tensor.moved) == (False, None)
    moved = frame.tensor("cuda", pin=True)
    assert (moved.pinned, moved.moved) == (True, ("cuda", True))
    with pytest.raises(framewire.Error, match="no uint16"):
        make(np.zeros((2, 2), "<u2")).tensor()


def test_without_torch_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(framewire.Error, match="torch, which is not installed"):
        make(np.zeros((2, 2), "|u1")).tensor()
