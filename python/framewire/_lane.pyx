# cython: language_level=3
"""What lane.py does, compiled: the same packets are said and heard, by the same rules.

A thread that has slept while a sender copied a picture finds the interpreter, the code and the objects of a usual turn
no more in its caches, and waits for each of them. This is one piece of code with all it needs in one place. What is not
as usual is left to the Python code, which knows all of it; without this module that does everything.
"""

cimport cython
cimport numpy
from cpython.buffer cimport PyBuffer_FillInfo, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.errno cimport EINTR, errno
from libc.stdint cimport INT64_MAX, UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from os import sched_yield
from threading import get_ident
from time import monotonic

from ._known cimport (
    GEN, ITEM, LENGTH, META, MONOTONIC, NUMBERS, OFFSET, SEQ, SLOT, TIME, Found, Known, fits)
from ._msgpack cimport put_big
from ._packets cimport (
    MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, iovec, msghdr, notes_of, put_little, recvmsg, send)

import msgpack

from . import forks
from .door import PACKET_MAX, two_parts
from .fields import HEADER_MAX
from .frame import Frame
from .header import ITEM_MAX, NESTING_MAX
from .leased import SLOTS_MAX, Place
from .shm import ALIGNMENT
from .words import done_header, release_header, start_header

cdef extern from "Python.h":
    object PyType_GenericAlloc(PyTypeObject *kind, Py_ssize_t items)  # as __new__, without what leads there

cdef extern from "numpy/arrayobject.h":
    PyTypeObject PyArray_Type
    object PyArray_NewFromDescr(
        PyTypeObject *kind, numpy.dtype dtype, int dimensions, numpy.npy_intp *shape, numpy.npy_intp *strides,
        void *data, int flags, PyObject *like)

cdef enum:
    SMALL_MAX = 4096  # bytes of a packet that is put together here
    PARTS_MAX = 16  # of such a packet
    KEY = 21  # of an answer: its epoch, then the word "seq", and that, 8 bytes each
    RELEASE = 128  # or less: a release
    NOTES = 32  # words beside a packet
    KNOWN_MAX = 16
    TRIES_MAX = 32  # misfits in a row; of as many more, one is learnt

cdef size_t ROOM = PACKET_MAX, LONGEST_HEADER = HEADER_MAX, LONGEST_ITEM = ITEM_MAX
cdef int META_NESTING = NESTING_MAX - 1
cdef uint64_t STEP = ALIGNMENT

numpy.import_array()


cdef class Slot


@cython.final
@cython.no_gc
cdef class Pattern:
    """A packet that brought a frame; others like it differ in some values only."""

    cdef bytes packet
    cdef Known known  # of it
    cdef object kind, stream, epoch
    cdef numpy.dtype dtype  # of raw frames
    cdef object region  # its number
    cdef tuple shape
    cdef uint64_t size  # of the pixels, which in slots of raw frames are all
    cdef bytes start  # what is said at its start; the number is its end

    cdef object array(self, Slot payload):
        """A view, which cannot be made writable: what it stands on cannot."""
        cdef numpy.npy_intp shape[numpy.NPY_MAXDIMS]
        cdef int i, dimensions = len(self.shape)
        for i in range(dimensions):
            shape[i] = self.shape[i]
        Py_INCREF(self.dtype)  # which is taken
        made = PyArray_NewFromDescr(
            &PyArray_Type, self.dtype, dimensions, shape, NULL, payload.data, numpy.NPY_ARRAY_CARRAY_RO, NULL)
        numpy.set_array_base(made, payload)
        return made

    cdef bint fits(self, const uint8_t *data, size_t size, Found *found) except -1:
        if size > self.known.header + LONGEST_HEADER or not fits(&self.known, data, size, META_NESTING, found):
            return False
        if found.numbers[TIME] > INT64_MAX or found.numbers[MONOTONIC] > INT64_MAX or found.numbers[SLOT] > UINT32_MAX:
            return False
        if found.ends[ITEM] - found.starts[ITEM] > LONGEST_ITEM:  # that of the longest is left to who reads it all
            return False
        return found.numbers[LENGTH] == self.size if self.dtype is not None else found.numbers[LENGTH] > 0


