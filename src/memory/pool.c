#include "memory/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "memory/buddy.h"
#include "memory/huge.h"
#include "memory/limit.h"

#define BUDGET_MIN ((size_t)64 << 10)

/* A thread in fw_pool_loan(). Whoever lets memory go serves it. */
typedef struct waiter {
    pthread_cond_t wake;
    unsigned order;
    fw_slot *slot; /* set when served */
    struct waiter *next;
} waiter;

struct fw_pool {
    pthread_mutex_t lock;
    fw_buddy buddy;
    fw_slot *stack[FW_BUDDY_ORDERS]; /* let go, their blocks kept, last freed first */
    fw_slot *bare;                   /* slots without a block */
    fw_slot **slots;                 /* by index */
    uint32_t slot_count, slot_room;
    waiter *first, **last; /* in order of arrival */
    size_t used, out;      /* bytes and number of slots that are out */
    bool loaned;           /* something was, since fw_pool_renew() looked */
    fw_time idle_since;
    size_t kept; /* bytes of pages that the region had when it was fresh */
    bool stopped, closed;

    pthread_mutex_t region_lock; /* its own: taking pages is slow, letting go must not wait for it */
    fw_region region;
};

/* Measured with 16 frames of 1080p in turn, against normal pages: copying in and reading take 0.85 of the time, the first
 * write and the end a tenth, on either kind of huge pages. */
static fw_status open_region(fw_region *region, size_t size, bool huge) {
    if (huge && fw_region_open(region, size, FW_PAGES_RESERVED) == FW_OK)
        return FW_OK;
    if (huge && fw_huge_transparent("") && fw_region_open(region, size, FW_PAGES_TRANSPARENT) == FW_OK)
        return FW_OK;
    fw_status status = fw_region_open(region, size, FW_PAGES_NORMAL);
    if (!huge || status != FW_OK)
        return status;
    status = fw_region_take(region, 0, 1); /* which shows whether the kernel makes some */
    if (status != FW_OK)
        fw_region_close(region);
    else if (region->huge == 0)
        fw_warn(
            "no huge pages, normal ones are used: the system has not %zu of them to spare (sysctl vm.nr_hugepages), "
            "gives no transparent ones (/sys/kernel/mm/transparent_hugepage/shmem_enabled; advise would do), and makes "
            "none on demand",
            (size + FW_HUGE_PAGE - 1) / FW_HUGE_PAGE);
    return status;
}

fw_status fw_pool_open(size_t budget, bool huge, fw_pool **self_p) {
    *self_p = NULL;
    if (budget < BUDGET_MIN)
        return fw_fail(FW_INVALID, "a budget of %zu bytes is too small for frames; 64KiB is the least", budget);
    fw_pool *self = calloc(1, sizeof *self);
    if (!self)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    self->last = &self->first;
    self->region.fd = -1;
    fw_status status = fw_buddy_open(&self->buddy, budget);
    if (status == FW_OK)
        status = open_region(&self->region, self->buddy.units * FW_BUDDY_UNIT, huge);
    if (status != FW_OK) {
        fw_buddy_close(&self->buddy);
        free(self);
        return status;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->region_lock, NULL);
    fw_memory_check_budget("", budget);
    *self_p = self;
    return FW_OK;
}

