# cython: language_level=3
"""Packets: what C gives to receive and send them, and how lengths stand in them."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t

cdef extern from "<sys/socket.h>" nogil:
    int MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    cmsghdr *CMSG_FIRSTHDR(msghdr *message)
    cmsghdr *CMSG_NXTHDR(msghdr *message, cmsghdr *note)
    uint8_t *CMSG_DATA(cmsghdr *note)
    ssize_t recvmsg(int socket, msghdr *message, int flags)
    ssize_t send(int socket, const void *data, size_t size, int flags)


cdef inline uint32_t little(const uint8_t *at) noexcept nogil:
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef inline void put_little(uint8_t *at, uint32_t number) noexcept nogil:
    cdef int i
    for i in range(4):
        at[i] = <uint8_t>(number >> 8 * i & 0xFF)


cdef inline list notes_of(msghdr *message):
    """What came beside a packet, as socket.recvmsg() gives it."""
    cdef list notes = []
    cdef cmsghdr *note = CMSG_FIRSTHDR(message)
    while note != NULL:
        size = <uint8_t *>note + note.cmsg_len - CMSG_DATA(note)
        notes.append((note.cmsg_level, note.cmsg_type, PyBytes_FromStringAndSize(<char *>CMSG_DATA(note), size)))
        note = CMSG_NXTHDR(message, note)
    return notes
