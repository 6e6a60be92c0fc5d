#include "wire/format.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[FW_DTYPE_COUNT] = {
    [FW_DTYPE_NONE] = { "", 0 }, [FW_BOOL] = { "|b1", 1 }, [FW_U8] = { "|u1", 1 },     [FW_I8] = { "|i1", 1 },
    [FW_U16] = { "<u2", 2 },     [FW_I16] = { "<i2", 2 },  [FW_U32] = { "<u4", 4 },    [FW_I32] = { "<i4", 4 },
    [FW_U64] = { "<u8", 8 },     [FW_I64] = { "<i8", 8 },  [FW_F16] = { "<f2", 2 },    [FW_F32] = { "<f4", 4 },
    [FW_F64] = { "<f8", 8 },     [FW_C64] = { "<c8", 8 },  [FW_C128] = { "<c16", 16 },
};

/* How an image's pixels become a shape. */
typedef enum layout {
    PLANE,   /* (H, W) */
    COLOURS, /* (H, W, channels) */
    PAIRS,   /* 4:2:2: (H, W, 2), W even */
    HALVED   /* 4:2:0: (H * 3 / 2, W), both even */
} layout;

static const struct {
    const char *name;
    fw_dtype dtype;
    layout layout;
    uint8_t channels;
} pixels_table[FW_PIXELS_COUNT] = {
    [FW_PLAIN] = { "", FW_DTYPE_NONE, PLANE, 0 },
    [FW_MONO8] = { "mono8", FW_U8, PLANE, 0 },
    [FW_MONO16] = { "mono16", FW_U16, PLANE, 0 },
    [FW_RGB8] = { "rgb8", FW_U8, COLOURS, 3 },
    [FW_BGR8] = { "bgr8", FW_U8, COLOURS, 3 },
    [FW_RGBA8] = { "rgba8", FW_U8, COLOURS, 4 },
    [FW_BGRA8] = { "bgra8", FW_U8, COLOURS, 4 },
    [FW_RGB16] = { "rgb16", FW_U16, COLOURS, 3 },
    [FW_BGR16] = { "bgr16", FW_U16, COLOURS, 3 },
    [FW_RGBA16] = { "rgba16", FW_U16, COLOURS, 4 },
    [FW_BGRA16] = { "bgra16", FW_U16, COLOURS, 4 },
    [FW_BAYER_RGGB8] = { "bayer_rggb8", FW_U8, PLANE, 0 },
    [FW_BAYER_BGGR8] = { "bayer_bggr8", FW_U8, PLANE, 0 },
    [FW_BAYER_GBRG8] = { "bayer_gbrg8", FW_U8, PLANE, 0 },
    [FW_BAYER_GRBG8] = { "bayer_grbg8", FW_U8, PLANE, 0 },
    [FW_BAYER_RGGB16] = { "bayer_rggb16", FW_U16, PLANE, 0 },
    [FW_BAYER_BGGR16] = { "bayer_bggr16", FW_U16, PLANE, 0 },
    [FW_BAYER_GBRG16] = { "bayer_gbrg16", FW_U16, PLANE, 0 },
    [FW_BAYER_GRBG16] = { "bayer_grbg16", FW_U16, PLANE, 0 },
    [FW_UYVY] = { "uyvy", FW_U8, PAIRS, 2 },
    [FW_YUYV] = { "yuyv", FW_U8, PAIRS, 2 },
    [FW_NV12] = { "nv12", FW_U8, HALVED, 0 },
};

static const char *const encodings[FW_ENCODING_COUNT] = {
    [FW_RAW] = "raw",
    [FW_JPEG] = "jpeg",
    [FW_PNG] = "png",
    [FW_TIFF] = "tiff",
};

const char *fw_dtype_name(fw_dtype dtype) {
    return (unsigned)dtype < FW_DTYPE_COUNT ? dtypes[dtype].name : "";
}

const char *fw_pixels_name(fw_pixels pixels) {
    return (unsigned)pixels < FW_PIXELS_COUNT ? pixels_table[pixels].name : "";
}

