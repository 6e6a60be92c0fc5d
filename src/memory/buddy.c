#include "memory/buddy.h"

#include <stdlib.h>

#include "base/status.h"

#define NONE UINT32_MAX

/* Says something only at a free block's first unit. */
typedef struct fw_buddy_block {
    uint32_t next, previous;
    uint32_t free; /* order + 1; 0: not the first unit of a free block */
} block;

static void insert(fw_buddy *self, uint32_t unit, unsigned order) {
    uint32_t next = self->head[order];
    self->blocks[unit] = (block){ .next = next, .previous = NONE, .free = order + 1 };
    if (next != NONE)
        self->blocks[next].previous = unit;
    self->head[order] = unit;
    self->orders |= 1u << order;
}

static void take_out(fw_buddy *self, uint32_t unit, unsigned order) {
    block *at = &self->blocks[unit];
    if (at->next != NONE)
        self->blocks[at->next].previous = at->previous;
    if (at->previous != NONE)
        self->blocks[at->previous].next = at->next;
    else if ((self->head[order] = at->next) == NONE)
        self->orders &= ~(1u << order);
    at->free = 0;
}

fw_status fw_buddy_open(fw_buddy *self, size_t size) {
    uint64_t units = size / FW_BUDDY_UNIT;
    *self = (fw_buddy){ .units = units };
    if (!units || units >= NONE)
        return fw_fail(FW_NO_MEMORY, "%zu bytes cannot be had", size);
    self->blocks = calloc(units, sizeof *self->blocks);
    if (!self->blocks)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    for (unsigned order = 0; order < FW_BUDDY_ORDERS; order++)
        self->head[order] = NONE;
    self->top = 63 - (unsigned)__builtin_clzll(units);
    /* One block for each one-bit of the size, the largest first, so that each is aligned to its size.
     * None of these can merge later: its buddy would reach beyond the end. */
    uint64_t at = 0;
    for (unsigned order = self->top + 1; order-- > 0;)
        if (units >> order & 1) {
            insert(self, (uint32_t)at, order);
            at += (uint64_t)1 << order;
        }
    return FW_OK;
}

unsigned fw_buddy_order(size_t size) {
    if (size <= FW_BUDDY_UNIT)
        return 0;
    return 64 - (unsigned)__builtin_clzll((size - 1) / FW_BUDDY_UNIT);
}

bool fw_buddy_take(fw_buddy *self, unsigned order, size_t *offset_p) {
    uint32_t fitting = order < FW_BUDDY_ORDERS ? self->orders >> order << order : 0;
    if (!fitting)
        return false;
    unsigned found = (unsigned)__builtin_ctz(fitting);
    uint32_t unit = self->head[found];
    take_out(self, unit, found);
    while (found > order) {
        found--;
        insert(self, unit + (1u << found), found);
    }
    *offset_p = unit * FW_BUDDY_UNIT;
    return true;
}

void fw_buddy_give(fw_buddy *self, size_t offset, unsigned order) {
    uint32_t unit = (uint32_t)(offset / FW_BUDDY_UNIT);
    for (; order < self->top; order++) {
        uint32_t buddy = unit ^ 1u << order;
        if (buddy + ((uint64_t)1 << order) > self->units || self->blocks[buddy].free != order + 1)
            break;
        take_out(self, buddy, order);
        unit &= ~(1u << order);
    }
    insert(self, unit, order);
}

void fw_buddy_close(fw_buddy *self) {
    free(self->blocks);
    *self = (fw_buddy){ 0 };
}
