#include "image/codec.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"
#include "image/bytes.h"

const fw_codec *const fw_codecs[] = {
    &fw_codec_jpeg, &fw_codec_png, &fw_codec_tiff, &fw_codec_pnm, &fw_codec_npy, NULL
};

#define KNOWN "JPEG, PNG, TIFF, PNM and NPY are read"

/* Formats that people have in their folders too, to be named when they are refused. */
static const struct {
    const char *name;
    size_t at, size;
    const char *magic;
} strangers[] = {
    { "a GIF file", 0, 4, "GIF8" },       { "a BMP file", 0, 2, "BM" },
    { "a WebP file", 8, 4, "WEBP" },      { "a HEIF or AVIF file, or a video", 4, 4, "ftyp" },
    { "a Photoshop file", 0, 4, "8BPS" }, { "a FITS file", 0, 6, "SIMPLE" },
    { "an HDF5 file", 0, 4, "\x89HDF" },  { "a zip archive", 0, 4, "PK\3\4" },
};

const fw_codec *fw_codec_for(const uint8_t *head, size_t size) {
    for (const fw_codec *const *codec = fw_codecs; *codec; codec++)
        if ((*codec)->knows(head, size))
            return *codec;

    if (size == 0) {
        fw_fail(FW_BAD_INPUT, "the file is empty");
        return NULL;
    }
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        if (size >= strangers[i].at + strangers[i].size &&
            memcmp(head + strangers[i].at, strangers[i].magic, strangers[i].size) == 0) {
            fw_fail(FW_UNSUPPORTED, "%s; " KNOWN, strangers[i].name);
            return NULL;
        }
    }
    fw_fail(FW_BAD_INPUT, "not an image by its first bytes; " KNOWN);
    return NULL;
}

bool fw_codec_has_extension(const char *file_name) {
    const char *slash = strrchr(file_name, '/');
    const char *base = slash ? slash + 1 : file_name;
    const char *dot = strrchr(base, '.');
    if (!dot || dot == base)
        return false;
    for (const fw_codec *const *codec = fw_codecs; *codec; codec++)
        for (const char *const *extension = (*codec)->extensions; *extension; extension++)
            if (strcasecmp(dot + 1, *extension) == 0)
                return true;
    return false;
}

void fw_limits_default(fw_limits *limits) {
    if (limits->pixels == 0)
        limits->pixels = (uint64_t)1 << 28;
    if (limits->scans == 0)
        limits->scans = 500;
    if (limits->bytes == 0)
        limits->bytes = (uint64_t)4 << 30;
}

fw_status fw_limits_check_size(const fw_limits *limits, uint64_t width, uint64_t height) {
    uint64_t pixels;
    if (__builtin_mul_overflow(width, height, &pixels) || pixels > limits->pixels) {
        bool mega = limits->pixels >= 1000000;
        return fw_fail(FW_TOO_LARGE, "claims %" PRIu64 " x %" PRIu64 " pixels (limit %" PRIu64 " %s)", width, height,
                       mega ? limits->pixels / 1000000 : limits->pixels, mega ? "Mpx" : "px");
    }
    return FW_OK;
}

fw_status fw_limits_check(const fw_limits *limits, const fw_format *format) {
    if (format->pixels != FW_PLAIN) {
        fw_status status = fw_limits_check_size(limits, format->width, format->height);
        if (status != FW_OK)
            return status;
    }
    if (format->size > limits->bytes)
        return fw_fail(FW_TOO_LARGE, "takes %s decoded (limit %s)", fw_size_say(format->size).text,
                       fw_size_say(limits->bytes).text);
    return FW_OK;
}

fw_status fw_image_finish_format(fw_image *image) {
    fw_status status = fw_format_complete(&image->format);
    if (status == FW_INVALID) /* it is the file's fault, not the caller's */
        return FW_BAD_INPUT;
    return status == FW_OK ? fw_limits_check(&image->limits, &image->format) : status;
}

size_t fw_image_read(const fw_image *image, uint64_t at, void *out, size_t size) {
    if (image->read_at)
        return image->read_at(image->read_arg, at, out, size);
    size_t left = at < image->size ? image->size - (size_t)at : 0;
    size_t count = size < left ? size : left;
    if (count > 0)
        memcpy(out, image->bytes + at, count);
    return count;
}
