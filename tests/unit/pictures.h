/* What the codec tests share: decode bytes as a source does, and damage them in every way. */
#ifndef TEST_PICTURES_H
#define TEST_PICTURES_H

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/codec.h"

typedef struct bytes {
    uint8_t *data;
    size_t size;
} bytes;

/* What decoding came to. Free with drop(). */
typedef struct picture {
    fw_status status;
    bool opened; /* the header was taken */
    char cause[1024];
    fw_format format;
    uint8_t *pixels;
    fw_meta meta;
} picture;

static inline bytes copy_of(const void *data, size_t size) {
    bytes copy = { malloc(size ? size : 1), size };
    assert_non_null(copy.data);
    memcpy(copy.data, data, size);
    return copy;
}

static inline picture decode_page(const fw_codec *codec, bytes file, fw_limits limits, uint64_t offset) {
    picture result = { 0 };
    bytes exact = copy_of(file.data, file.size); /* so that reading beyond it is seen */
    fw_image image = {
        .codec = codec, .bytes = exact.data, .size = exact.size, .limits = limits, .page_offset = offset
    };
    result.status = codec->open(&image, &result.meta);
    if (result.status == FW_OK) {
        result.opened = true;
        result.format = image.format;
        result.pixels = aligned_alloc(64, (image.format.size + 63) / 64 * 64);
        assert_non_null(result.pixels);
        memset(result.pixels, 0xa5, image.format.size);
        result.status = codec->decode(&image, result.pixels);
        codec->close(&image);
    }
    assert_null(image.state);
    if (result.status != FW_OK)
        snprintf(result.cause, sizeof result.cause, "%s", fw_cause());
    free(exact.data);
    return result;
}

static inline picture decode(const fw_codec *codec, bytes file) {
    return decode_page(codec, file, (fw_limits){ 0 }, 0);
}

static inline void drop(picture *result) {
    free(result->pixels);
    fw_meta_free(&result->meta);
}

static inline void assert_image(const picture *result, fw_pixels pixels, uint32_t width, uint32_t height) {
    if (result->status != FW_OK)
        fail_msg("%s", result->cause);
    assert_int_equal(result->format.pixels, pixels);
    assert_int_equal(result->format.width, width);
    assert_int_equal(result->format.height, height);
    assert_int_equal(result->format.encoding, FW_RAW);
}

/* Decoding gives this status, and a cause with this text in it. */
static inline void assert_refused(const fw_codec *codec, bytes file, fw_limits limits, fw_status status,
                                  const char *text) {
    picture result = decode_page(codec, file, limits, 0);
    if (result.status != status || !strstr(result.cause, text))
        fail_msg("status %d, cause \"%s\"; expected %d and \"%s\"", (int)result.status, result.cause, (int)status,
                 text);
    drop(&result);
}

static inline void assert_every_cut_is_refused(const fw_codec *codec, bytes file, size_t step) {
    for (size_t size = 0; size < file.size; size += size + step < file.size || size == file.size - 1 ? step : 1) {
        picture result = decode(codec, (bytes){ file.data, size });
        if (result.status == FW_OK || !*result.cause)
            fail_msg("%zu of %zu bytes: status %d, cause \"%s\"", size, file.size, (int)result.status, result.cause);
        drop(&result);
    }
}

/* Flip bits at every step; returns how many of the damaged files were taken all the same. */
static inline size_t damage_everywhere(const fw_codec *codec, bytes file, size_t step) {
    size_t taken = 0;
    for (size_t at = 0; at < file.size; at += step) {
        for (int flip = 0; flip < 3; flip++) {
            static const uint8_t masks[] = { 0xff, 0x01, 0x80 };
            bytes copy = copy_of(file.data, file.size);
            copy.data[at] ^= masks[flip];
            picture result = decode_page(codec, copy, (fw_limits){ .pixels = 1 << 20 }, 0);
            taken += result.status == FW_OK;
            assert_true(result.status == FW_OK || *result.cause);
            drop(&result);
            free(copy.data);
        }
    }
    return taken;
}

/* Is this int (0-127) in meta under this key? */
static inline bool has_small_int(const fw_meta *meta, const char *key, uint8_t value) {
    size_t length = strlen(key);
    const uint8_t *at = meta->packed ? memmem(meta->packed, meta->size, key, length) : NULL;
    return at && at + length < meta->packed + meta->size && at[length] == value;
}

#endif
