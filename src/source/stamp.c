#include "source/stamp.h"

#include <endian.h>
#include <string.h>

void fw_stamp_write(uint8_t *data, size_t size, uint64_t number) {
    const uint64_t stamp[2] = { htole64(number), htole64(~number) };
    if (size < FW_STAMP_SIZE) {
        memcpy(data, stamp, size);
        return;
    }
    size_t last = size - FW_STAMP_SIZE, at = 0;
    for (; at <= last; at += FW_STAMP_STEP)
        memcpy(data + at, stamp, FW_STAMP_SIZE);
    if (last >= at - FW_STAMP_STEP + FW_STAMP_SIZE)
        memcpy(data + last, stamp, FW_STAMP_SIZE);
}
