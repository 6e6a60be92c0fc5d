/* What the codecs' fuzz targets share: decode all pages of any bytes, within limits that keep a run fast. */
#ifndef FW_TESTS_DECODE_H
#define FW_TESTS_DECODE_H

#include "fuzz.h"

#include "image/codec.h"

static inline void decode_page(const fw_codec *codec, const uint8_t *data, size_t size, uint64_t offset) {
    fw_limits limits = { .pixels = 1 << 18, .scans = 20, .bytes = 1 << 21 };
    fw_image image = { .codec = codec, .bytes = data, .size = size, .limits = limits, .page_offset = offset };
    fw_meta meta = { 0 };
    fw_status status = codec->open(&image, &meta);
    if (status == FW_OK) {
        MUST(image.format.encoding == FW_RAW && image.format.size > 0 && image.format.size <= limits.bytes);
        uint8_t *out = malloc(image.format.size); /* exactly, so that a write beyond it is seen */
        MUST(out);
        status = codec->decode(&image, out);
        free(out);
        codec->close(&image);
    }
    MUST(image.state == NULL);
    MUST(status == FW_OK || *fw_cause());
    fw_meta_free(&meta);
}

static inline int decode_all(const fw_codec *codec, const uint8_t *data, size_t size) {
    if (!codec->knows(data, size))
        return 0;
    fw_image file = { .codec = codec, .bytes = data, .size = size };
    uint64_t *offsets;
    size_t count;
    if (!codec->pages) {
        decode_page(codec, data, size, 0);
    } else if (codec->pages(&file, &offsets, &count) == FW_OK) {
        MUST(count > 0);
        for (size_t i = 0; i < count && i < 3; i++)
            decode_page(codec, data, size, offsets[i]);
        free(offsets);
    } else {
        decode_page(codec, data, size, 0);
    }
    return 0;
}

#endif