const char *fw_encoding_name(fw_encoding encoding) {
    return (unsigned)encoding < FW_ENCODING_COUNT ? encodings[encoding] : "";
}

size_t fw_dtype_size(fw_dtype dtype) {
    return (unsigned)dtype < FW_DTYPE_COUNT ? dtypes[dtype].size : 0;
}

static bool same(const char *name, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '\0' || name[i] != text[i])
            return false;
    }
    return name[size] == '\0';
}

bool fw_dtype_find(const char *name, size_t size, fw_dtype *dtype_p) {
    for (fw_dtype i = FW_BOOL; i < FW_DTYPE_COUNT; i++) {
        if (same(dtypes[i].name, name, size)) {
            *dtype_p = i;
            return true;
        }
    }
    return false;
}

bool fw_pixels_find(const char *name, size_t size, fw_pixels *pixels_p) {
    for (fw_pixels i = FW_PLAIN; i < FW_PIXELS_COUNT; i++) {
        if (same(pixels_table[i].name, name, size)) {
            *pixels_p = i;
            return true;
        }
    }
    return false;
}

bool fw_encoding_find(const char *name, size_t size, fw_encoding *encoding_p) {
    for (fw_encoding i = FW_RAW; i < FW_ENCODING_COUNT; i++) {
        if (same(encodings[i], name, size)) {
            *encoding_p = i;
            return true;
        }
    }
    return false;
}

fw_status fw_dtype_parse(const char *name, fw_dtype *dtype_p) {
    if (fw_dtype_find(name, strlen(name), dtype_p))
        return FW_OK;
    return fw_fail(FW_INVALID, "dtype %s: not one of |b1 |u1 |i1 <u2 <i2 <u4 <i4 <u8 <i8 <f2 <f4 <f8 <c8 <c16", name);
}

fw_status fw_pixels_parse(const char *name, fw_pixels *pixels_p) {
    if (fw_pixels_find(name, strlen(name), pixels_p))
        return FW_OK;
    return fw_fail(FW_INVALID,
                   "format %s: not one of mono8, mono16, rgb, bgr, rgba and bgra with 8 or 16, "
                   "bayer_rggb, bayer_bggr, bayer_gbrg and bayer_grbg with 8 or 16, uyvy, yuyv, nv12",
                   name);
}

fw_status fw_encoding_parse(const char *name, fw_encoding *encoding_p) {
    if (fw_encoding_find(name, strlen(name), encoding_p))
        return FW_OK;
    return fw_fail(FW_INVALID, "encoding %s: not one of raw, jpeg, png, tiff", name);
}

fw_status fw_shape_size(fw_dtype dtype, uint32_t ndim, const uint64_t *shape, size_t *size_p) {
    size_t size = fw_dtype_size(dtype);
    if (size == 0)
        return fw_fail(FW_INVALID, "an array needs a dtype");
    if (ndim > FW_MAX_DIMS)
        return fw_fail(FW_INVALID, "%u dimensions: at most %d", ndim, FW_MAX_DIMS);
    bool empty = false;
    for (uint32_t i = 0; i < ndim; i++) {
        if (shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(size, shape[i], &size) || size > PTRDIFF_MAX)
            return fw_fail(FW_INVALID, "an array of this shape would need more than 2^63 - 1 bytes");
    }
    *size_p = empty ? 0 : size;
    return FW_OK;
}

/* The shape of an image from its width and height. */
static void shape_of_image(const fw_format *format, uint32_t *ndim, uint64_t shape[3]) {
    layout kind = pixels_table[format->pixels].layout;
    shape[0] = kind == HALVED ? (uint64_t)format->height / 2 * 3 : format->height;
    shape[1] = format->width;
    shape[2] = pixels_table[format->pixels].channels;
    *ndim = kind == COLOURS || kind == PAIRS ? 3 : 2;
}

