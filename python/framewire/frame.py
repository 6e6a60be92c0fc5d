"""A received frame: its pixels as a NumPy view, what its header says, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import forks
from .errors import BadMessage

if TYPE_CHECKING:
    from .header import Header

_dtypes: dict[str, np.dtype[Any]] = {}


class Owner(Protocol):
    """Who takes the answers to frames; called from any thread."""

    @property
    def wants_answers(self) -> bool:
        """Whether a loop answers the frames that its user did not."""

    @property
    def deadline(self) -> float:
        """Seconds from a frame's start to its answer, or its next progress; 0: none."""

    def acknowledge(self, frame: Frame, soon: bool = False) -> None:
        """Answer with None; nothing if the frame was answered already. soon: the caller takes the next frame now."""

    def answer(self, frame: Frame, value: Any, arrays: Mapping[str, Any]) -> None:
        """Deliver a result. Raises Error where the frame was answered already, or the value has no form."""

    def fail(self, frame: Frame, text: str) -> None:
        """Deliver status `error`; nothing if the frame was answered already."""

    def give_back(self, frame: Frame) -> None:
        """The frame will not be answered here, and nobody is to blame."""

    def progress(self, frame: Frame) -> None:
        """The frame is still being worked on."""

    def count_bad(self, reason: str) -> None:
        """Its payload could not be decoded."""

    def check_process(self) -> None:
        """Of shared memory: raises Error in a process that was forked since."""


