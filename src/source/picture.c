#include "source/picture.h"

#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define DIGITS      10u
#define CELL_WIDTH  6u /* dots: a blank column and five of the digit */
#define CELL_HEIGHT 8u /* a blank row and seven of the digit */

typedef struct colour {
    uint16_t r, g, b;
} colour;

/* What the samples of a pixel are, in memory order: l luma of full range, y luma of BT.601's limited range, c its
 * chroma (Cb in even columns, Cr in odd ones), r g b a. A Bayer mosaic's letters are its 2 x 2 cell, row by row. */
static const struct {
    const char *channels;
    bool wide, bayer;
} layouts[FW_PIXELS_COUNT] = {
    [FW_MONO8] = { "l", false, false },         [FW_MONO16] = { "l", true, false },
    [FW_RGB8] = { "rgb", false, false },        [FW_BGR8] = { "bgr", false, false },
    [FW_RGBA8] = { "rgba", false, false },      [FW_BGRA8] = { "bgra", false, false },
    [FW_RGB16] = { "rgb", true, false },        [FW_BGR16] = { "bgr", true, false },
    [FW_RGBA16] = { "rgba", true, false },      [FW_BGRA16] = { "bgra", true, false },
    [FW_BAYER_RGGB8] = { "rggb", false, true }, [FW_BAYER_BGGR8] = { "bggr", false, true },
    [FW_BAYER_GBRG8] = { "gbrg", false, true }, [FW_BAYER_GRBG8] = { "grbg", false, true },
    [FW_BAYER_RGGB16] = { "rggb", true, true }, [FW_BAYER_BGGR16] = { "bggr", true, true },
    [FW_BAYER_GBRG16] = { "gbrg", true, true }, [FW_BAYER_GRBG16] = { "grbg", true, true },
    [FW_UYVY] = { "cy", false, false },         [FW_YUYV] = { "yc", false, false },
    [FW_NV12] = { "y", false, false },
};

/* One sample, 16 bits: narrower ones are its upper byte. */
static uint16_t sample(colour c, char channel, uint32_t x) {
    int64_t luma = (299 * (int64_t)c.r + 587 * (int64_t)c.g + 114 * (int64_t)c.b + 500) / 1000;
    double chroma = x % 2 == 0 ? (double)(c.b - luma) / 0.886 : (double)(c.r - luma) / 0.701;
    switch (channel) {
    case 'r':
        return c.r;
    case 'g':
        return c.g;
    case 'b':
        return c.b;
    case 'l':
        return (uint16_t)luma;
    case 'y':
        return (uint16_t)((16 + (luma * 219 + 32767) / 65535) << 8);
    case 'c':
        return (uint16_t)((128 + lround(chroma * 112 / 65535)) << 8);
    default:
        return UINT16_MAX; /* opaque */
    }
}

/* Write pixel (x, y) into its row. */
static void put(const fw_picture *self, const fw_plane *plane, uint8_t *row, uint32_t x, uint32_t y, colour c) {
    fw_pixels pixels = self->format.pixels;
    const char *channels = plane->channels;
    size_t depth = layouts[pixels].bayer ? 1 : strlen(channels);
    for (size_t i = 0; i < depth; i++) {
        char channel = layouts[pixels].bayer ? channels[y % 2 * 2 + x % 2] : channels[i];
        uint16_t value = sample(c, channel, x);
        if (layouts[pixels].wide) {
            value = htole16(value);
            memcpy(row + (x * depth + i) * 2, &value, 2);
        } else {
            row[x * depth + i] = (uint8_t)(value >> 8);
        }
    }
}

static colour ground_at(const fw_picture *self, uint32_t x) {
    uint32_t width = self->format.width;
    if (self->kind == FW_PICTURE_GRADIENT) {
        uint16_t grey = (uint16_t)(width > 1 ? (uint64_t)x * UINT16_MAX / (width - 1) : UINT16_MAX / 2);
        return (colour){ grey, grey, grey };
    }
    static const uint8_t bars[8] = { 7, 6, 3, 2, 5, 4, 1, 0 }; /* white, yellow, cyan, ... black: by falling luma */
    uint8_t rgb = bars[(uint64_t)x * 8 / width];
    return (colour){ rgb & 4 ? UINT16_MAX : 0, rgb & 2 ? UINT16_MAX : 0, rgb & 1 ? UINT16_MAX : 0 };
}