static fw_status image_size_from_shape(fw_format *format) {
    bool halved = pixels_table[format->pixels].layout == HALVED;
    uint64_t rows = format->shape[0];
    if (format->ndim < 2 || rows > UINT32_MAX || format->shape[1] > UINT32_MAX || (halved && rows % 3 != 0))
        return fw_fail(FW_INVALID, "the shape is none of %s", pixels_table[format->pixels].name);
    format->height = (uint32_t)(halved ? rows / 3 * 2 : rows);
    format->width = (uint32_t)format->shape[1];
    return FW_OK;
}

static fw_status complete_image(fw_format *format) {
    const char *name = pixels_table[format->pixels].name;
    layout kind = pixels_table[format->pixels].layout;
    if (format->width == 0 && format->height == 0 && format->ndim > 0) {
        fw_status status = image_size_from_shape(format);
        if (status)
            return status;
    }
    if (format->width == 0 || format->height == 0)
        return fw_fail(FW_INVALID, "%s of %u x %u pixels: width and height must be at least 1", name, format->width,
                       format->height);
    if (((kind == PAIRS || kind == HALVED) && format->width % 2 != 0) || (kind == HALVED && format->height % 2 != 0))
        return fw_fail(FW_INVALID, "%s of %u x %u pixels: its colours are shared by neighbours, so %s must be even",
                       name, format->width, format->height, kind == HALVED ? "width and height" : "the width");

    if (format->dtype == FW_DTYPE_NONE)
        format->dtype = pixels_table[format->pixels].dtype;
    if (format->dtype != pixels_table[format->pixels].dtype)
        return fw_fail(FW_INVALID, "%s has dtype %s, not %s", name, fw_dtype_name(pixels_table[format->pixels].dtype),
                       fw_dtype_name(format->dtype));
    uint32_t ndim;
    uint64_t shape[3];
    shape_of_image(format, &ndim, shape);
    if (format->ndim == 0) {
        format->ndim = ndim;
        memcpy(format->shape, shape, sizeof shape);
    }
    if (format->ndim != ndim || memcmp(format->shape, shape, ndim * sizeof *shape) != 0)
        return fw_fail(FW_INVALID, "the shape is not that of %s with %u x %u pixels", name, format->width,
                       format->height);
    return FW_OK;
}

static fw_status complete_plain(fw_format *format) {
    if (format->ndim == 0)
        return fw_fail(FW_INVALID, "a frame needs pixels with width and height, or dtype with a shape");
    for (uint32_t i = 0; i < format->ndim && i < FW_MAX_DIMS; i++) {
        if (format->shape[i] == 0)
            return fw_fail(FW_INVALID, "a frame has no elements: each extent must be at least 1");
    }
    format->width = format->height = 0;
    return FW_OK;
}

fw_status fw_format_geometry(fw_format *format, size_t *raw_size_p) {
    if ((unsigned)format->pixels >= FW_PIXELS_COUNT || (unsigned)format->dtype >= FW_DTYPE_COUNT ||
        (unsigned)format->encoding >= FW_ENCODING_COUNT)
        return fw_fail(FW_INVALID, "pixels, dtype or encoding is outside of its enumeration");
    if (format->ndim > FW_MAX_DIMS)
        return fw_fail(FW_INVALID, "%u dimensions: at most %d", format->ndim, FW_MAX_DIMS);
    fw_status status = format->pixels == FW_PLAIN ? complete_plain(format) : complete_image(format);
    return status ? status : fw_shape_size(format->dtype, format->ndim, format->shape, raw_size_p);
}

fw_status fw_format_complete(fw_format *format) {
    fw_format whole = *format;
    size_t raw_size;
    fw_status status = fw_format_geometry(&whole, &raw_size);
    if (status)
        return status;
    if (whole.encoding == FW_RAW) {
        if (whole.size != 0 && whole.size != raw_size)
            return fw_fail(FW_INVALID, "a raw payload of this shape has %zu bytes, not %zu", raw_size, whole.size);
        whole.size = raw_size;
    } else if (whole.size == 0) {
        return fw_fail(FW_INVALID, "a %s payload must say its size", encodings[whole.encoding]);
    }
    *format = whole;
    return FW_OK;
}
