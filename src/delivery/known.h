/* The items that a results file has already: what --resume skips. */
#ifndef FW_DELIVERY_KNOWN_H
#define FW_DELIVERY_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

#include "base/map.h"

/* A set of texts. Zero-initialise; fw_known_free() at the end. */
typedef struct fw_known {
    fw_map items; /* hash -> struct known_item, chained */
} fw_known;

/* Read a results file from its start: each item's last line counts. `error` lines are left out with
 * retry_errors; a line that is not one of ours is FW_BAD_INPUT, and the cause names its number. */
fw_status fw_known_read(fw_known *self, int fd, const char *path, bool retry_errors);

/* What the last line says of the item's file; -1 where it does not. */
typedef struct fw_known_file {
    int64_t size, mtime;
} fw_known_file;

/* Is the item known? *file_p (or NULL) is what its line says of it. */
bool fw_known_has(const fw_known *self, const char *item, fw_known_file *file_p);
void fw_known_free(fw_known *self);

#endif