static void destroy(fw_pool *self) {
    for (uint32_t i = 0; i < self->slot_count; i++)
        free(self->slots[i]);
    free(self->slots);
    fw_region_close(&self->region);
    fw_buddy_close(&self->buddy);
    pthread_mutex_destroy(&self->region_lock);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

size_t fw_pool_largest(const fw_pool *self) {
    return FW_BUDDY_UNIT << self->buddy.top;
}

const fw_region *fw_pool_region(const fw_pool *self) {
    return &self->region;
}

/* A slot that has no block; a new one only when more slots are out or on stacks than ever before. */
static fw_slot *bare_slot(fw_pool *self) {
    fw_slot *slot = self->bare;
    if (slot) {
        self->bare = slot->next;
        return slot;
    }
    if (self->slot_count == self->slot_room) {
        uint32_t room = self->slot_room ? 2 * self->slot_room : 64;
        fw_slot **slots = realloc(self->slots, room * sizeof *slots);
        if (!slots)
            return NULL;
        self->slots = slots;
        self->slot_room = room;
    }
    slot = calloc(1, sizeof *slot);
    if (!slot)
        return NULL;
    slot->pool = self;
    slot->index = self->slot_count;
    self->slots[self->slot_count++] = slot;
    return slot;
}

static void flush_stacks(fw_pool *self) {
    for (unsigned order = 0; order <= self->buddy.top; order++)
        for (fw_slot *slot; (slot = self->stack[order]);) {
            self->stack[order] = slot->next;
            fw_buddy_give(&self->buddy, slot->offset, slot->order);
            slot->next = self->bare;
            self->bare = slot;
        }
}

/* A slot of this order, with one reference; NULL where no block is left, or with *status_p no memory. */
static fw_slot *take(fw_pool *self, unsigned order, fw_status *status_p) {
    fw_slot *slot = self->stack[order];
    if (slot) {
        self->stack[order] = slot->next;
    } else {
        size_t offset;
        if (!fw_buddy_take(&self->buddy, order, &offset)) {
            flush_stacks(self);
            if (!fw_buddy_take(&self->buddy, order, &offset))
                return NULL;
        }
        slot = bare_slot(self);
        if (!slot) {
            fw_buddy_give(&self->buddy, offset, order);
            *status_p = FW_NO_MEMORY;
            return NULL;
        }
        slot->offset = offset;
        slot->data = self->region.base + offset;
        slot->room = FW_BUDDY_UNIT << order;
        slot->order = order;
        slot->paged = 0;
        slot->left_by = slot->left_seq = 0;
    }
    slot->gen++;
    slot->next = NULL;
    atomic_store_explicit(&slot->references, 1, memory_order_relaxed);
    self->used += slot->room;
    self->out++;
    self->loaned = true;
    return slot;
}

/* Give what there is to those who wait, strictly in order: none overtakes the first. */
static void serve(fw_pool *self) {
    fw_status status = FW_OK;
    for (waiter *first; (first = self->first) && (first->slot = take(self, first->order, &status));) {
        self->first = first->next;
        if (!self->first)
            self->last = &self->first;
        pthread_cond_signal(&first->wake);
    }
}

static void leave_queue(fw_pool *self, waiter *me) {
    waiter **at = &self->first;
    while (*at != me)
        at = &(*at)->next;
    *at = me->next;
    if (!*at)
        self->last = at;
    serve(self); /* the next may want less than this one did */
}

static fw_status wait_for_slot(fw_pool *self, unsigned order, fw_time deadline, fw_slot **slot_p) {
    waiter me = { .order = order };
    fw_condition_init(&me.wake);
    *self->last = &me;
    self->last = &me.next;
    struct timespec until = { .tv_sec = (time_t)(deadline / FW_SECOND), .tv_nsec = (long)(deadline % FW_SECOND) };
    int late = 0;
    while (!me.slot && !self->stopped && !late)
        late = deadline == FW_FOREVER ? pthread_cond_wait(&me.wake, &self->lock)
                                      : pthread_cond_timedwait(&me.wake, &self->lock, &until);
    if (!me.slot)
        leave_queue(self, &me);
    pthread_cond_destroy(&me.wake);
    *slot_p = me.slot;
    if (me.slot)
        return FW_OK;
    return self->stopped
               ? fw_fail(FW_CLOSED, "stopped while waiting for memory")
               : fw_fail(FW_TIMEOUT, "no memory was let go in time: all %zu bytes of frames are in use", self->used);
}

static fw_status loan(fw_pool *self, unsigned order, fw_time deadline, fw_slot **slot_p) {
    fw_status status = FW_OK;
    if (self->stopped)
        return fw_fail(FW_CLOSED, "the memory pool is stopped");
    if (!self->first)
        *slot_p = take(self, order, &status);
    if (status == FW_NO_MEMORY)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    if (*slot_p)
        return FW_OK;
    if (!deadline)
        return fw_fail(FW_FULL, "the memory budget is used up: %zu bytes in %zu frames", self->used, self->out);
    return wait_for_slot(self, order, deadline, slot_p);
}

/* Pages for the bytes that will be used, not for the whole block. Those of a reused slot are there already. */
static fw_status have_pages(fw_pool *self, fw_slot *slot, size_t size) {
    if (size <= slot->paged)
        return FW_OK;
    pthread_mutex_lock(&self->region_lock);
    fw_status status = fw_region_take(&self->region, slot->offset, size);
    pthread_mutex_unlock(&self->region_lock);
    if (status == FW_OK)
        slot->paged = size;
    return status;
}

fw_status fw_pool_loan(fw_pool *self, size_t size, fw_time deadline, fw_slot **slot_p) {
    *slot_p = NULL;
    unsigned order = fw_buddy_order(size);
    if (order > self->buddy.top)
        return fw_fail(FW_TOO_LARGE,
                       "a frame of %zu bytes is larger than the largest block of the memory budget (%zu bytes)", size,
                       fw_pool_largest(self));
    pthread_mutex_lock(&self->lock);
    fw_status status = loan(self, order, deadline, slot_p);
    pthread_mutex_unlock(&self->lock);
    if (status == FW_OK && (status = have_pages(self, *slot_p, size)) != FW_OK) {
        fw_slot_release(*slot_p);
        *slot_p = NULL;
    }
    return status;
}

void fw_slot_retain(fw_slot *slot) {
    atomic_fetch_add_explicit(&slot->references, 1, memory_order_relaxed);
}

void fw_slot_release(fw_slot *slot) {
    if (atomic_fetch_sub_explicit(&slot->references, 1, memory_order_acq_rel) != 1)
        return;
    fw_pool *self = slot->pool;
    pthread_mutex_lock(&self->lock);
    self->used -= slot->room;
    self->out--;
    slot->next = self->stack[slot->order];
    self->stack[slot->order] = slot;
    if (self->first)
        serve(self);
    bool last = self->closed && !self->out;
    pthread_mutex_unlock(&self->lock);
    if (last)
        destroy(self);
}

/* Is no slot out but such as may be moved? */
static bool all_at_rest(const fw_pool *self) {
    size_t movable = 0;
    for (uint32_t i = 0; i < self->slot_count && movable < self->out; i++)
        movable +=
            self->slots[i]->movable && atomic_load_explicit(&self->slots[i]->references, memory_order_acquire) == 1;
    return movable == self->out;
}

bool fw_pool_is_idle(fw_pool *self, fw_time now) {
    pthread_mutex_lock(&self->lock);
    if (self->loaned)
        self->idle_since = now;
    self->loaned = false;
    bool idle = self->region.paging != FW_PAGES_RESERVED && now - self->idle_since >= FW_POOL_IDLE &&
                self->region.pages >= self->kept + FW_POOL_WORTH;
    if (idle) {
        self->idle_since = now; /* to look at all slots so often is enough */
        idle = all_at_rest(self);
    }
    pthread_mutex_unlock(&self->lock);
    return idle;
}

/* What is out keeps its block, so that the account of blocks stays as it is. */
static fw_status move_into(fw_pool *self, fw_region *fresh) {
    fw_status status = FW_OK;
    flush_stacks(self);
    fresh->small_only = true; /* what is moved may be little: no huge page for it */
    for (uint32_t i = 0; i < self->slot_count && status == FW_OK; i++) {
        const fw_slot *slot = self->slots[i];
        if (slot->movable && (status = fw_region_take(fresh, slot->offset, slot->paged)) == FW_OK)
            memcpy(fresh->base + slot->offset, slot->data, slot->paged);
    }
    fresh->small_only = false;
    for (uint32_t i = 0; i < self->slot_count && status == FW_OK; i++)
        if (self->slots[i]->movable)
            self->slots[i]->data = fresh->base + self->slots[i]->offset;
    return status;
}

void fw_pool_renew(fw_pool *self, fw_region *old) {
    fw_region fresh = { .fd = -1 };
    pthread_mutex_lock(&self->lock);
    *old = fresh;
    if (all_at_rest(self) && fw_region_open(&fresh, self->region.size, self->region.paging) == FW_OK) {
        *old = fresh;
        if (move_into(self, &fresh) == FW_OK) {
            *old = self->region;
            self->region = fresh;
            self->kept = fresh.pages;
        }
    }
    pthread_mutex_unlock(&self->lock);
}

size_t fw_pool_used(fw_pool *self, size_t *slots_p) {
    pthread_mutex_lock(&self->lock);
    size_t used = self->used;
    if (slots_p)
        *slots_p = self->out;
    pthread_mutex_unlock(&self->lock);
    return used;
}

unsigned fw_pool_waiting(fw_pool *self) {
    pthread_mutex_lock(&self->lock);
    unsigned count = 0;
    for (const waiter *each = self->first; each; each = each->next)
        count++;
    pthread_mutex_unlock(&self->lock);
    return count;
}

void fw_pool_stop(fw_pool *self) {
    pthread_mutex_lock(&self->lock);
    self->stopped = true;
    for (waiter *each = self->first; each; each = each->next)
        pthread_cond_signal(&each->wake);
    pthread_mutex_unlock(&self->lock);
}

void fw_pool_close(fw_pool **self_p) {
    fw_pool *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->stopped = self->closed = true;
    bool last = !self->out;
    pthread_mutex_unlock(&self->lock);
    if (last)
        destroy(self);
}
