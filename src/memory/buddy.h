/* A buddy allocator: aligned blocks of powers of two, out of a range whose size need not be one.
 *
 * Only the account: it touches no memory of the range, and does not lock.
 */
#ifndef FW_MEMORY_BUDDY_H
#define FW_MEMORY_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

#define FW_BUDDY_UNIT   ((size_t)4096) /* a block of order n has FW_BUDDY_UNIT << n bytes */
#define FW_BUDDY_ORDERS 32

typedef struct fw_buddy {
    struct fw_buddy_block *blocks; /* one a unit */
    uint64_t units;
    unsigned top;                   /* order of the largest block */
    uint32_t head[FW_BUDDY_ORDERS]; /* free blocks of an order, last freed first */
    uint32_t orders;                /* bit n: there is a free block of order n */
} fw_buddy;

/* size is rounded down to whole units: at least one, fewer than 2^32. FW_NO_MEMORY. */
fw_status fw_buddy_open(fw_buddy *self, size_t size);

/* The smallest order whose blocks hold size bytes; may be beyond self->top. */
unsigned fw_buddy_order(size_t size);

/* A block of this order; false: none is free, and none can be made by splitting. */
bool fw_buddy_take(fw_buddy *self, unsigned order, size_t *offset_p);

/* Take back a block that was taken with this order, and merge it with its free neighbours. */
void fw_buddy_give(fw_buddy *self, size_t offset, unsigned order);

void fw_buddy_close(fw_buddy *self);

#endif
