/* PBM, PGM and PPM, plain (P1-P3) and raw (P4-P6); https://netpbm.sourceforge.net/doc/
 *
 * Samples are as stored, whatever their maximum: a maximum below 256 makes 8-bit formats, above makes 16-bit ones, and one
 * that is not the format's own (255, 65535) is put into meta as "maxval". Bitmaps are mono8 of 0 (black) and 255 (white).
 */
#include "image/codec.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "image/bytes.h"

typedef struct reader {
    char kind;        /* '1' to '6' */
    uint32_t most;    /* the largest sample; bitmaps: 1 */
    size_t raster;    /* where it starts */
    uint64_t samples; /* a row */
} reader;

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool pnm_knows(const uint8_t *head, size_t size) {
    return size >= 3 && head[0] == 'P' && head[1] >= '1' && head[1] <= '6' && (is_space(head[2]) || head[2] == '#');
}

static size_t skip_space(const uint8_t *bytes, size_t size, size_t at) {
    while (at < size && (is_space(bytes[at]) || bytes[at] == '#')) {
        if (bytes[at] == '#')
            while (at < size && bytes[at] != '\n' && bytes[at] != '\r')
                at++;
        else
            at++;
    }
    return at;
}

/* A decimal number at *at_p, behind spaces and comments; *at_p then is the first byte behind it. */
static fw_status read_number(const uint8_t *bytes, size_t size, size_t *at_p, uint32_t *value_p) {
    size_t at = skip_space(bytes, size, *at_p);
    if (at == size)
        return fw_ends_early(size);
    uint32_t value = 0;
    size_t first = at;
    for (; at < size && bytes[at] >= '0' && bytes[at] <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, bytes[at] - '0', &value))
            return fw_fail(FW_BAD_INPUT, "a number at byte %zu is impossibly large", first);
    if (at == first)
        return fw_fail(FW_BAD_INPUT, "something other than a number at byte %zu", at);
    *at_p = at;
    *value_p = value;
    return FW_OK;
}

typedef struct header {
    reader reader;
    uint32_t width, height;
} header;

static fw_status read_header(const uint8_t *bytes, size_t size, size_t at, header *head) {
    if (at > size || !pnm_knows(bytes + at, size - at))
        return fw_ends_early(size);
    reader *self = &head->reader;
    self->kind = (char)bytes[at + 1];
    self->most = 1;
    bool bitmap = self->kind == '1' || self->kind == '4';
    at += 2;
    fw_status status = read_number(bytes, size, &at, &head->width);
    if (status == FW_OK)
        status = read_number(bytes, size, &at, &head->height);
    if (status == FW_OK && !bitmap)
        status = read_number(bytes, size, &at, &self->most);
    if (status != FW_OK)
        return status;
    if (self->most < 1 || self->most > 65535)
        return fw_fail(FW_BAD_INPUT, "a largest sample of %u; 1 to 65535 are possible", self->most);
    if (at == size)
        return fw_ends_early(size);
    if (!is_space(bytes[at]))
        return fw_fail(FW_BAD_INPUT, "no space behind the header, at byte %zu", at);
    self->raster = at + 1;
    self->samples = (uint64_t)head->width * (self->kind == '3' || self->kind == '6' ? 3 : 1);
    return FW_OK;
}

/* Bytes of a raw raster; of a plain one the fewest that can hold it. False: more than can be counted. */
static bool raster_size(const header *head, uint64_t *size_p) {
    const reader *self = &head->reader;
    uint64_t row;
    switch (self->kind) {
    case '1':
        row = self->samples;
        break;
    case '4':
        row = (self->samples + 7) / 8;
        break;
    case '5':
    case '6':
        row = self->samples * (self->most > 255 ? 2 : 1);
        break;
    default:
        row = self->samples * 2; /* a digit and a space each */
    }
    if (__builtin_mul_overflow(row, head->height, size_p))
        return false;
    if (*size_p > 0 && (self->kind == '2' || self->kind == '3'))
        --*size_p; /* no space behind the last */
    return true;
}

static fw_status pnm_open(fw_image *image, fw_meta *meta) {
    fw_limits_default(&image->limits);
    header head = { 0 };
    fw_status status = read_header(image->bytes, image->size, (size_t)image->page_offset, &head);
    if (status == FW_OK)
        status = fw_limits_check_size(&image->limits, head.width, head.height);
    if (status != FW_OK)
        return status;

    const reader *self = &head.reader;
    bool colour = self->kind == '3' || self->kind == '6', deep = self->most > 255;
    image->format = (fw_format){ .width = head.width, .height = head.height };
    image->format.pixels = colour ? (deep ? FW_RGB16 : FW_RGB8) : (deep ? FW_MONO16 : FW_MONO8);
    status = fw_image_finish_format(image);
    if (status != FW_OK)
        return status;
    uint64_t needed;
    if (!raster_size(&head, &needed) || needed > image->size - self->raster)
        return fw_too_few(image->size, head.width, head.height);

    bool bitmap = self->kind == '1' || self->kind == '4';
    if (!bitmap && self->most != (deep ? 65535 : 255))
        status = fw_meta_int(meta, "maxval", self->most);
    if (status != FW_OK)
        return status;
    image->state = malloc(sizeof *self);
    if (!image->state)
        return fw_fail(FW_NO_MEMORY, "no memory for the PNM codec");
    memcpy(image->state, self, sizeof *self);
    return FW_OK;
}

