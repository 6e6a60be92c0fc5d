#include "delivery/ledger_inside.h"

#include <string.h>

FW_LG_LIST(bucket, workers, in_bucket)
FW_LG_LIST(wait, workers, in_wait)

/* ---- Sets of streams ---- */

static bool takes(const fw_lg_set *set, uint32_t stream) {
    return (set->streams[stream / 64] >> stream % 64 & 1) != 0;
}

bool fw_lg_set_streams(fw_ledger *self, uint32_t worker, const uint32_t *streams, size_t count) {
    uint64_t wanted[FW_STREAMS_MAX / 64];
    memset(wanted, streams == NULL ? 0xff : 0, sizeof wanted);
    for (size_t i = 0; streams != NULL && i < count; i++)
        if (streams[i] < FW_STREAMS_MAX)
            wanted[streams[i] / 64] |= (uint64_t)1 << streams[i] % 64;
    fw_lg_drop_set(self, worker);
    uint32_t at = NONE;
    for (uint32_t i = 0; i < self->set_count; i++) {
        const fw_lg_set *set = &self->sets[i];
        if (set->workers > 0 && memcmp(set->streams, wanted, sizeof wanted) == 0) {
            at = i;
            break;
        }
        if (set->workers == 0)
            at = i;
    }
    if (at == NONE) {
        if (self->set_count == FW_LG_SETS)
            return false;
        if (self->set_count == self->set_room && !fw_lg_grow(self, &self->sets, &self->set_room, sizeof *self->sets))
            return false;
        at = self->set_count++;
    }
    fw_lg_set *set = &self->sets[at];
    if (set->workers == 0) {
        memcpy(set->streams, wanted, sizeof wanted);
        for (size_t i = 0; i < FW_LG_BUCKETS; i++)
            set->buckets[i] = FW_LG_EMPTY;
    }
    set->workers++;
    self->workers[worker].set = at;
    return true;
}

void fw_lg_drop_set(fw_ledger *self, uint32_t worker) {
    fw_lg_worker *it = &self->workers[worker];
    if (it->set != NONE)
        self->sets[it->set].workers--;
    it->set = NONE;
}

uint32_t fw_lg_choose(const fw_ledger *self, uint32_t stream) {
    uint32_t best = NONE;
    for (uint32_t i = 0; i < self->set_count && self->able > 0; i++) {
        const fw_lg_set *set = &self->sets[i];
        if (set->mask == 0 || !takes(set, stream))
            continue;
        uint32_t worker = set->buckets[__builtin_ctzll(set->mask)].head;
        const fw_lg_worker *it = &self->workers[worker], *other = &self->workers[best != NONE ? best : worker];
        if (best == NONE || it->bucket < other->bucket || (it->bucket == other->bucket && it->stamp < other->stamp))
            best = worker;
    }
    return best;
}

bool fw_lg_idle_for(const fw_ledger *self, uint32_t stream) {
    for (uint32_t i = 0; i < self->set_count && self->idle > 0; i++)
        if ((self->sets[i].mask & 1) != 0 && takes(&self->sets[i], stream))
            return true;
    return false;
}

/* ---- Where a worker stands ---- */

/* One that lost leases gets no more until it has answered for them: it hangs, or its link is full of them. */
static bool can_take(const fw_ledger *self, uint32_t worker) {
    const fw_lg_worker *it = &self->workers[worker];
    if (it->being != FW_LG_HERE || !it->credited || it->observer || it->lost > 0 || it->guarded > 0)
        return false;
    return it->unfinished < it->credit;
}

static uint8_t bucket_of(fw_ledger *self, uint32_t worker) {
    bool can = can_take(self, worker);
    if (worker == self->reserved) {
        /* Kept for a suspect until it has nothing else. */
        if (can && self->workers[worker].unfinished > 0)
            return FW_LG_NO_BUCKET;
        self->reserved = NONE;
    }
    return can ? (uint8_t)self->workers[worker].unfinished : FW_LG_NO_BUCKET;
}

static uint8_t wait_of(const fw_lg_worker *it) {
    if (it->being == FW_LG_AWAY)
        return FW_LG_HELLO;
    if (it->being != FW_LG_HERE)
        return FW_LG_NOTHING;
    if (it->started == 0)
        return it->pending > 0 ? FW_LG_START : FW_LG_NOTHING;
    return it->waiting > 0 && it->lost == 0 ? FW_LG_BUSY : FW_LG_NOTHING;
}

void fw_lg_place(fw_ledger *self, uint32_t worker, bool fresh) {
    fw_lg_worker *it = &self->workers[worker];
    uint8_t bucket = bucket_of(self, worker), wait = wait_of(it);
    if (bucket != it->bucket) {
        fw_lg_set *set = &self->sets[it->set];
        if (it->bucket != FW_LG_NO_BUCKET) {
            bucket_remove(self, &set->buckets[it->bucket], worker);
            if (set->buckets[it->bucket].count == 0)
                set->mask &= ~((uint64_t)1 << it->bucket);
            self->able--;
            self->idle -= it->bucket == 0;
        }
        if (bucket != FW_LG_NO_BUCKET) {
            bucket_append(self, &set->buckets[bucket], worker);
            set->mask |= (uint64_t)1 << bucket;
            it->stamp = ++self->stamp;
            self->able++;
            self->idle += bucket == 0;
        }
        it->bucket = bucket;
    }
    if (wait != it->wait || (fresh && wait == FW_LG_BUSY)) {
        if (it->wait != FW_LG_NOTHING)
            wait_remove(self, &self->waits[it->wait], worker);
        if (wait != FW_LG_NOTHING)
            wait_append(self, &self->waits[wait], worker);
        it->wait = wait;
        it->since = self->now;
    }
}
