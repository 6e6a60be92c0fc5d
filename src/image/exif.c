#include "image/exif.h"

#include <string.h>

#include "image/bytes.h"

int fw_exif_orientation(const uint8_t *block, size_t size) {
    if (size < 8)
        return 0;
    bool big;
    if (memcmp(block, "II*\0", 4) == 0)
        big = false;
    else if (memcmp(block, "MM\0*", 4) == 0)
        big = true;
    else
        return 0;

    size_t at = (size_t)fw_number(block + 4, 4, big);
    if (at > size - 2)
        return 0;
    size_t entries = (size_t)fw_number(block + at, 2, big);
    at += 2;
    for (; entries > 0 && size - at >= 12; entries--, at += 12) {
        const uint8_t *entry = block + at;
        enum { ORIENTATION = 0x0112, SHORT = 3 };
        if (fw_number(entry, 2, big) != ORIENTATION)
            continue;
        uint64_t value = fw_number(entry + 8, 2, big);
        bool sound = fw_number(entry + 2, 2, big) == SHORT && fw_number(entry + 4, 4, big) == 1;
        return sound && value >= 1 && value <= 8 ? (int)value : 0;
    }
    return 0;
}
