/* Arrays of results as .npy files. */
#ifndef FW_DELIVERY_ARRAYS_H
#define FW_DELIVERY_ARRAYS_H

#include <stdint.h>

#include "base/text.h"
#include "wire/header.h"
#include "wire/message.h"

/* Write one array into a folder as STREAM-EPOCH-SEQ-NAME.npy (names made safe, never over an existing file) and append
 * the path, as text, to path. Errors: FW_IO, FW_DENIED, with the path in the cause; no partial file is left. */
fw_status fw_array_save(int folder_fd, const char *folder, const char *stem, const fw_array *array,
                        const fw_part *payload, fw_text *path);

#endif