static void make_rows(const fw_picture *self, fw_plane *plane) {
    uint32_t width = self->format.width;
    for (uint32_t y = 0; y < 2; y++)
        for (uint32_t x = 0; x < width; x++) {
            put(self, plane, plane->ground[y], x, y, ground_at(self, x));
            put(self, plane, plane->band[y], x, y, ground_at(self, width - 1 - x));
        }
    put(self, plane, plane->ink[0], 0, 0, (colour){ 0, 0, 0 });
    put(self, plane, plane->ink[1], 0, 0, (colour){ UINT16_MAX, UINT16_MAX, UINT16_MAX });
}

fw_status fw_picture_open(fw_picture *self, fw_picture_kind kind, const fw_format *format) {
    *self = (fw_picture){ .kind = kind, .format = *format, .plane_count = format->pixels == FW_NV12 ? 2 : 1 };
    if (kind == FW_PICTURE_NOISE)
        return FW_OK;
    uint32_t width = format->width, height = format->height;
    size_t row_size = format->pixels == FW_NV12 ? width : format->size / height;
    self->templates = calloc(self->plane_count * 4, row_size);
    if (self->templates == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a test picture of %u x %u", width, height);
    uint8_t *rows = self->templates;
    for (uint32_t i = 0; i < self->plane_count; i++) {
        fw_plane *plane = &self->planes[i];
        *plane = (fw_plane){ .offset = i * row_size * height,
                             .row_size = row_size,
                             .subsampling = i + 1,
                             .channels = i == 0 ? layouts[format->pixels].channels : "c" };
        for (int odd = 0; odd < 2; odd++, rows += 2 * row_size) {
            plane->ground[odd] = rows;
            plane->band[odd] = rows + row_size;
        }
        make_rows(self, plane);
    }
    if (height >= 2 * CELL_HEIGHT && width >= DIGITS * CELL_WIDTH) {
        uint32_t tall = height / 128, wide = width / (DIGITS * CELL_WIDTH);
        self->digit_scale = tall < 1 ? 1 : tall < wide ? tall : wide;
    }
    self->top = self->digit_scale * CELL_HEIGHT;
    self->band_rows = height >= 64 ? height / 64 * 2 : height >= 4 ? 2 : 0;
    return FW_OK;
}

/* Rows [first, first + count) of the picture, where rows beyond the last go on below top. All even for NV12. */
static void draw_rows(const fw_picture *self, uint8_t *out, uint32_t first, uint32_t count, bool band) {
    uint32_t span = self->format.height - self->top;
    for (uint32_t i = 0; i < self->plane_count; i++) {
        const fw_plane *plane = &self->planes[i];
        for (uint32_t n = 0; n < count; n += plane->subsampling) {
            uint32_t y = (self->top + (first - self->top + n) % span) / plane->subsampling;
            memcpy(out + plane->offset + y * plane->row_size, (band ? plane->band : plane->ground)[y % 2],
                   plane->row_size);
        }
    }
}

static const uint8_t digit_dots[10][7] = {
    /* five bits a row, the leftmost is 16 */
    { 14, 17, 19, 21, 25, 17, 14 }, { 4, 12, 4, 4, 4, 4, 14 },  { 14, 17, 1, 2, 4, 8, 31 },
    { 31, 2, 4, 2, 1, 17, 14 },     { 2, 6, 10, 18, 31, 2, 2 }, { 31, 16, 30, 1, 1, 17, 14 },
    { 6, 8, 16, 30, 17, 17, 14 },   { 31, 1, 2, 4, 8, 8, 8 },   { 14, 17, 17, 14, 17, 17, 14 },
    { 14, 17, 17, 15, 1, 2, 12 },
};

/* The digit in this place (0: the leftmost), white on black. */
static void draw_digit(const fw_picture *self, uint8_t *out, uint32_t place, unsigned digit) {
    uint32_t scale = self->digit_scale, width = CELL_WIDTH * scale, left = place * width;
    for (uint32_t i = 0; i < self->plane_count; i++) {
        const fw_plane *plane = &self->planes[i];
        size_t pixel = plane->row_size / self->format.width;
        for (uint32_t y = 0; y < CELL_HEIGHT * scale; y += plane->subsampling) {
            uint32_t dot_row = y / scale;
            uint8_t *row = out + plane->offset + y / plane->subsampling * plane->row_size;
            if (y >= plane->subsampling && (y - plane->subsampling) / scale == dot_row) { /* as the row above */
                memcpy(row + left * pixel, row + left * pixel - plane->row_size, width * pixel);
                continue;
            }
            uint8_t dots = dot_row == 0 ? 0 : digit_dots[digit][dot_row - 1];
            for (uint32_t x = 0; x < width; x++)
                memcpy(row + (left + x) * pixel, plane->ink[dots >> (CELL_WIDTH - 1 - x / scale) & 1], pixel);
        }
    }
}

/* The digits that differ from those of before; all of them where it is NULL. */
static void draw_digits(const fw_picture *self, uint8_t *out, const uint64_t *before, uint64_t number) {
    if (self->digit_scale == 0)
        return;
    uint64_t rest = number, old = before != NULL ? *before : 0;
    for (uint32_t place = DIGITS; place-- > 0; rest /= 10, old /= 10)
        if (before == NULL || rest % 10 != old % 10)
            draw_digit(self, out, place, (unsigned)(rest % 10));
}

static uint32_t band_at(const fw_picture *self, uint64_t number) {
    uint64_t span = self->format.height - self->top;
    return self->top + (uint32_t)(number % span * 2 % span);
}

static uint64_t rotated(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

static uint64_t mixed(uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* xoshiro256++ (Blackman and Vigna), seeded by splitmix64 of the number: the same number is the same noise. */
static void draw_noise(uint8_t *out, size_t size, uint64_t number) {
    const uint64_t step = 0x9e3779b97f4a7c15u;
    uint64_t a = mixed(number + step), b = mixed(number + 2 * step), c = mixed(number + 3 * step),
             d = mixed(number + 4 * step);
    for (size_t at = 0; at < size; at += 8) {
        uint64_t value = htole64(rotated(a + d, 23) + a), t = b << 17;
        if (size - at >= 8)
            memcpy(out + at, &value, 8);
        else
            memcpy(out + at, &value, size - at);
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= t;
        d = rotated(d, 45);
    }
}

void fw_picture_draw(const fw_picture *self, uint8_t *out, uint64_t number) {
    if (self->kind == FW_PICTURE_NOISE) {
        draw_noise(out, self->format.size, number);
        return;
    }
    for (uint32_t i = 0; i < self->plane_count; i++) {
        const fw_plane *plane = &self->planes[i];
        for (uint32_t y = 0; y < self->format.height / plane->subsampling; y++)
            memcpy(out + plane->offset + y * plane->row_size, plane->ground[y % 2], plane->row_size);
    }
    draw_rows(self, out, band_at(self, number), self->band_rows, true);
    draw_digits(self, out, NULL, number);
}

void fw_picture_redraw(const fw_picture *self, uint8_t *out, uint64_t before, uint64_t number) {
    if (self->kind == FW_PICTURE_NOISE) {
        draw_noise(out, self->format.size, number);
        return;
    }
    /* Bands that overlap share the rows between; only a short way forward is looked for. */
    uint32_t rows = self->band_rows, moved = rows;
    if (number >= before && number - before < rows / 2)
        moved = (uint32_t)(number - before) * 2;
    draw_rows(self, out, band_at(self, before), moved, false);
    draw_rows(self, out, band_at(self, number) + rows - moved, moved, true);
    draw_digits(self, out, &before, number);
}

void fw_picture_close(fw_picture *self) {
    free(self->templates);
    *self = (fw_picture){ 0 };
}
