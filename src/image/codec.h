/* Image files: one file a codec, each the only user of its library.
 *
 * An input is read in two steps, so that memory is taken only for what is known to fit:
 * open() reads the header and fills in the format; decode() writes the pixels straight into the frame's memory.
 */
#ifndef FW_IMAGE_CODEC_H
#define FW_IMAGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/frame.h>
#include <framewire/source.h>
#include <framewire/status.h>

#include "wire/meta.h"

typedef struct fw_codec fw_codec;

/* Read up to size bytes of a file from offset `at` on. How many there were: fewer at its end, or where it cannot be read. */
typedef size_t fw_read_at(const void *arg, uint64_t at, void *out, size_t size);

/* An image that is being read. Owned by one thread at a time. */
typedef struct fw_image {
    const fw_codec *codec;
    fw_format format;     /* complete after open; encoding FW_RAW */
    const uint8_t *bytes; /* the file's bytes, lent by the caller until close */
    size_t size;          /* of the file */
    fw_read_at *read_at;  /* for a codec that `seeks`, in place of bytes: what it needs is read when it needs it */
    const void *read_arg;
    fw_limits limits;     /* zeros: the defaults */
    uint64_t page;        /* of a multi-page file, from 0 */
    uint64_t page_offset; /* where the codec finds the page fast (TIFF: its IFD); 0: the first */
    void *state;          /* the codec's own */
} fw_image;

struct fw_codec {
    const char *name;              /* "jpeg" */
    const char *const *extensions; /* lower case, without dot, NULL-terminated */
    bool seeks;                    /* works from read_at too, so that a file larger than memory has its pages read */
    /* Do the first bytes (at least 16, or the whole file) look like this format? */
    bool (*knows)(const uint8_t *head, size_t size);
    /* Read the header of image->page_offset into image->format, check the limits; may put facts into meta
     * (EXIF orientation, resolution, TIFF description). On failure everything is freed. */
    fw_status (*open)(fw_image *image, fw_meta *meta);
    /* Write image->format.size bytes to out, 64-byte aligned. Once an image. A truncated or corrupt image is
     * FW_BAD_INPUT, and out then holds anything. */
    fw_status (*decode)(fw_image *image, uint8_t *out);
    void (*close)(fw_image *image);
    /* Offsets of all pages, in order (NULL: the format has one page): malloc'ed into *offsets_p, at least one.
     * Where the chain of pages breaks off, the broken one is the last, so that its open() says what is wrong. Of *image the
     * file is read: bytes or read_at, and size. */
    fw_status (*pages)(const fw_image *image, uint64_t **offsets_p, size_t *count_p);
};

extern const fw_codec fw_codec_jpeg, fw_codec_png, fw_codec_tiff, fw_codec_pnm, fw_codec_npy;
extern const fw_codec *const fw_codecs[]; /* all, NULL-terminated */

/* The codec that knows these first bytes, or NULL with fw_cause() saying so. The name's extension is never trusted. */
const fw_codec *fw_codec_for(const uint8_t *head, size_t size);

/* Does a file of this name look like an image (by extension, any case)? For listing folders. */
bool fw_codec_has_extension(const char *file_name);

/* Fill in limits that are zero, and check a format (complete, raw) against them: FW_TOO_LARGE with
 * "claims 65500 x 65500 pixels (limit 268 Mpx)". */
void fw_limits_default(fw_limits *limits);
fw_status fw_limits_check(const fw_limits *limits, const fw_format *format);

/* For codecs: the pixels alone, before anything is computed from them; and what ends each open(): complete
 * image->format and check it. */
fw_status fw_limits_check_size(const fw_limits *limits, uint64_t width, uint64_t height);
fw_status fw_image_finish_format(fw_image *image);

/* For codecs that seek: as fw_read_at, from wherever the file's bytes are. */
size_t fw_image_read(const fw_image *image, uint64_t at, void *out, size_t size);

/* JPEG beyond decoding. Compress an image frame (mono8, rgb8, bgr8, rgba8, bgra8; alpha is left out) into out of
 * room bytes, quality 1-100, chroma 4:2:0; *size_p gets the length. FW_UNSUPPORTED for other formats and for more than
 * 65500 pixels a side, FW_TOO_LARGE when room is too small: fw_jpeg_bound() bytes always suffice. Any thread. */
fw_status fw_jpeg_compress(const fw_format *format, const uint8_t *pixels, int quality, uint8_t *out, size_t room,
                           size_t *size_p);
size_t fw_jpeg_bound(const fw_format *format);

/* Causes are written without the file's name: the source puts it before ("photos/a.jpg: not taken: CAUSE"). */

#endif
