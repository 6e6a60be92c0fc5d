"""When the next frame of a steady stream is to be expected.

A thread that has slept for some milliseconds wakes with cold caches, and then takes five times as long from the wake to
the handler. The wake itself takes long where the CPU has gone to sleep meanwhile: 40 us and more on virtual machines.
So shortly before a camera's next frame who waits for it rehearses (see rehearsal.py), and then looks again and again
until it is there. Measured at 60 fps, p50: 0.45 ms without both, 0.33 ms with the rehearsal, 0.25 ms with both, where
a bare descriptor takes 0.1 ms; with the compiled turn (lane.py), on another machine, 0.09 ms where the bare one takes
0.1 ms. On a third, whose CPUs wake at once, 0.036 ms, and 0.028 ms since the look that sees a frame takes it, where the
bare one takes 0.014 ms. The price is 0.5 - 1.5 ms of CPU a frame.
"""

from __future__ import annotations

_READY = 0.0005  # seconds from when it is time to the end of a rehearsal, at first: a thread's wake is late by tenths
_SPARE = 0.0003  # seconds before the moment, from which on who waits is awake: frames may come early
_LEAD_MAX = 0.0015
_SHORTEST, _LONGEST = 0.008, 2.0  # between frames; more often caches stay warm, or a sender copies all it can
_STEADY = 0.001  # mean deviation from the moments that were expected, beyond which none is
_WEIGHT = 1 / 8  # of the last interval, and of the last deviation
_PULL = 1 / 4  # of a deviation, for the next moment: a frame that is late for once moves it little
_LATE = 0.0005  # seconds after the moment, for which who waits stays awake
_OUTLIER = 0.002  # seconds of deviation; what is beyond says no more of how steady a stream is


class Beat:
    """Told of each frame that was waited for."""

    def __init__(self) -> None:
        self._last = 0.0  # when the last frame came
        self._moment = 0.0  # when it should have
        self._interval = 0.0  # 0: unknown
        self._deviation = _OUTLIER
        self._missed = False  # the frame before the last did not come, or was not waited for
        self._due = False
        self._ready = _READY

    def came(self, now: float) -> None:
        interval, self._last = now - self._last, now
        if interval > _LONGEST:
            self._interval, self._due = 0.0, False
            return
        passed = max(1, round((now - self._moment) / self._interval)) if self._interval else 1
        if not self._interval or (passed > 1 and self._missed):  # twice is another rate
            self._moment, self._interval, self._deviation = now, interval, _OUTLIER
            self._missed = self._due = False
            return
        self._missed = passed > 1
        moment = self._moment + passed * self._interval
        error = now - moment
        self._moment = moment + _PULL * error
        self._deviation += _WEIGHT * (min(abs(error), _OUTLIER) - self._deviation)
        if not self._missed:
            self._interval += _WEIGHT * (interval - self._interval)
        self._due = self._deviation < _STEADY and self._interval > _SHORTEST

    def rehearse_in(self, now: float) -> float:
        """Seconds until it is time; negative: there is nothing to rehearse for."""
        if not self._due:
            return -1.0
        return self._moment + self._interval - min(_LEAD_MAX, self._ready + _SPARE) - now

    def awake_until(self) -> float:
        """Until when it is not worth to sleep, after a rehearsal."""
        return self._moment + self._interval + _LATE

    def rehearsed(self, took: float) -> None:
        """Once a frame is enough. took: seconds since it was time. One that takes longer counts for the next ones."""
        self._due = False
        self._ready = max(took, self._ready + _WEIGHT * (took - self._ready))
