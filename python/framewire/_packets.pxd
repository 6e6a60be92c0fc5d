# cython: language_level=3
"""Packets and their numbers: what C gives to receive and send them, and how numbers stand in them."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

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


cdef inline uint64_t big(const uint8_t *at, int size) noexcept nogil:
    cdef uint64_t number = 0
    cdef int i
    for i in range(size):
        number = number << 8 | at[i]
    return number


cdef inline void put_big(uint8_t *at, uint64_t number, int size) noexcept nogil:
    cdef int i
    for i in range(size):
        at[i] = <uint8_t>(number >> 8 * (size - 1 - i) & 0xFF)


cdef inline uint32_t little(const uint8_t *at) noexcept nogil:
    return at[0] | <uint32_t>at[1] << 8 | <uint32_t>at[2] << 16 | <uint32_t>at[3] << 24


cdef inline void put_little(uint8_t *at, uint32_t number) noexcept nogil:
    cdef int i
    for i in range(4):
        at[i] = <uint8_t>(number >> 8 * i & 0xFF)


cdef inline bint take_uint(const uint8_t *data, size_t size, size_t *at, uint64_t *number) noexcept nogil:
    """msgpack's unsigned integers, of whatever width."""
    if at[0] >= size:
        return False
    cdef uint8_t first = data[at[0]]
    cdef int width
    at[0] += 1
    if first < 0x80:
        number[0] = first
        return True
    if first < 0xCC or first > 0xCF:
        return False
    width = 1 << (first - 0xCC)
    if size - at[0] < <size_t>width:
        return False
    number[0] = big(data + at[0], width)
    at[0] += width
    return True
