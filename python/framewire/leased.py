"""What leased delivery adds to headers: the parts that are its own (`proto/framewire-1.md`, "Leased delivery")."""

from __future__ import annotations

from dataclasses import dataclass, field
from re import ASCII, compile
from typing import Any, NamedTuple

from . import fields as take
from .errors import BadMessage
from .fields import UINT32_MAX, UINT64_MAX, WORKER_MAX, Fields

HOST_MAX = 64
DOOR_MAX = 63
CAUSE_MAX = 256
TOKEN_SIZE = 16
HELD_MAX = 256
SLOTS_MAX = 1024
WORKERS_MAX = 256
CREDIT_DEFAULT = 2
DEADLINE_DEFAULT = 30_000_000_000
GRACE_DEFAULT = 5_000_000_000

#: Limits of a result, in bytes; a sender may lower them in `welcome`.
VALUE_MAX = 16 << 20
RESULT_ARRAY_MAX = 64 << 20
RESULT_MAX = 256 << 20

ROLES = ("worker", "observer", "supervisor")

_is_door = compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", ASCII).fullmatch


#: What is in a slot of shared memory, until it is written again: region, slot, gen.
Filling = tuple[int, int, int]


class Place(NamedTuple):
    """Where a frame lies in shared memory; `copy`: to be copied and released before `start`."""

    region: int
    slot: int
    gen: int
    offset: int
    length: int
    copy: bool = False

    @classmethod
    def read(cls, fields: Fields) -> Place:
        slot = take.uint_within(fields, "slot", None, 0)
        region, gen, offset, length = (take.uint(fields, key) for key in ("region", "gen", "offset", "length"))
        return cls(region, slot, gen, offset, length, take.flag(fields, "copy"))

    def fields(self) -> Fields:
        fields = self._asdict()
        if not self.copy:
            del fields["copy"]
        return fields


class Held(NamedTuple):
    """A frame that a receiver has and has not answered."""

    epoch: int
    seq: int
    started: bool


