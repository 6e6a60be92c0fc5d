/* Arrays as .npy files: results, and frames that are dead. */
#ifndef FW_DELIVERY_ARRAYS_H
#define FW_DELIVERY_ARRAYS_H

#include <stddef.h>

#include "base/text.h"
#include "memory/frame.h"
#include "wire/message.h"

/* Write the parts, one after the other, into a new file STEM.EXTENSION in a folder (STEM.1.EXTENSION, ... where it is
 * there already; links are not followed) and append its path to path. stem is safe for a file's name.
 * Errors: FW_IO, FW_DENIED, with the path in the cause; no partial file is left. */
fw_status fw_file_write(int folder_fd, const char *folder, const char *stem, const char *extension,
                        const fw_part *parts, size_t count, fw_text *path);

/* The same for an array: STEM.npy. format gives dtype and shape. */
fw_status fw_array_write(int folder_fd, const char *folder, const char *stem, const fw_format *format,
                         const fw_part *payload, fw_text *path);

/* The same for a frame: an array, or the file that its payload is. */
fw_status fw_frame_write(int folder_fd, const char *folder, const char *stem, const fw_frame *frame, fw_text *path);

#endif