class Frame:
    """One image (or any array) with its header. Its methods may be called from any thread."""

    __slots__ = (
        "__weakref__", "_array", "_forks", "_header", "_payload", "_stream", "_transport", "kept", "nbytes", "open",
        "owner",
    )  # fmt: skip

    def __init__(self, stream: str, header: Header, payload: Any, transport: str, owner: Owner) -> None:
        self._stream = stream
        self._payload = payload  # anything with a buffer; views keep it alive
        self._transport = transport
        self._forks = forks.count
        self.owner = owner
        self._array: NDArray[Any] | None = None
        self._header: Header | Callable[[], Header] = header
        self.nbytes = len(payload)
        self.open = True  # not answered; its owner's lock guards it
        self.kept = False

    @property
    def header(self) -> Header:
        """As it travelled."""
        header = self._header
        if callable(header):
            header = self._header = header()
        return header

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._stream

    @property
    def epoch(self) -> int:
        """Which run of the stream this is: a random 64-bit number."""
        return self.header.epoch

    @property
    def seq(self) -> int:
        """The frame's number in its run, from 0."""
        return self.header.seq

    @property
    def item(self) -> str | None:
        """The frame's identity in its source, like "sub/a.tif#3"; None where the source has none."""
        return self.header.item or None

    @property
    def attempt(self) -> int:
        """How often the frame was given to a worker, this time included."""
        return self.header.attempt

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's element type."""
        text = self.header.dtype
        found = _dtypes.get(text)
        if found is None:
            found = _dtypes[text] = np.dtype(text)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape: (height, width, channels) or (height, width) for images."""
        return self.header.shape

    @property
    def format(self) -> str:
        """The pixel format, like "rgb8" or "bayer_rggb8"; "" for a plain array."""
        return self.header.format

    @property
    def encoding(self) -> str:
        """How the payload is coded: "raw", "jpeg", "png" or "tiff"."""
        return self.header.encoding

    @property
    def time(self) -> int:
        """When it was captured, in ns since the Unix epoch; 0 if the sender did not say."""
        return self.header.time

    @property
    def monotonic(self) -> int:
        """When it was captured, in ns of the sender's CLOCK_MONOTONIC: for delays on one host; 0 if not said."""
        return self.header.monotonic

    @property
    def meta(self) -> dict[str, Any]:
        """What else the source says of it: file, exposure, ..."""
        return self.header.meta

    @property
    def transport(self) -> str:
        """How the pixels came: "shm" (they lie in the sender's memory), "copy" (they did), "tcp" or "ipc"."""
        return self._transport

    @property
    def data(self) -> memoryview:
        """The payload as it came, read-only; no copy. Raises Error as `array` does in a forked process."""
        if self._forks != forks.count:
            self._check_process()
        return memoryview(self._payload).toreadonly()

    @property
    def array(self) -> NDArray[Any]:
        """The pixels, of `shape` and `dtype`, read-only.

        A raw frame's array is a view on the received message: no copy, and true for as long as it or a slice of it
        lives. Others are decoded at the first access, once.

        Raises BadMessage for a payload that cannot be decoded, and Error for a frame in shared memory in a process that
        was forked since it came: its sender knows nothing of that one, and may write over it.
        """
        if self._forks != forks.count:
            self._check_process()
        if self._array is None:
            header = self.header
            if header.encoding == "raw":
                dtype = _dtypes.get(header.dtype) or self.dtype
                if self._transport == "shm":  # an array already, on memory that no array can be made writable on
                    flat = self._payload.view(dtype)
                else:  # frombuffer, not ndarray(): only that one keeps the view from being made writable again
                    flat = np.frombuffer(memoryview(self._payload).toreadonly(), dtype)
                self._array = flat.reshape(header.shape)
            else:
                self._array = self._decode()
        return self._array

    def _check_process(self) -> None:
        if self._transport == "shm":
            self.owner.check_process()  # raises

    def _decode(self) -> NDArray[Any]:
        from .decode import decode

        try:
            array = decode(self.data, self.encoding, self.shape, self.dtype, self.format)
        except BadMessage as bad:
            self.owner.count_bad(bad.reason)
            raise
        array.flags.writeable = False
        return array

    def rgb(self) -> NDArray[np.uint8]:
        """The frame as RGB, whatever its format.

        Returns an array of shape (height, width, 3), uint8, writable, the caller's own.
        Bayer formats are demosaiced bilinearly; 16 bit are scaled to 8 by their highest bit, not by their content.
        YUV is taken as BT.601, limited range (ITU-R BT.601-7, 2.5). Alpha is left out.

        Raises BadMessage for a format that has no colours (a plain array).
        """
        from .colour import to_rgb

        return to_rgb(self.array, self.format)

    def tensor(self, device: Any = None, pin: bool = False) -> Any:
        """The array as a torch tensor, writable, the caller's own: one copy, since torch has no read-only tensors.

        pin: in page-locked memory, from which a copy to `device` need not wait.
        Raises Error where torch is missing, or has no such element type.
        """
        from .convert import to_tensor

        return to_tensor(self.array, device, pin)

    def to_arrow(self) -> Any:
        """The array as a pyarrow.Tensor: no copy. Raises Error where pyarrow is missing."""
        from .convert import to_arrow

        return to_arrow(self.array)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """The array by DLPack, read-only and without a copy: for consumers of DLPack 1.0, from NumPy 2.1 on.

        Older ones cannot be told that memory is read-only: they get BufferError, or with copy=True a copy.
        """
        from .convert import to_dlpack

        return to_dlpack(self.array, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The CPU's."""
        return (1, 0)

    def reply(self, value: Any = None, /, **arrays: Any) -> None:
        """Answer the frame: a value that msgpack can say (NumPy scalars too), and arrays by name.

        Raises Error if the frame was answered already, or for a value without a form (the frame stays open then).
        """
        self.owner.answer(self, value, arrays)

    def keep(self) -> Frame:
        """Leave the frame open when the loop turns: its answer is the caller's from here on."""
        self.kept = True
        return self

    def fail(self, text: str) -> None:
        """Answer the frame with status `error`; nothing if it was answered already."""
        self.owner.fail(self, text)

    def progress(self) -> None:
        """Say that the frame is still being worked on: extends its deadline, where there is one."""
        self.owner.progress(self)

    def __repr__(self) -> str:
        name = self.format or self.header.dtype
        return f"<Frame {self.stream!r} seq={self.seq} {name} {'x'.join(map(str, self.shape))} {self.encoding}>"
