/* Another process's region, for reading only. */
#ifndef FW_MEMORY_VIEW_H
#define FW_MEMORY_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

typedef struct fw_view {
    const uint8_t *base;
    size_t size;
} fw_view;

/* Map a region of this size. First the seals are checked, and the file's size: so that it cannot shrink, and no byte of
 * it is beyond its end (proto/door-1.md, section 4). fd stays the caller's.
 * Errors: FW_BAD_MESSAGE (it is no such memory), FW_NO_MEMORY; self is then empty. */
fw_status fw_view_open(fw_view *self, int fd, uint64_t size);

/* Where size bytes lie at offset; NULL: not whole within it, or not at a multiple of 64. */
const void *fw_view_at(const fw_view *self, uint64_t offset, uint64_t size);

void fw_view_close(fw_view *self);

#endif
