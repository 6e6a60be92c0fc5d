# cython: language_level=3
"""msgpack: to step over values in data from elsewhere, and to put numbers where one stands."""

from libc.stdint cimport uint8_t, uint64_t

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)

cdef enum:  # what a value's first byte says
    FIXMAP = 0x80
    FIXARRAY = 0x90
    FIXSTR = 0xA0
    NIL = 0xC0
    FALSE = 0xC2
    TRUE = 0xC3
    BIN = 0xC4  # the first of three widths of its size
    FLOAT32 = 0xCA
    FLOAT64 = 0xCB
    UINT = 0xCC  # the first of four widths
    INT = 0xD0  # the first of four widths
    STR = 0xD9  # the first of three widths of its size
    ARRAY = 0xDC  # the first of two widths of its count
    MAP = 0xDE  # the first of two widths of its count
    NEGATIVE_FIXINT = 0xE0


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


cdef inline bint take_big(const uint8_t *data, size_t size, size_t *at, int width, uint64_t *number) noexcept nogil:
    if size - at[0] < <size_t>width:
        return False
    number[0] = big(data + at[0], width)
    at[0] += width
    return True


cdef inline bint take_uint(const uint8_t *data, size_t size, size_t *at, uint64_t *number) noexcept nogil:
    """An unsigned integer, of whatever width. False: there is none; `at` is anywhere then, here and below."""
    if at[0] >= size:
        return False
    cdef uint8_t first = data[at[0]]
    at[0] += 1
    if first < FIXMAP:
        number[0] = first
        return True
    return UINT <= first < UINT + 4 and take_big(data, size, at, 1 << (first - UINT), number)


cdef inline bint take_bytes(const uint8_t *data, size_t size, size_t *at, uint64_t count) noexcept nogil:
    if size - at[0] < count:
        return False
    at[0] += count
    return True


cdef inline bint take_text(const uint8_t *data, size_t size, size_t *at) except -1:
    """A str of UTF-8."""
    cdef uint64_t length, i
    if at[0] >= size:
        return False
    cdef uint8_t first = data[at[0]]
    at[0] += 1
    if FIXSTR <= first < NIL:
        length = first - FIXSTR
    elif not STR <= first < STR + 3 or not take_big(data, size, at, 1 << (first - STR), &length):
        return False
    cdef const uint8_t *text = data + at[0]
    if not take_bytes(data, size, at, length):
        return False
    for i in range(length):
        if text[i] >= 0x80:
            break
    else:
        return True
    try:
        PyUnicode_DecodeUTF8(<const char *>text, length, NULL)
    except UnicodeDecodeError:
        return False
    return True


cdef inline bint take_value(const uint8_t *data, size_t size, size_t *at, int depth) except -1:
    """Any value but extension types; containers at most so deep."""
    cdef uint64_t number
    if at[0] >= size:
        return False
    cdef uint8_t first = data[at[0]]
    if FIXSTR <= first < NIL or STR <= first < STR + 3:
        return take_text(data, size, at)
    if FIXMAP <= first < FIXARRAY or MAP <= first < MAP + 2:
        return take_map(data, size, at, depth)
    at[0] += 1
    if first < FIXMAP or first >= NEGATIVE_FIXINT or first == NIL or first == FALSE or first == TRUE:
        return True
    if BIN <= first < BIN + 3:
        return take_big(data, size, at, 1 << (first - BIN), &number) and take_bytes(data, size, at, number)
    if first == FLOAT32 or first == FLOAT64:
        return take_bytes(data, size, at, 4 if first == FLOAT32 else 8)
    if UINT <= first < UINT + 4 or INT <= first < INT + 4:
        return take_bytes(data, size, at, 1 << ((first - UINT) & 3))
    if FIXARRAY <= first < FIXSTR:
        number = first - FIXARRAY
    elif not ARRAY <= first < ARRAY + 2 or not take_big(data, size, at, 2 << (first - ARRAY), &number):
        return False
    if depth == 0:
        return False
    while number > 0:
        if not take_value(data, size, at, depth - 1):
            return False
        number -= 1
    return True


cdef inline bint take_map(const uint8_t *data, size_t size, size_t *at, int depth) except -1:
    """A map, whose keys are texts, at most so deep."""
    cdef uint64_t pairs
    if depth == 0 or at[0] >= size:
        return False
    cdef uint8_t first = data[at[0]]
    at[0] += 1
    if FIXMAP <= first < FIXARRAY:
        pairs = first - FIXMAP
    elif not MAP <= first < MAP + 2 or not take_big(data, size, at, 2 << (first - MAP), &pairs):
        return False
    while pairs > 0:
        if not take_text(data, size, at) or not take_value(data, size, at, depth - 1):
            return False
        pairs -= 1
    return True
