/* A frame: one image, or any n-dimensional array, with its header. */
#ifndef FRAMEWIRE_FRAME_H
#define FRAMEWIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/status.h>
#include <framewire/units.h>

FW_BEGIN_DECLS

#define FW_MAX_DIMS 8

/* Element types; on the wire NumPy typestrs, little-endian ("|u1", "<u2", "<f4", ...). */
typedef enum fw_dtype {
    FW_DTYPE_NONE = 0,
    FW_BOOL,
    FW_U8,
    FW_I8,
    FW_U16,
    FW_I16,
    FW_U32,
    FW_I32,
    FW_U64,
    FW_I64,
    FW_F16,
    FW_F32,
    FW_F64,
    FW_C64,  /* complex: two float32 */
    FW_C128, /* complex: two float64 */
    FW_DTYPE_COUNT
} fw_dtype;

/* Pixel formats, by the names that ROS and Foxglove use ("rgb8", "bayer_rggb16", ...).
 * 16-bit samples are little-endian. */
typedef enum fw_pixels {
    FW_PLAIN = 0, /* not an image: shape and dtype say all */
    FW_MONO8,
    FW_MONO16,
    FW_RGB8,
    FW_BGR8,
    FW_RGBA8,
    FW_BGRA8,
    FW_RGB16,
    FW_BGR16,
    FW_RGBA16,
    FW_BGRA16,
    FW_BAYER_RGGB8,
    FW_BAYER_BGGR8,
    FW_BAYER_GBRG8,
    FW_BAYER_GRBG8,
    FW_BAYER_RGGB16,
    FW_BAYER_BGGR16,
    FW_BAYER_GBRG16,
    FW_BAYER_GRBG16,
    FW_UYVY, /* 4:2:2, shape (H, W, 2) */
    FW_YUYV, /* 4:2:2, shape (H, W, 2) */
    FW_NV12, /* 4:2:0, shape (H * 3 / 2, W) */
    FW_PIXELS_COUNT
} fw_pixels;

/* How a payload is coded. */
typedef enum fw_encoding { FW_RAW = 0, FW_JPEG, FW_PNG, FW_TIFF, FW_ENCODING_COUNT } fw_encoding;

/* What a frame is. Say width, height and pixels for an image; for a plain array leave pixels
 * FW_PLAIN and say dtype, ndim and shape (C order, outermost first).
 * A payload that is not raw also says its size in bytes. */
typedef struct fw_format {
    uint32_t width, height;
    fw_pixels pixels;
    fw_dtype dtype;
    uint32_t ndim;
    uint64_t shape[FW_MAX_DIMS];
    fw_encoding encoding;
    size_t size;
} fw_format;

typedef struct fw_frame fw_frame;

/* Free a frame that fw_source_read() gave (one that was loaned goes to fw_sender_send() or fw_sender_discard()).
 * One from fw_receiver_receive() that was not answered is given back. NULL is fine; clears *frame_p. */
FW_API void fw_frame_free(fw_frame **frame_p);

/* The frame's bytes, 64-byte aligned, packed, C order; and how many there are.
 * Written by who loaned the frame, until it is sent. One that was received is for reading only (writing to shared memory
 * ends the process), and aligned where it is in shared memory (fw_frame_transport()). */
FW_API void *fw_frame_data(fw_frame *self);
FW_API size_t fw_frame_size(const fw_frame *self);

/* Copy a frame's pixels in from a driver's own memory, where its rows (shape[0] of them) begin `stride` bytes apart; 0: they
 * are packed. Never slower than memcpy() for long: of frames from 1 MiB on it finds out what is fastest here; those that are
 * large for the cache can be twice as fast.
 * FW_INVALID: rows are longer than the stride, or the frame was received. Any thread. Since 0.1. */
FW_API fw_status fw_frame_copy(fw_frame *self, const void *pixels, size_t stride);

/* The frame's format, with dtype, ndim, shape and size filled in for an image too. Owned by the frame. */
FW_API const fw_format *fw_frame_format(const fw_frame *self);

