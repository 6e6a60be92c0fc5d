#include "image/tiff_kind.h"

#include "base/status.h"

static fw_dtype dtype_of(uint16_t sample_format, uint16_t bits) {
    switch (sample_format) {
    case FW_TIFF_UINT:
    case FW_TIFF_VOID:
        return bits >= 1 && bits <= 8 ? FW_U8
               : bits <= 16           ? FW_U16
               : bits == 32           ? FW_U32
               : bits == 64           ? FW_U64
                                      : FW_DTYPE_NONE;
    case FW_TIFF_INT:
        return bits == 8 ? FW_I8 : bits == 16 ? FW_I16 : bits == 32 ? FW_I32 : bits == 64 ? FW_I64 : FW_DTYPE_NONE;
    case FW_TIFF_FLOAT:
        return bits == 16 ? FW_F16 : bits == 32 ? FW_F32 : bits == 64 ? FW_F64 : FW_DTYPE_NONE;
    case FW_TIFF_COMPLEX_FLOAT:
        return bits == 64 ? FW_C64 : bits == 128 ? FW_C128 : FW_DTYPE_NONE;
    default:
        return FW_DTYPE_NONE;
    }
}

bool fw_tiff_needs_rgba(const fw_tiff_tags *tags) {
    switch (tags->photometric) {
    case FW_TIFF_YCBCR:
        return tags->compression != FW_TIFF_JPEG || tags->separate; /* else libtiff's JPEG codec does */
    case FW_TIFF_CMYK:
        return tags->samples == 4 && tags->bits == 8;
    case FW_TIFF_LOGL:
    case FW_TIFF_LOGLUV:
        return true;
    default:
        return false;
    }
}

static fw_pixels pixels_of(const fw_tiff_tags *tags, fw_dtype dtype) {
    bool narrow = dtype == FW_U8, deep = dtype == FW_U16;
    switch (tags->photometric) {
    case FW_TIFF_PALETTE:
        return tags->samples == 1 && narrow ? FW_RGB8 : FW_PLAIN;
    case FW_TIFF_YCBCR:
    case FW_TIFF_RGB:
        if (tags->samples == 3)
            return narrow ? FW_RGB8 : deep ? FW_RGB16 : FW_PLAIN;
        if (tags->samples == 4)
            return narrow ? FW_RGBA8 : deep ? FW_RGBA16 : FW_PLAIN;
        return FW_PLAIN;
    default:
        return tags->samples != 1 ? FW_PLAIN : narrow ? FW_MONO8 : deep ? FW_MONO16 : FW_PLAIN;
    }
}

fw_status fw_tiff_kind(const fw_tiff_tags *tags, fw_format *format, fw_tiff_rows *rows) {
    fw_dtype dtype = dtype_of(tags->sample_format, tags->bits);
    if (dtype == FW_DTYPE_NONE)
        return fw_fail(FW_UNSUPPORTED, "a TIFF of %u bits a sample, sample format %u; 1 to 16, 32 and 64 are read",
                       tags->bits, tags->sample_format);
    rows->bits = tags->bits;
    rows->sample = fw_dtype_size(dtype);
    rows->number = dtype == FW_C64 || dtype == FW_C128 ? rows->sample / 2 : rows->sample;
    *format = (fw_format){ .width = tags->width, .height = tags->height, .pixels = pixels_of(tags, dtype) };
    rows->invert = tags->photometric == FW_TIFF_WHITE_IS_ZERO && format->pixels != FW_PLAIN;
    if (format->pixels == FW_PLAIN) {
        format->dtype = dtype;
        format->ndim = tags->samples == 1 ? 2 : 3;
        format->shape[0] = tags->height;
        format->shape[1] = tags->width;
        format->shape[2] = tags->samples == 1 ? 0 : tags->samples;
    }
    return FW_OK;
}
