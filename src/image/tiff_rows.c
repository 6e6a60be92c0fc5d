#include "image/tiff_rows.h"

#include <string.h>

#include "image/bytes.h"

static void spread(const fw_tiff_rows *rows, uint8_t *out, const uint8_t *in, size_t count) {
    unsigned bits = rows->bits, most = (1u << bits) - 1, window = 0, filled = 0;
    for (size_t i = 0; i < count; i++) {
        while (filled < bits) {
            window = window << 8 | *in++;
            filled += 8;
        }
        filled -= bits;
        unsigned value = window >> filled & most;
        if (rows->invert)
            value = most - value;
        if (bits < 8) {
            out[i] = (uint8_t)(rows->palette ? value : value * 255 / most);
        } else {
            out[2 * i] = (uint8_t)value;
            out[2 * i + 1] = (uint8_t)(value >> 8);
        }
    }
}

static void look_up(const uint8_t *palette, uint8_t *pixels, size_t count) {
    for (size_t i = count; i-- > 0;) /* from the end: the indices are at the start of the same memory */
        memcpy(pixels + 3 * i, palette + 3 * pixels[i], 3);
}

void fw_tiff_unpack(const fw_tiff_rows *rows, uint8_t *out, const uint8_t *in, size_t count) {
    if (rows->bits < 8 || (rows->bits > 8 && rows->bits < 16)) {
        spread(rows, out, in, count);
    } else {
        if (out != in)
            memcpy(out, in, count * rows->sample);
        if (rows->invert) /* of 8 and 16 bits only, and the same in either byte order */
            for (size_t i = 0; i < count * rows->sample; i++)
                out[i] = (uint8_t)~out[i];
        fw_host_to_little(out, count * rows->sample / rows->number, rows->number);
    }
    if (rows->palette)
        look_up(rows->palette, out, count);
}

void fw_tiff_scatter(uint8_t *out, const uint8_t *in, size_t count, size_t size, size_t stride) {
    switch (size) {
    case 1:
        for (size_t i = 0; i < count; i++)
            out[i * stride] = in[i];
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            memcpy(out + i * stride, in + 2 * i, 2);
        break;
    default:
        for (size_t i = 0; i < count; i++)
            memcpy(out + i * stride, in + i * size, size);
    }
}
