"""The folder of doors: what a killed sender leaves there, and what the next one makes of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from framewire import Receiver
from helpers.command import Running, wait_until


def test_a_dead_senders_door_is_cleaned_away_and_a_living_ones_is_left(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    folder = tmp_path / "doors"

    def doors() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in folder.iterdir()}

    def send() -> Running:
        sender = start("send", "test:bars?size=64x64&count=20", "--to", "tcp://127.0.0.1:*", "--door", folder)
        assert sender.url
        return sender

    killed = send()
    left = doors()
    assert sorted(name.rpartition(".")[2] for name in left) == ["door", "lock"]
    living = send()
    of_living = {name: inode for name, inode in doors().items() if name not in left}
    killed.signal(signal.SIGKILL)
    killed.wait()
    assert doors() == left | of_living

    third = send()
    now = doors()
    assert not left.keys() & now.keys()
    assert len(now) == 4
    assert of_living.items() <= now.items()
    for sender in (living, third):
        with Receiver(sender.url, door=str(folder)) as receiver:
            assert {frame.transport for frame in receiver} == {"shm"}
        assert sender.wait() == 0, sender.stderr
    wait_until(lambda: not doors(), "their own doors are gone")