static fw_status check_row(const reader *self, const uint8_t *row, uint32_t y) {
    uint32_t most = 0;
    if (self->most > 255)
        for (uint64_t x = 0; x < self->samples; x++) {
            uint32_t sample = row[2 * x] | (uint32_t)row[2 * x + 1] << 8;
            most = sample > most ? sample : most;
        }
    else
        for (uint64_t x = 0; x < self->samples; x++)
            most = row[x] > most ? row[x] : most;
    if (most > self->most)
        return fw_fail(FW_BAD_INPUT, "a sample of %u in row %u, where the header says at most %u", most, y, self->most);
    return FW_OK;
}

static fw_status decode_raw(const reader *self, const fw_format *format, const uint8_t *in, uint8_t *out) {
    size_t stride = format->size / format->height;
    for (uint32_t y = 0; y < format->height; y++, out += stride) {
        if (self->kind == '4') {
            for (size_t x = 0; x < stride; x++)
                out[x] = in[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
            in += (stride + 7) / 8;
            continue;
        }
        memcpy(out, in, stride);
        in += stride;
        if (self->most > 255)
            fw_swap(out, stride / 2, 2);
        if (self->most == 255 || self->most == 65535)
            continue;
        fw_status status = check_row(self, out, y);
        if (status != FW_OK)
            return status;
    }
    return FW_OK;
}

static fw_status decode_bits(const fw_image *image, size_t at, uint8_t *out) {
    for (size_t i = 0; i < image->format.size; i++, at++) {
        at = skip_space(image->bytes, image->size, at);
        if (at == image->size)
            return fw_ends_early(image->size);
        if (image->bytes[at] != '0' && image->bytes[at] != '1')
            return fw_fail(FW_BAD_INPUT, "something other than 0 or 1 at byte %zu", at);
        out[i] = image->bytes[at] == '1' ? 0 : 255;
    }
    return FW_OK;
}

static fw_status decode_plain(const fw_image *image, uint8_t *out) {
    const reader *self = image->state;
    size_t at = self->raster, stride = image->format.size / image->format.height;
    for (uint32_t y = 0; y < image->format.height; y++, out += stride)
        for (uint64_t x = 0; x < self->samples; x++) {
            uint32_t value;
            fw_status status = read_number(image->bytes, image->size, &at, &value);
            if (status != FW_OK)
                return status;
            if (value > self->most)
                return fw_fail(FW_BAD_INPUT, "a sample of %u in row %u, where the header says at most %u", value, y,
                               self->most);
            if (self->most > 255) {
                out[2 * x] = (uint8_t)value;
                out[2 * x + 1] = (uint8_t)(value >> 8);
            } else {
                out[x] = (uint8_t)value;
            }
        }
    return FW_OK;
}

static fw_status pnm_decode(fw_image *image, uint8_t *out) {
    const reader *self = image->state;
    switch (self->kind) {
    case '1':
        return decode_bits(image, self->raster, out);
    case '2':
    case '3':
        return decode_plain(image, out);
    default:
        return decode_raw(self, &image->format, image->bytes + self->raster, out);
    }
}

static void pnm_close(fw_image *image) {
    free(image->state);
    image->state = NULL;
}

/* Raw files may hold several images, one behind the other. */
static fw_status pnm_pages(const fw_image *image, uint64_t **offsets_p, size_t *count_p) {
    const uint8_t *bytes = image->bytes;
    size_t size = image->size, count = 0, room = 0, at = 0;
    uint64_t *offsets = NULL;
    do {
        if (count == room) {
            room = room ? 2 * room : 1;
            uint64_t *more = reallocarray(offsets, room, sizeof *offsets);
            if (!more) {
                free(offsets);
                return fw_fail(FW_NO_MEMORY, "no memory for a list of %zu images", room);
            }
            offsets = more;
        }
        offsets[count++] = at;
        header head = { 0 };
        uint64_t raster;
        if (read_header(bytes, size, at, &head) != FW_OK || head.reader.kind < '4' || !raster_size(&head, &raster) ||
            raster > size - head.reader.raster)
            break;
        at = head.reader.raster + (size_t)raster;
        while (at < size && is_space(bytes[at]))
            at++;
    } while (at < size && pnm_knows(bytes + at, size - at));
    *offsets_p = offsets;
    *count_p = count;
    return FW_OK;
}

const fw_codec fw_codec_pnm = {
    .name = "pnm",
    .extensions = (const char *const[]){ "pnm", "ppm", "pgm", "pbm", NULL },
    .knows = pnm_knows,
    .open = pnm_open,
    .decode = pnm_decode,
    .close = pnm_close,
    .pages = pnm_pages,
};
