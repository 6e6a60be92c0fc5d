"""Values with units, as people type them."""

from __future__ import annotations

import re

from .errors import Error

_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


def parse_time(text: str) -> float:
    """Seconds of a time like "500ms" or "30s". Raises Error."""
    found = re.fullmatch(r"(\d{1,30}(?:\.\d{1,30})?)([a-z]*)", text.lower(), re.ASCII)
    if not found or (found[2] not in _SECONDS and float(found[1]) != 0):
        raise Error(f"{text}: a time is a number and ns, us, ms, s, min or h, like 30s")
    return float(found[1]) * _SECONDS.get(found[2], 1.0)
