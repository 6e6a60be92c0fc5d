/* Geometry: sizes of shapes and formats, overflow-checked. The public half is in framewire/frame.h. */
#ifndef FW_WIRE_FORMAT_H
#define FW_WIRE_FORMAT_H

#include <stdbool.h>

#include <framewire/frame.h>

#include "base/status.h"

/* Bytes of one element; 0 for FW_DTYPE_NONE. */
size_t fw_dtype_size(fw_dtype dtype);

/* Bytes of a packed array. ndim may be 0 (one element) and an extent 0 (none). FW_INVALID with the cause beyond
 * PTRDIFF_MAX, whatever the order of the extents. */
fw_status fw_shape_size(fw_dtype dtype, uint32_t ndim, const uint64_t *shape, size_t *size_p);

/* fw_format_complete() without its last step: fills in dtype, ndim and shape, or width and height from a shape, and
 * says how large the raw pixels are, whatever the encoding. format->size stays as it is. */
fw_status fw_format_geometry(fw_format *format, size_t *raw_size_p);

/* fw_dtype_parse() and its like, for text inside a message; false where the name is not known. */
bool fw_dtype_find(const char *name, size_t size, fw_dtype *dtype_p);
bool fw_pixels_find(const char *name, size_t size, fw_pixels *pixels_p);
bool fw_encoding_find(const char *name, size_t size, fw_encoding *encoding_p);

#endif