@dataclass(slots=True)
class Hello:
    """Who a receiver is and what it has, said at every handshake. No `streams`: all. `supervisor` 0: none."""

    instance: int
    role: str
    worker: str = ""
    host: str = ""
    credit: int = CREDIT_DEFAULT
    queue: int = 1
    results: bool = False
    supervisor: int = 0
    streams: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()
    reads: tuple[Filling, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Hello:
        return cls(
            _instance(fields),
            take.word(fields, "role", ROLES),
            take.text(fields, "worker", "", WORKER_MAX),
            take.text(fields, "host", "", HOST_MAX),
            take.uint_within(fields, "credit", CREDIT_DEFAULT, 0),
            take.uint_within(fields, "queue", 1, 1),
            take.flag(fields, "results"),
            take.uint(fields, "supervisor", 0),
            take.streams(fields, required=False),
            take.elements(fields, "held", HELD_MAX, _held),
            read_slots(fields, "reads"),
        )

    def fields(self) -> Fields:
        fields: Fields = {"worker": take.cut(self.worker, WORKER_MAX)} if self.worker else {}
        if self.streams:
            fields["streams"] = self.streams
        fields |= {"instance": self.instance, "role": self.role}
        if self.host:
            fields["host"] = self.host
        fields["credit"] = self.credit
        if self.queue != 1:
            fields["queue"] = self.queue
        if self.results:
            fields["results"] = True
        if self.supervisor:
            fields["supervisor"] = self.supervisor
        if self.held:
            fields["held"] = self.held
        if self.reads:
            fields["reads"] = flat(self.reads)
        return fields


@dataclass(slots=True)
class Welcome:
    """A hub's answer to hello. Times in ns, limits in bytes; `sender` tells one run of it from the next."""

    instance: int
    sender: int
    streams: tuple[str, ...] = ()
    host: str = ""
    deadline: int = DEADLINE_DEFAULT
    grace: int = GRACE_DEFAULT
    value_max: int = VALUE_MAX
    array_max: int = RESULT_ARRAY_MAX
    result_max: int = RESULT_MAX
    door: str = ""
    token: bytes = b""

    @classmethod
    def read(cls, fields: Fields) -> Welcome:
        return cls(
            _instance(fields),
            take.uint_within(fields, "sender", None, 1, UINT64_MAX),
            take.streams(fields, required=True),
            take.text(fields, "host", "", HOST_MAX),
            take.uint_within(fields, "deadline", DEADLINE_DEFAULT, 1, UINT64_MAX),
            take.uint_within(fields, "grace", GRACE_DEFAULT, 1, UINT64_MAX),
            take.uint_within(fields, "value_max", VALUE_MAX, 1, UINT64_MAX),
            take.uint_within(fields, "array_max", RESULT_ARRAY_MAX, 1, UINT64_MAX),
            take.uint_within(fields, "result_max", RESULT_MAX, 1, UINT64_MAX),
            *_door(fields),
        )

    def fields(self) -> Fields:
        fields: Fields = {"streams": self.streams, "instance": self.instance}
        if self.host:
            fields["host"] = self.host
        for key in ("sender", "deadline", "grace", "value_max", "array_max", "result_max"):
            fields[key] = getattr(self, key)
        if self.door:
            fields |= {"door": self.door, "token": self.token}
        return fields


class Credit(NamedTuple):
    """How many frames a worker may have at once; how many more an observer takes."""

    credit: int

    @classmethod
    def read(cls, fields: Fields) -> Credit:
        return cls(take.uint_within(fields, "credit", None, 0))

    def fields(self) -> Fields:
        return {"credit": self.credit}


class Died(NamedTuple):
    """A supervisor's word that the process of an instance has ended, and how."""

    instance: int
    reason: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Died:
        return cls(_instance(fields), take.text(fields, "reason", "", CAUSE_MAX))

    def fields(self) -> Fields:
        fields: Fields = {"instance": self.instance}
        if self.reason:
            fields["reason"] = take.cut(self.reason, CAUSE_MAX)
        return fields


class ReceiverStats(NamedTuple):
    """A receiver, in the counts that `stats` gives."""

    worker: str = ""
    role: str = "worker"
    credit: int = 0
    unfinished: int = 0
    started: int = 0
    done: int = 0
    lost: int = 0

    @classmethod
    def read(cls, fields: Any) -> ReceiverStats:
        if type(fields) is not dict:
            raise BadMessage("field", "header: an element of workers is not a map")
        return cls(
            take.text(fields, "worker", "", WORKER_MAX),
            take.word(fields, "role", ROLES, "worker"),
            *(take.uint(fields, key, 0) for key in ("credit", "unfinished", "started", "done", "lost")),
        )


@dataclass(slots=True)
class Stats:
    """A hub's counts; who asks for them says none."""

    counts: dict[str, Any] = field(default_factory=dict)
    workers: tuple[ReceiverStats, ...] = ()

    @classmethod
    def read(cls, fields: Fields) -> Stats:
        return cls(take.pairs(fields, "counts"), take.elements(fields, "workers", WORKERS_MAX, ReceiverStats.read))

    def fields(self) -> Fields:
        fields: Fields = {"counts": self.counts} if self.counts else {}
        if self.workers:
            fields["workers"] = [worker._asdict() for worker in self.workers]
        return fields


#: What the kinds about a connection say, if it is more than their name.
Body = Hello | Welcome | Credit | Died | Stats


def read_slots(fields: Fields, key: str, required: bool = False) -> tuple[Filling, ...]:
    """A flat list: region, slot, gen, region, slot, gen, ..."""
    numbers = take.elements(fields, key, 3 * SLOTS_MAX, _number, required)
    slots = tuple((numbers[at], numbers[at + 1], numbers[at + 2]) for at in range(0, len(numbers) - 2, 3))
    if len(numbers) % 3 or any(slot > UINT32_MAX for _, slot, _ in slots):
        raise take.wrong(fields, key, "a list of region, slot and gen, slot by slot")
    return slots


def flat(slots: tuple[Filling, ...]) -> list[int]:
    return [number for slot in slots for number in slot]


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise BadMessage("field", "header: a list of slots has an element that is no integer from 0")
    return value


def _held(value: Any) -> Held:
    if type(value) is list and list(map(type, value)) == [int, int, bool] and value[0] >= 0 and value[1] >= 0:
        return Held(*value)
    raise BadMessage("field", "header: an element of held is not epoch, seq and started")


def _instance(fields: Fields) -> int:
    return take.uint_within(fields, "instance", None, 1, UINT64_MAX)


def _door(fields: Fields) -> tuple[str, bytes]:
    """The door becomes a path, so it may not lead out of its folder."""
    if "door" not in fields:
        return "", b""
    door = take.text(fields, "door", most=DOOR_MAX)
    if not _is_door(door):
        raise take.wrong(fields, "door", "the name of a file in the door's folder")
    token = fields.get("token")
    if type(token) is not bytes or len(token) != TOKEN_SIZE:
        raise take.wrong(fields, "token", f"{TOKEN_SIZE} bytes, which a door needs")
    return door, token
