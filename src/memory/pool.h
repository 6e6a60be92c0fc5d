/* All slots of a sender, within a fixed memory budget.
 *
 * A slot holds one frame. It is counted by reference: the sender, each libzmq message and each hold have
 * one; the last to let go returns it. Slots of a size are reused last freed first (a warm slot is worth
 * 1.7 x at 1080p); above them stands a buddy allocator over the region.
 *
 * Under its seal a region gives no page back: a pool that has fallen idle takes a fresh one in its place.
 *
 * The pool itself lives until its last slot is let go, in whatever order things are closed.
 */
#ifndef FW_MEMORY_POOL_H
#define FW_MEMORY_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>
#include <framewire/units.h>

#include "memory/region.h"

typedef struct fw_pool fw_pool;

/* One frame's memory. */
typedef struct fw_slot {
    uint8_t *data;  /* 64-byte aligned */
    size_t offset;  /* in the region */
    size_t room;    /* bytes of the block */
    uint32_t gen;   /* rises with each loan, and goes on in a fresh region */
    uint32_t index; /* small number, unique among living slots */
    bool movable;   /* who has its only reference wants the bytes alone, wherever: see fw_pool_renew() */
    /* What the last filler says it left here, so that it may draw only what changes (see source/test.c).
     * Zeros: unknown. The pool clears it only when the block becomes another slot. */
    uint64_t left_by, left_seq;
    /* the pool's own: */
    atomic_uint references;
    uint32_t order;
    size_t paged; /* so many bytes of it have pages */
    fw_pool *pool;
    struct fw_slot *next;
} fw_slot;

/* Budget in bytes, at least 64 KiB; rounded down to 4 KiB, the smallest block. One beyond what the system allows is
 * warned of. huge: on huge pages that the system reserves or allows; where there are none, it is said. *self_p has one
 * reference, to be given back with fw_pool_close().
 * Errors: FW_INVALID (too small), FW_NO_MEMORY, FW_UNSUPPORTED. */
fw_status fw_pool_open(size_t budget, bool huge, fw_pool **self_p);

/* The largest size that fw_pool_loan() can ever serve: the largest power-of-two block of the budget. */
size_t fw_pool_largest(const fw_pool *self);

/* A slot of at least size bytes with one reference. Waits until deadline (of CLOCK_MONOTONIC; 0: does not wait;
 * FW_FOREVER). Pages are taken for these bytes, not for the whole block. Before it waits, the stacks of free slots go back to the buddy allocator. Waiters are served in
 * order of arrival, so that a large frame is not starved by small ones.
 * Any thread. Errors: FW_FULL (deadline 0), FW_TIMEOUT, FW_TOO_LARGE, FW_CLOSED (fw_pool_stop()), FW_NO_MEMORY. */
fw_status fw_pool_loan(fw_pool *self, size_t size, fw_time deadline, fw_slot **slot_p);

/* Any thread; libzmq's io thread too. */
void fw_slot_retain(fw_slot *slot);
void fw_slot_release(fw_slot *slot);

/* Bytes in blocks that are out, and the number of slots that are. Any thread. */
size_t fw_pool_used(fw_pool *self, size_t *slots_p);

/* The memory that all slots are in, until fw_pool_renew(). Owned by the pool. */
const fw_region *fw_pool_region(const fw_pool *self);

#define FW_POOL_IDLE  (3 * FW_SECOND)
#define FW_POOL_WORTH ((size_t)16 << 20)

/* Nothing was loaned for FW_POOL_IDLE, no slot is out but movable ones, and there are pages of at least FW_POOL_WORTH to be
 * given back: the first write to a fresh page takes ten times as long as the second, and a source of few frames now and
 * then should not pay that for each. Never true of reserved huge pages, which the system has for nothing else. Once true, it
 * is false for another FW_POOL_IDLE. To be called now and then, as fw_pool_renew() is under the lock that `movable` is set
 * under. */
bool fw_pool_is_idle(fw_pool *self, fw_time now);

/* Let a fresh region take the place of the one that has the pages; movable slots are copied. Does nothing where other slots
 * are out, or there is no memory for it. *old is the caller's to close, which takes a while (0.1 ms a MiB); who else has
 * mapped it keeps it. */
void fw_pool_renew(fw_pool *self, fw_region *old);

/* How many threads wait in fw_pool_loan(). Any thread. */
unsigned fw_pool_waiting(fw_pool *self);

/* Wake all who wait, for good. Any thread. */
void fw_pool_stop(fw_pool *self);

/* Give the opener's reference back; clears *self_p. Memory goes with the last slot. After the last fw_pool_loan(). */
void fw_pool_close(fw_pool **self_p);

#endif
