/* TIFF samples as stored -> samples as a frame has them. No libtiff in here. */
#ifndef FW_IMAGE_TIFF_ROWS_H
#define FW_IMAGE_TIFF_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a row of samples is stored: bits each, the highest first; 16 and more in the machine's order, as libtiff leaves them. */
typedef struct fw_tiff_rows {
    unsigned bits;
    size_t number;          /* bytes of what has a byte order in the frame: 1, 2, 4 or 8 */
    size_t sample;          /* bytes of a sample in the frame (complex: two numbers) */
    bool invert;            /* 0 is white */
    const uint8_t *palette; /* 3 bytes an index, of up to 8 bits; NULL: none */
} fw_tiff_rows;

/* Store count samples in out: bits below 8 are spread over 0-255, 9 to 15 stay as they are in 16, a palette's index becomes
 * its three colours. in and out may be the same where nothing grows. */
void fw_tiff_unpack(const fw_tiff_rows *rows, uint8_t *out, const uint8_t *in, size_t count);

/* Put packed elements of this size stride bytes apart: one plane's share of the pixels. */
void fw_tiff_scatter(uint8_t *out, const uint8_t *in, size_t count, size_t size, size_t stride);

#endif
