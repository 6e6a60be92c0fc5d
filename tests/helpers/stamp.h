/* Is a test frame whole? Reads what docs/test-source.md describes, apart from the code that writes it. */
#ifndef FW_TEST_STAMP_H
#define FW_TEST_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline uint64_t stamp_u64(const uint8_t *bytes) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static inline bool stamp_at(const uint8_t *bytes, uint64_t number) {
    return stamp_u64(bytes) == number && stamp_u64(bytes + 8) == ~number;
}

/* The number in the first stamp; size is at least 16. */
static inline uint64_t stamp_number(const uint8_t *data) {
    return stamp_u64(data);
}

/* Does every stamp say this number? */
static inline bool stamp_whole(const uint8_t *data, size_t size, uint64_t number) {
    size_t end = 0;
    if (size < 16) {
        for (size_t i = 0; i < size; i++)
            if (data[i] != (uint8_t)((i < 8 ? number : ~number) >> 8 * (i % 8)))
                return false;
        return true;
    }
    for (size_t at = 0; at + 16 <= size; at += 65536, end = at - 65536 + 16)
        if (!stamp_at(data + at, number))
            return false;
    return size - 16 < end || stamp_at(data + size - 16, number);
}

#endif
