"""Framewire: images from a C program into NumPy workers, and their results back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import BadMessage, Closed, Error, Timeout
from .frame import Frame
from .receiver import Receiver
from .result import Result
from .stats import Stats
from .transport import Identity

if TYPE_CHECKING:
    from . import aio
    from .worker import work

__version__ = "0.1.0"
__all__ = [
    "BadMessage",
    "Closed",
    "Error",
    "Frame",
    "Identity",
    "Receiver",
    "Result",
    "Stats",
    "Timeout",
    "aio",
    "work",
]


def __getattr__(name: str) -> Any:
    """`aio` and `work` are loaded when they are first asked for: most programs need one of them, or none."""
    if name == "aio":
        import importlib

        return importlib.import_module(".aio", __name__)
    if name == "work":
        from .worker import work

        return work
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
