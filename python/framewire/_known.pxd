# cython: language_level=3
"""Packets that bring a frame as a known one did, but for some values of its header."""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcmp, memset

from ._msgpack cimport take_map, take_text, take_uint
from ._packets cimport little

cdef enum:
    SEQ, TIME, MONOTONIC, SLOT, GEN, OFFSET, LENGTH, NUMBERS  # the values that may differ; these are unsigned integers
    ITEM = NUMBERS  # a text
    META, VALUES  # a map
    TWO_PARTS = 12  # bytes of the head of a message of two parts; the second one's size is the last 4 of them


cdef struct Known:
    const uint8_t *packet
    size_t size
    size_t header  # where its second part begins
    int count  # of its values, in the order in which they stand
    int values[VALUES]
    size_t starts[VALUES]
    size_t ends[VALUES]


cdef struct Found:  # in a packet
    uint64_t numbers[NUMBERS]  # 0: there is none
    size_t starts[VALUES]  # of item and meta; the same as the end: there is none
    size_t ends[VALUES]


cdef inline bint fits(const Known *known, const uint8_t *data, size_t size, int nesting, Found *found) except -1:
    """nesting: of meta, at most. Whether the values are within their bounds is the caller's to see."""
    cdef size_t at = TWO_PARTS, after = TWO_PARTS, fixed
    cdef int i, value
    if size < known.header or memcmp(data, known.packet, TWO_PARTS - 4) != 0:
        return False
    if little(data + TWO_PARTS - 4) != size - known.header:
        return False
    memset(found, 0, sizeof(found[0]))
    for i in range(known.count):
        fixed = known.starts[i] - after
        if size - at < fixed or memcmp(data + at, known.packet + after, fixed) != 0:
            return False
        at += fixed
        value = known.values[i]
        if value < NUMBERS:
            if not take_uint(data, size, &at, &found.numbers[value]):
                return False
        else:
            found.starts[value] = at
            if not (take_text(data, size, &at) if value == ITEM else take_map(data, size, &at, nesting)):
                return False
            found.ends[value] = at
        after = known.ends[i]
    return size - at == known.size - after and memcmp(data + at, known.packet + after, size - at) == 0
