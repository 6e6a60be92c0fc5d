"""Who takes part, and what is to be known of each beside its numbers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Contender:
    name: str
    module: str  # of this folder; it has send(link, source) and receive(link, taker)
    variant: str = ""
    package: str = ""  # what pip installs
    in_place: bool = False  # frames are not copied in: only their stamps are written
    leftovers: str = ""  # what its processes may leave in /dev/shm; {run} is the run's folder
    why: dict[str, str] = field(default_factory=dict, compare=False)  # it may be ahead, by Figure.key

    @property
    def ours(self) -> bool:
        return self.module == "ours"


_SPEED = ("fps", "cpu", "p50", "p99")
_MEMORY = ("peak", "pss")
_FORGETS = dict.fromkeys(
    _SPEED,
    "they hand a frame over and forget it, and lose it if its reader dies. Framewire's is leased, started and answered:"
    " two packets more a frame, and a wake of the sender's thread for each answer",
)
_SPINS = _FORGETS | dict.fromkeys(("p50", "p99"), "the reader never sleeps, and takes a whole core for it")
_FEW = dict.fromkeys(_MEMORY, "fewer frames are under way: each is given back before the next is sent")
_NO_POOL = dict.fromkeys(_MEMORY, "there is no pool of frames: a few buffers on each side, and the kernel's")

CONTENDERS = (
    Contender("Framewire, shared memory", "ours", "shm"),
    Contender("Framewire, in place", "ours", "shm", in_place=True),
    Contender("Framewire, tcp", "ours", "tcp"),
    Contender("Framewire, push+tcp", "ours", "push+tcp"),
    Contender("iceoryx2, events", "iceoryx", "events", "iceoryx2", leftovers="{run}_*", why=_FORGETS | _FEW),
    Contender("iceoryx2, polling", "iceoryx", "polling", "iceoryx2", leftovers="{run}_*", why=_SPINS | _FEW),
    Contender(
        "iceoryx2, in place", "iceoryx", "events", "iceoryx2", in_place=True, leftovers="{run}_*", why=_FORGETS | _FEW
    ),
    Contender("zenoh, shared memory", "zenoh_shm", "", "eclipse-zenoh", leftovers="*.zenoh", why=_FORGETS | _FEW),
    Contender("multiprocessing shared_memory", "shared_memory", why=_FORGETS | _FEW),
    Contender("pyzmq, ipc", "zeromq", "ipc", "pyzmq", why=_NO_POOL),
    Contender("pyzmq, tcp", "zeromq", "tcp", "pyzmq", why=_NO_POOL),
    Contender("imagezmq", "imagezmq", "", "imagezmq", why=_NO_POOL),
    Contender("vidgear NetGear", "netgear", "", "vidgear", why=_NO_POOL),
    Contender("karabo-bridge", "karabo", "", "karabo-bridge", why=_NO_POOL),
    Contender("gRPC", "grpc", "", "grpcio", why=_NO_POOL),
    Contender("Ray object store", "ray_store", "", "ray"),
    Contender("pipe", "pipe", why=_NO_POOL),
    Contender("file in /dev/shm", "file", why=_NO_POOL),
)
