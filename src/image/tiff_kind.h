/* What a page of a TIFF becomes, by its tags. No libtiff in here.
 *
 * Grey of up to 8 bits is mono8 and of up to 16 mono16 (9 to 15 bits as stored, with "maxval" in meta), RGB with or without a
 * fourth sample rgb8 to rgba16, palettes, YCbCr and CMYK of 8 bits rgb8; all else, such as float32, is a plain array of
 * (H, W) or (H, W, samples). White-is-zero is turned round in mono8 and mono16.
 */
#ifndef FW_IMAGE_TIFF_KIND_H
#define FW_IMAGE_TIFF_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include "image/tiff_rows.h"
#include "wire/format.h"

/* Numbers of TIFF 6.0 (LogL and LogLuv: of libtiff's registry). */
enum { FW_TIFF_WHITE_IS_ZERO, FW_TIFF_BLACK_IS_ZERO, FW_TIFF_RGB, FW_TIFF_PALETTE, FW_TIFF_CMYK = 5, FW_TIFF_YCBCR };
enum { FW_TIFF_LOGL = 32844, FW_TIFF_LOGLUV };
enum { FW_TIFF_UINT = 1, FW_TIFF_INT, FW_TIFF_FLOAT, FW_TIFF_VOID, FW_TIFF_COMPLEX_FLOAT = 6 };
enum { FW_TIFF_JPEG = 7 };

typedef struct fw_tiff_tags {
    uint32_t width, height;
    uint16_t samples, bits, sample_format, photometric, compression;
    bool separate; /* a plane a sample */
} fw_tiff_tags;

/* Colour spaces that libtiff turns into RGB: those that no format of ours has. */
bool fw_tiff_needs_rgba(const fw_tiff_tags *tags);

/* The format of any other page, and how its rows are stored. A palette's page is FW_RGB8, if it has one, and rows->palette
 * is still to be set. FW_UNSUPPORTED: no element type of ours holds such samples. */
fw_status fw_tiff_kind(const fw_tiff_tags *tags, fw_format *format, fw_tiff_rows *rows);

#endif