/* For an encoded payload that came out smaller than was loaned. FW_INVALID if it is larger, or raw. */
FW_API fw_status fw_frame_set_size(fw_frame *self, size_t size);

/* When it was captured, in ns since the Unix epoch. Default: when it was loaned. */
FW_API void fw_frame_set_time(fw_frame *self, int64_t unix_ns);

/* Its identity in its source ("sub/a.tif#3"): UTF-8, copied. FW_INVALID beyond 4096 bytes. */
FW_API fw_status fw_frame_set_item(fw_frame *self, const char *item);

/* Free facts that travel in `meta`: key and text are UTF-8, copied. A key that is set twice
 * keeps its last value. FW_TOO_LARGE beyond 32 KiB in all.
 * Of a frame that was received they are its result's value: a map (fw_receiver_reply()). */
FW_API fw_status fw_frame_set_text(fw_frame *self, const char *key, const char *text);
FW_API fw_status fw_frame_set_int(fw_frame *self, const char *key, int64_t value);
FW_API fw_status fw_frame_set_float(fw_frame *self, const char *key, double value);

/* Of a frame that was received: its stream's name, the run of the stream it is from, its number in that run, how often it
 * was leased (from 1), its identity in its source ("": none), when it was captured (ns since the Unix epoch, and of the
 * sender's CLOCK_MONOTONIC; 0: not said), and how its bytes came: "shm" (they are the sender's memory), "copy" (copied
 * from there), "tcp" or "ipc". Texts are the frame's. Since 0.1. */
FW_API const char *fw_frame_stream(const fw_frame *self);
FW_API uint64_t fw_frame_epoch(const fw_frame *self);
FW_API uint64_t fw_frame_seq(const fw_frame *self);
FW_API uint32_t fw_frame_attempt(const fw_frame *self);
FW_API const char *fw_frame_item(const fw_frame *self);
FW_API int64_t fw_frame_time(const fw_frame *self);
FW_API int64_t fw_frame_monotonic(const fw_frame *self);
FW_API const char *fw_frame_transport(const fw_frame *self);

/* A fact of a received frame's `meta`. FW_NOT_FOUND: there is none of this name and type (an integer is a float, too);
 * FW_TOO_LARGE: the text and its NUL do not fit in room. The value is then unchanged. */
FW_API fw_status fw_frame_get_text(const fw_frame *self, const char *key, char *text, size_t room);
FW_API fw_status fw_frame_get_int(const fw_frame *self, const char *key, int64_t *value_p);
FW_API fw_status fw_frame_get_float(const fw_frame *self, const char *key, double *value_p);

/* Write a frame as a new file into a folder: STEM.npy, or as the file that it is (STEM.jpg, .png, .tiff); STEM.1.npy, ...
 * where that is there already. Characters of stem other than A-Z a-z 0-9 . _ - become %HH, links are not followed. path
 * (NULL: not wanted) gets the name. Errors: FW_NOT_FOUND, FW_DENIED, FW_IO; no partial file is left. */
FW_API fw_status fw_frame_save(const fw_frame *self, const char *folder, const char *stem, char *path, size_t room);

/* Fill in what a format leaves open (dtype, ndim, shape and size of an image) and check it:
 * sizes are overflow-checked. FW_INVALID with the cause for a format that makes no sense. Any thread. */
FW_API fw_status fw_format_complete(fw_format *format);

/* Names as they stand on the wire; "" for FW_PLAIN. The parsers return FW_INVALID for unknown names. */
FW_API const char *fw_pixels_name(fw_pixels pixels);
FW_API const char *fw_dtype_name(fw_dtype dtype);
FW_API const char *fw_encoding_name(fw_encoding encoding);
FW_API fw_status fw_pixels_parse(const char *name, fw_pixels *pixels_p);
FW_API fw_status fw_dtype_parse(const char *name, fw_dtype *dtype_p);
FW_API fw_status fw_encoding_parse(const char *name, fw_encoding *encoding_p);

FW_END_DECLS

#endif
