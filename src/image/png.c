#include "image/codec.h"

#include <stdlib.h>
#include <string.h>

#include <spng.h>

#include "base/status.h"
#include "base/version.h"
#include "image/bytes.h"
#include "image/exif.h"

typedef struct reader {
    spng_ctx *png;
    int layout;    /* SPNG_FMT_... */
    bool keyed;    /* a palette's or a colour key's transparency is applied */
    size_t sample; /* bytes */
} reader;

static bool png_knows(const uint8_t *head, size_t size) {
    return size >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static fw_status fail_as_spng_says(const fw_image *image, int error) {
    switch (error) {
    case SPNG_EMEM:
        return fw_fail(FW_NO_MEMORY, "no memory for the PNG codec");
    case SPNG_IO_EOF:
    case SPNG_EOF:
        return fw_ends_early(image->size);
    case SPNG_ECHUNK_LIMITS:
        return fw_fail(FW_TOO_LARGE, "its texts and colour profiles take more than 16 MB each or 32 MB in all");
    default:
        return fw_fail(FW_BAD_INPUT, "damaged PNG (%s)", spng_strerror(error));
    }
}

static void png_close(fw_image *image) {
    reader *self = image->state;
    if (!self)
        return;
    spng_ctx_free(self->png);
    free(self);
    image->state = NULL;
}

/* Pixels are never changed but widened: what has transparency of any kind becomes RGBA, a palette becomes its colours. */
static void choose_layout(reader *self, const struct spng_ihdr *header, fw_pixels *pixels_p) {
    bool deep = header->bit_depth == 16;
    bool grey = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE;
    bool alpha = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                 header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA || self->keyed;
    self->sample = deep ? 2 : 1;
    if (alpha) {
        self->layout = deep ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8;
        *pixels_p = deep ? FW_RGBA16 : FW_RGBA8;
    } else if (grey) {
        self->layout = deep ? SPNG_FMT_PNG : SPNG_FMT_G8;
        *pixels_p = deep ? FW_MONO16 : FW_MONO8;
    } else {
        self->layout = deep ? SPNG_FMT_PNG : SPNG_FMT_RGB8;
        *pixels_p = deep ? FW_RGB16 : FW_RGB8;
    }
}

/* Deflate packs at most 1032 bytes into one, so a file shorter than that lies about its size. */
static bool too_few_bytes(const struct spng_ihdr *header, size_t size) {
    static const unsigned samples[] = { [0] = 1, [2] = 3, [3] = 1, [4] = 2, [6] = 4 };
    uint64_t bits = (uint64_t)header->width * samples[header->color_type] * header->bit_depth;
    return bits / 8 * header->height / 1032 > size;
}

/* spng takes a file whose last four bytes are missing; and to know of a cut before decoding is cheaper. */
static bool is_whole(const uint8_t *bytes, size_t size) {
    size_t at = 8;
    while (size - at >= 12) {
        size_t length = (size_t)fw_number(bytes + at, 4, true);
        if (length > size - at - 12)
            return false;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0)
            return true;
        at += 12 + length;
    }
    return false;
}

static fw_status read_header(fw_image *image, fw_meta *meta) {
    reader *self = image->state;
    self->png = spng_ctx_new(0);
    if (!self->png)
        return fw_fail(FW_NO_MEMORY, "no memory for the PNG codec");
    spng_set_crc_action(self->png, SPNG_CRC_ERROR, SPNG_CRC_ERROR);
    spng_set_chunk_limits(self->png, (size_t)16 << 20, (size_t)32 << 20);
    spng_set_png_buffer(self->png, image->bytes, image->size);

    struct spng_ihdr header;
    int error = spng_get_ihdr(self->png, &header);
    if (error)
        return fail_as_spng_says(image, error);
    fw_status status = fw_limits_check_size(&image->limits, header.width, header.height);
    if (status != FW_OK)
        return status;
    if (too_few_bytes(&header, image->size))
        return fw_too_few(image->size, header.width, header.height);
    if (!is_whole(image->bytes, image->size))
        return fw_ends_early(image->size);

    struct spng_trns key;
    error = spng_get_trns(self->png, &key);
    if (error && error != SPNG_ECHUNKAVAIL)
        return fail_as_spng_says(image, error);
    self->keyed = error == 0;

    image->format = (fw_format){ .width = header.width, .height = header.height };
    choose_layout(self, &header, &image->format.pixels);
    status = fw_image_finish_format(image);
    if (status != FW_OK)
        return status;
    size_t size;
    error = spng_decoded_image_size(self->png, self->layout, &size);
    if (error)
        return fail_as_spng_says(image, error);
    if (size != image->format.size)
        return fw_fail(FW_BAD_INPUT, "a PNG of %zu bytes where its header says %zu", size, image->format.size);

    struct spng_exif exif;
    int turn = spng_get_exif(self->png, &exif) ? 0 : fw_exif_orientation((const uint8_t *)exif.data, exif.length);
    return turn ? fw_meta_int(meta, "orientation", turn) : FW_OK;
}

static fw_status png_open(fw_image *image, fw_meta *meta) {
    fw_limits_default(&image->limits);
    image->state = calloc(1, sizeof(reader));
    if (!image->state)
        return fw_fail(FW_NO_MEMORY, "no memory for the PNG codec");
    fw_status status = read_header(image, meta);
    if (status != FW_OK)
        png_close(image);
    return status;
}

static fw_status png_decode(fw_image *image, uint8_t *out) {
    reader *self = image->state;
    int error = spng_decode_image(self->png, out, image->format.size, self->layout, self->keyed ? SPNG_DECODE_TRNS : 0);
    if (!error)
        error = spng_decode_chunks(self->png); /* to the end: a file cut off behind its pixels fails too */
    if (error)
        return fail_as_spng_says(image, error);
    fw_host_to_little(out, image->format.size / self->sample, self->sample);
    return FW_OK;
}

const fw_codec fw_codec_png = {
    .name = "png",
    .extensions = (const char *const[]){ "png", NULL },
    .knows = png_knows,
    .open = png_open,
    .decode = png_decode,
    .close = png_close,
};

void fw_png_version(fw_text *text) {
    fw_text_format(text, "libspng %s", spng_version_string());
}
