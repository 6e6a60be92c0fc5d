"""What a receiver counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """Counts since the receiver was opened; read them from any thread."""

    frames: int = 0  # given to the caller
    bytes: int = 0  # of their payloads
    results: int = 0  # answers sent, errors included
    errors: int = 0  # of them, those with status `error`
    dropped: int = 0  # an observer's: pushed out of its queue, here or at the sender, by newer ones
    results_dropped: int = 0  # an observer's: results that it was too slow for
    missed: int = 0  # an observer's: gaps in seq, lost before they came here
    stale: int = 0  # answers to frames that the sender has forgotten: of its former run, or after its end
    unwanted: int = 0  # of streams that were not asked for
    unknown: int = 0  # messages that no side expects here, or of a kind that this version does not know
    bad: Counter[str] = field(default_factory=Counter)  # messages and payloads that were refused, by reason
