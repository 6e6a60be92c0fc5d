#include "image/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

uint64_t fw_number(const uint8_t *bytes, size_t size, bool big_endian) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[big_endian ? i : size - 1 - i];
    return value;
}

void fw_swap(uint8_t *bytes, size_t count, size_t size) {
    /* Through memcpy: neither file data nor callers promise alignment. */
    for (size_t i = 0; i < count; i++, bytes += size) {
        if (size == 2) {
            uint16_t value;
            memcpy(&value, bytes, 2);
            value = __builtin_bswap16(value);
            memcpy(bytes, &value, 2);
        } else if (size == 4) {
            uint32_t value;
            memcpy(&value, bytes, 4);
            value = __builtin_bswap32(value);
            memcpy(bytes, &value, 4);
        } else if (size == 8) {
            uint64_t value;
            memcpy(&value, bytes, 8);
            value = __builtin_bswap64(value);
            memcpy(bytes, &value, 8);
        }
    }
}

void fw_host_to_little(uint8_t *bytes, size_t count, size_t size) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    fw_swap(bytes, count, size);
#else
    (void)bytes, (void)count, (void)size;
#endif
}

fw_size_text fw_size_say(uint64_t bytes) {
    fw_size_text say;
    if (bytes < 1000)
        snprintf(say.text, sizeof say.text, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
    else if (bytes < 1000000)
        snprintf(say.text, sizeof say.text, "%" PRIu64 " KB", bytes / 1000);
    else if (bytes < 1000000000)
        snprintf(say.text, sizeof say.text, "%.1f MB", (double)bytes / 1e6);
    else
        snprintf(say.text, sizeof say.text, "%.1f GB", (double)bytes / 1e9);
    return say;
}

fw_status fw_ends_early(size_t size) {
    return fw_fail(FW_BAD_INPUT, "the file ends after %s, in the middle of the image", fw_size_say(size).text);
}

fw_status fw_too_few(size_t size, uint64_t width, uint64_t height) {
    return fw_fail(FW_BAD_INPUT,
                   "the file ends after %s, too few for the %" PRIu64 " x %" PRIu64 " pixels that it claims",
                   fw_size_say(size).text, width, height);
}