@cython.final
@cython.no_gc
cdef class Slot:
    """The bytes of a slot, read-only, which arrays stand on. With the last of them it is put among the releases."""

    cdef object region  # the mapping stays as long
    cdef tuple held
    cdef uint8_t *data
    cdef Py_ssize_t size
    cdef Pattern pattern
    cdef uint64_t numbers[NUMBERS]
    cdef bytes item, meta  # packed; None: there is none

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, 1, flags)

    def __len__(self):
        return self.size

    def __call__(self):
        """The frame's header: few who take frames look at it."""
        header = PyType_GenericAlloc(<PyTypeObject *>self.pattern.kind, 0)
        header.seq, header.time, header.monotonic = self.numbers[SEQ], self.numbers[TIME], self.numbers[MONOTONIC]
        if self.item is not None:
            header.item = msgpack.unpackb(self.item)
        header.meta = msgpack.unpackb(self.meta) if self.meta is not None else {}
        header.place = Place(*self.held, self.numbers[OFFSET], self.size)
        return header

    def __dealloc__(self):
        if self.region is not None:
            self.region.releases.put(self.held)


cdef class Turn:
    """A worker's turns at the door; its driver's.

    What it reads and sets of others is guarded by the GIL, which is given away in the receive and in what is called of
    them; where others hold their lock it goes the long way.
    """

    cdef object _worker, _keeper, _inside, _releases, _waiting, _words, _state, _stats, _forks
    cdef dict _holds
    cdef set _started
    cdef bytes _done  # the answer to a first attempt, with epoch and seq to be put in
    cdef size_t _key_at
    cdef object _era  # of `inside`, in which the following was learnt; None: there is none
    cdef int _door, _aside
    cdef uint8_t *_memory
    cdef uint64_t _size
    cdef list _known
    cdef int _tries  # packets since one fitted
    cdef bytes _release
    cdef uint8_t _packet[SMALL_MAX]
    cdef bytearray _room

    def __init__(self, worker, bytes done):
        """done: what done_rest() gave."""
        self._worker, self._keeper, self._inside = worker, worker._keeper, worker._inside
        self._words, self._started, self._state = worker._outbox.words, worker._started, worker._state
        self._stats = worker._options.stats
        releases = self._releases = self._inside.releases
        self._waiting, self._holds = releases.waiting, releases.holds
        self._done = done_header(0, 0, done)
        self._key_at = len(self._done) - len(done) - KEY
        self._release = release_header(((0, 0, 0),))
        self._forks = forks.count
        self._known = []
        self._room = bytearray(ROOM)

    def wants(self, bytes stream, bytes data):
        """Whether a frame that came in these two parts is worth to be learnt: others like it cannot be received yet."""
        cdef Pattern known
        cdef Found found
        cdef bytes packet = two_parts(stream, len(data)) + data
        if self._era == self._inside.era:
            for known in self._known:
                if known.fits(<const uint8_t *>PyBytes_AS_STRING(packet), len(packet), &found):
                    return False
        self._tries += 1
        return self._tries <= TRIES_MAX or self._tries % TRIES_MAX == 0

    def learn(self, bytes stream, bytes data, list spans, frame):
        """This frame came in shared memory, in these two parts; data has values in these spans, None where not."""
        inside = self._inside
        cdef Py_buffer memory
        if self._era != inside.era:
            self._known.clear()
            if inside.visit is None or inside.region is None:
                return
            PyObject_GetBuffer(inside.region.memory, &memory, PyBUF_SIMPLE)
            self._memory = <uint8_t *>memory.buf
            self._size = inside.region.size
            PyBuffer_Release(&memory)  # a mapping stays where it is, for as long as its region
            self._door, self._aside, self._era = inside.visit.fileno(), inside.visit.aside, inside.era
        if len(self._known) >= KNOWN_MAX:
            del self._known[0]
        self._known.append(_pattern(stream, data, spans, frame))

    def next(self, loop):
        """As __next__ of a receiver that has this worker alone. None: what is left to do of it is not as usual."""
        worker, keeper, receiving = self._worker, self._keeper, loop._receiving
        if not worker.soon or worker._waiting or worker._news or self._era is None or self._state.locked():
            return None
        if loop._closed or forks.count != self._forks:
            return None
        # Who would have to wait for a lock goes the long way: an interrupt there must not lose what was claimed here.
        if not receiving.acquire(False):
            return None
        try:
            if not keeper.lock.acquire(False):
                return None
            loop._thread = keeper.driver = get_ident()
            try:
                return self._next(loop)
            finally:
                if keeper.gated:
                    keeper.leave()
                else:
                    keeper.turns += 1
                    keeper.driver = 0
                    keeper.lock.release()
        finally:
            loop._thread = 0
            receiving.release()

    cdef object _next(self, loop):
        """As `next`, which holds the locks."""
        cdef Slot came
        hand = loop._in_hand
        key = parts = None
        if hand is not None and hand.open and not hand.kept:
            if type(hand._payload) is not Slot:
                return None
            came = hand._payload
            key = came.pattern.epoch, came.numbers[SEQ]
            if key not in self._started:
                return None
            came = None
            hand.open = False
            parts = [hand._stream.encode(), self._answer(key[0], key[1]), b"\xc0"]
            self._stats.results += 1
        loop._in_hand = hand = None  # here its slot is released, unless the caller still has it
        frame = self._take(key, parts)
        if frame is not None:
            loop._in_hand = frame
            self._stats.frames += 1
            self._stats.bytes += frame.nbytes
        return frame

    def take(self):
        """Say what is to be said, and wait for the next frame.

        None: something was not as usual. What was said is said, what came was heard, and the rest is as it was.
        """
        return self._noted(self._take(None, None))

    @property
    def is_ready(self):
        """Usual frames of this connection are known, none waits that came before, and nothing is to be said."""
        return self._is_ready() and not self._worker._waiting and not self._worker._news

    cdef bint _is_ready(self) except -1:
        if self._era is None or self._era != self._inside.era or self._words or self._waiting:
            return False
        return self._releases.held < SLOTS_MAX

    def look(self, double until=0.0):
        """As `take`, without a sleep, of what is there by now, or comes until time.monotonic() is `until`."""
        if not self._is_ready():
            return None
        came = self._receive(MSG_DONTWAIT)
        while came is None and monotonic() < until:
            sched_yield()  # the sender may be about to run on this very CPU
            came = self._receive(MSG_DONTWAIT)
        return self._noted(self._handed(came))

    cdef object _noted(self, frame):
        if frame is not None:
            self._worker.note_wait()
        return frame

    cdef object _take(self, key, list parts):
        """As `take`; key, parts: an answer that is to be said after all others; None: there is none."""
        if parts is not None:
            if self._words or not self._say(parts):
                self._words.append((key, parts))
                return None
        elif self._words:
            key, parts = self._words[0]
            if key is None or len(self._words) > 1 or not self._say(parts):
                return None
            self._words.popleft()
        elif not self._say([]):
            return None
        if self._worker._progressed:
            self._worker.on_sent(key)
        else:
            self._started.discard(key)
        if self._started or self._releases.held > 1:
            return None
        self._worker.soon = False
        came = self._receive(0)
        self._worker.soon = came is not None
        return self._handed(came)

    cdef object _handed(self, came):
        """What `_receive` gave, if it is a Frame; else it is heard."""
        if came is None:
            return None
        self._releases.asleep = False
        if type(came) is tuple:
            self._worker.hear_packet(came)
            return None
        return came

    cdef bytes _answer(self, uint64_t epoch, uint64_t seq):
        cdef size_t size = PyBytes_GET_SIZE(self._done)
        cdef bytes answer = PyBytes_FromStringAndSize(PyBytes_AS_STRING(self._done), size)
        cdef uint8_t *at = <uint8_t *>PyBytes_AS_STRING(answer) + self._key_at
        put_big(at, epoch, 8)
        put_big(at + KEY - 8, seq, 8)
        return answer

    cdef bint _say(self, list parts) except -1:
        """These, and the last frame's release. False: nothing was; there is more to say, or less, or no room."""
        cdef size_t count = len(parts), at = 4 + 4 * (count + 2), size, i
        cdef tuple slot
        if self._inside.era != self._era or self._inside.full or len(self._waiting) != 1 or count > PARTS_MAX:
            return False
        slot = self._waiting[0]
        if slot not in self._holds:
            return False
        # Version, a message, parts in all, those of the first of two (proto/door-1.md).
        self._packet[0], self._packet[1], self._packet[2], self._packet[3] = 1, 0, count + 2, count
        for i in range(count):
            part = parts[i]
            if type(part) is not bytes:
                return False
            size = PyBytes_GET_SIZE(part)
            if SMALL_MAX - at < size + RELEASE:
                return False
            put_little(self._packet + 4 + 4 * i, size)
            memcpy(self._packet + at, PyBytes_AS_STRING(part), size)
            at += size
        size = PyBytes_GET_SIZE(self._release)
        put_little(self._packet + 4 + 4 * count, 0)
        put_little(self._packet + 8 + 4 * count, size)
        memcpy(self._packet + at, PyBytes_AS_STRING(self._release), size)
        at += size
        # At its end, each after a byte that says its width: region, slot, gen.
        put_big(self._packet + at - 22, slot[0], 8)
        put_big(self._packet + at - 13, slot[1], 4)
        put_big(self._packet + at - 8, slot[2], 8)
        if send(self._door, self._packet, at, MSG_DONTWAIT | MSG_NOSIGNAL) < 0:
            return False
        self._waiting.popleft()
        self._releases.held -= 1
        held = self._holds.pop(slot)
        if held > 1:
            self._holds[slot] = held - 1
        return True

    cdef object _receive(self, int wait):
        """The next packet: a Frame that is handed over, or what Visit.read() takes of any other.

        wait: 0, or MSG_DONTWAIT. None: none came for a while, or the long way will see why.
        """
        cdef size_t notes[NOTES]
        cdef iovec room
        cdef msghdr message
        cdef Found found
        cdef ssize_t size
        cdef Pattern known
        room.iov_base, room.iov_len = <uint8_t *>self._room, ROOM
        memset(&message, 0, sizeof(message))
        message.msg_iov, message.msg_iovlen, message.msg_control = &room, 1, notes
        while True:
            message.msg_controllen = sizeof(notes)
            with nogil:
                size = recvmsg(self._door, &message, MSG_CMSG_CLOEXEC | wait)
            if size >= 0 or errno != EINTR:
                break
            PyErr_CheckSignals()
        if size <= 0:
            return None
        if message.msg_controllen == 0:
            for known in self._known:
                if known.fits(<uint8_t *>self._room, size, &found):
                    frame = self._frame(known, &found)
                    if frame is not None:
                        self._tries = 0
                        return frame
                    break
        return PyBytes_FromStringAndSize(<char *>self._room, size), notes_of(&message), message.msg_flags

    cdef object _frame(self, Pattern known, Found *found):
        """None: it lies where none can, or is here already."""
        cdef uint64_t seq = found.numbers[SEQ], offset = found.numbers[OFFSET], size = found.numbers[LENGTH]
        key = known.epoch, seq
        if offset % STEP != 0 or offset > self._size or size > self._size - offset or key in self._started:
            return None
        cdef Slot payload = Slot.__new__(Slot)
        payload.data, payload.size, payload.pattern = self._memory + offset, size, known
        memcpy(payload.numbers, found.numbers, sizeof(payload.numbers))
        payload.item, payload.meta = self._value(found, ITEM), self._value(found, META)
        held = known.region, found.numbers[SLOT], found.numbers[GEN]
        payload.held, payload.region = held, self._inside.region
        self._holds[held] = self._holds.get(held, 0) + 1
        self._releases.held += 1
        frame = PyType_GenericAlloc(<PyTypeObject *>Frame, 0)  # its __init__ is not called
        frame._stream, frame._payload, frame._transport, frame._forks = known.stream, payload, "shm", forks.count
        frame.owner, frame._header, frame.nbytes = self._worker, payload, size
        frame.open, frame.kept = True, False
        frame._array = known.array(payload) if known.dtype is not None else None
        self._started.add(key)
        cdef size_t said = PyBytes_GET_SIZE(known.start)
        memcpy(self._packet, PyBytes_AS_STRING(known.start), said)
        put_big(self._packet + said - 8, seq, 8)
        if self._aside < 0 or send(self._aside, self._packet, said, MSG_DONTWAIT | MSG_NOSIGNAL) < 0:
            self._worker._start(known.stream, key, False)
        return frame

    cdef bytes _value(self, Found *found, int value):
        """Of the packet in the room. None: there is none."""
        cdef size_t start = found.starts[value], size = found.ends[value] - start
        return PyBytes_FromStringAndSize(<char *>self._room + start, size) if size > 0 else None


cdef Pattern _pattern(bytes stream, bytes data, list spans, frame):
    cdef Pattern made = Pattern.__new__(Pattern)
    cdef Known *known = &made.known
    header = frame.header
    start = two_parts(stream, len(data))
    made.packet = start + data
    known.packet, known.size = <const uint8_t *>PyBytes_AS_STRING(made.packet), len(made.packet)
    known.header, known.count = len(start), 0
    for (begin, end), value in sorted((span, value) for value, span in enumerate(spans) if span is not None):
        known.starts[known.count], known.ends[known.count] = len(start) + begin, len(start) + end
        known.values[known.count] = value
        known.count += 1
    made.kind = type("Header", (type(header),), dict(vars(header)))
    made.stream, made.epoch, made.region = frame.stream, header.epoch, header.place.region
    made.shape, made.size = header.shape, header.nbytes
    made.dtype = frame.dtype if header.encoding == "raw" else None
    said = start_header(header.epoch, 0)
    made.start = two_parts(stream, len(said)) + said
    return made
