#include "delivery/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "delivery/ledger_inside.h"

#define SEQ_BITS 48

/* Tables hold indexes where fw_map wants pointers; NULL means none there. */
static void *as_value(uint32_t index) {
    return (void *)((uintptr_t)index + 1);
}

static uint32_t as_index(const void *value) {
    return value != NULL ? (uint32_t)((uintptr_t)value - 1) : NONE;
}

fw_status fw_ledger_open(const fw_ledger_options *options, fw_ledger **self_p) {
    *self_p = NULL;
    if (options->deadline < 0 || options->grace < 0 || options->patience < 0)
        return fw_fail(FW_INVALID, "a deadline, a grace time and a patience are not below 0");
    if (options->credit > FW_CREDIT_MAX)
        return fw_fail(FW_INVALID, "a worker's credit is at most %d", FW_CREDIT_MAX);
    fw_ledger *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    self->options = *options;
    if (self->options.deadline == 0)
        self->options.deadline = 30 * FW_SECOND;
    if (self->options.grace == 0)
        self->options.grace = 5 * FW_SECOND;
    if (self->options.patience == 0)
        self->options.patience = 10 * FW_MS;
    if (self->options.attempts == 0)
        self->options.attempts = 3;
    if (self->options.credit == 0)
        self->options.credit = FW_CREDIT_MAX;
    self->free_frame = self->free_tie = self->free_worker = self->reserved = NONE;
    for (size_t i = 0; i < FW_LG_NOTHING; i++)
        self->waits[i] = FW_LG_EMPTY;
    self->timed = self->turns = self->suspect_turns = FW_LG_EMPTY;
    *self_p = self;
    return FW_OK;
}

void fw_ledger_close(fw_ledger **self_p) {
    fw_ledger *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    for (uint32_t i = 0; i < self->stream_count; i++) {
        free(self->streams[i].again.items);
        free(self->streams[i].suspects.items);
    }
    fw_map_free(&self->keys, NULL);
    fw_map_free(&self->instances, NULL);
    fw_map_free(&self->epochs, NULL);
    free(self->slots);
    free(self->frames);
    free(self->ties);
    free(self->workers);
    free(self->sets);
    free(self->streams);
    free(self->actions);
    free(self);
}

fw_status fw_ledger_status(const fw_ledger *self) {
    return self->status;
}

bool fw_lg_grow(fw_ledger *self, void *array_p, uint32_t *room_p, size_t size) {
    uint32_t room = *room_p < 8 ? 16 : *room_p * 2;
    void *old, *larger = NULL;
    memcpy(&old, array_p, sizeof old);
    if (*room_p < NONE / 4)
        larger = realloc(old, room * size);
    if (larger == NULL) {
        self->status = fw_fail(FW_NO_MEMORY, "no memory for the account of %u entries", room);
        return false;
    }
    memset((char *)larger + *room_p * size, 0, (room - *room_p) * size);
    memcpy(array_p, &larger, sizeof larger);
    *room_p = room;
    return true;
}

/* ---- Streams and frames ---- */

fw_status fw_ledger_add_stream(fw_ledger *self, uint64_t epoch, uint32_t *stream_p) {
    *stream_p = NONE;
    if (fw_map_get(&self->epochs, epoch) != NULL)
        return fw_fail(FW_INVALID, "two streams have the epoch %016llx", (unsigned long long)epoch);
    if (self->stream_count == FW_STREAMS_MAX)
        return fw_fail(FW_INVALID, "a sender has at most %d streams", FW_STREAMS_MAX);
    if (self->stream_count == self->stream_room &&
        !fw_lg_grow(self, &self->streams, &self->stream_room, sizeof *self->streams))
        return self->status;
    fw_status status = fw_map_put(&self->epochs, epoch, as_value(self->stream_count));
    if (status != FW_OK)
        return status;
    self->streams[self->stream_count] = (fw_lg_stream){ .epoch = epoch, .fresh = FW_LG_EMPTY };
    *stream_p = self->stream_count++;
    return FW_OK;
}

static uint64_t key_of(uint32_t stream, uint64_t seq) {
    return (uint64_t)stream << SEQ_BITS | seq;
}

uint32_t fw_lg_find_frame(const fw_ledger *self, fw_key key) {
    uint32_t stream = as_index(fw_map_get(&self->epochs, key.epoch));
    if (stream == NONE || key.seq >> SEQ_BITS != 0)
        return NONE;
    return as_index(fw_map_get(&self->keys, key_of(stream, key.seq)));
}

/* Room for everything that may be said of the frame later, so that it cannot fail then. */
static bool make_room(fw_ledger *self, fw_lg_stream *stream, uint32_t slot) {
    if (self->free_frame == NONE) {
        uint32_t old = self->frame_room;
        if (!fw_lg_grow(self, &self->frames, &self->frame_room, sizeof *self->frames))
            return false;
        for (uint32_t i = self->frame_room; i-- > old;) {
            self->frames[i].fresh.next = self->free_frame;
            self->free_frame = i;
        }
    }
    uint32_t open = (uint32_t)(stream->account.in_flight + 1);
    if (fw_lg_heap_reserve(&stream->again, open) != FW_OK || fw_lg_heap_reserve(&stream->suspects, open) != FW_OK)
        return false;
    while (slot != FW_NO_SLOT && slot >= self->slot_room) {
        uint32_t old = self->slot_room;
        if (!fw_lg_grow(self, &self->slots, &self->slot_room, sizeof *self->slots))
            return false;
        memset(self->slots + old, 0xff, (self->slot_room - old) * sizeof *self->slots);
    }
    return true;
}

fw_status fw_ledger_on_frame(fw_ledger *self, fw_time now, uint32_t stream_index, const fw_capture *capture) {
    fw_lg_clock(self, now);
    if (self->status != FW_OK)
        return self->status;
    if (stream_index >= self->stream_count)
        return fw_fail(FW_INVALID, "there is no stream %u", stream_index);
    fw_lg_stream *stream = &self->streams[stream_index];
    if (stream->ended)
        return fw_fail(FW_CLOSED, "the stream has ended");
    if (capture->seq < stream->next_seq || capture->seq >> SEQ_BITS != 0)
        return fw_fail(FW_INVALID, "frame %llu comes where %llu or a later one is due",
                       (unsigned long long)capture->seq, (unsigned long long)stream->next_seq);
    uint32_t slot = capture->slot;
    if (slot != FW_NO_SLOT && (slot >= FW_SLOT_MAX || (slot < self->slot_room && self->slots[slot] != NONE)))
        return fw_fail(FW_INVALID, "slot %u has a frame already, or is none", slot);
    if (!make_room(self, stream, slot))
        return fw_fail(FW_NO_MEMORY, "no memory for one frame more");
    uint32_t at = self->free_frame;
    fw_status status = fw_map_put(&self->keys, key_of(stream_index, capture->seq), as_value(at));
    if (status != FW_OK)
        return status;
    self->free_frame = self->frames[at].fresh.next;
    self->frames[at] = (fw_lg_frame){
        .frame = capture->frame,
        .seq = capture->seq,
        .gen = capture->gen,
        .size = capture->size,
        .stream = stream_index,
        .slot = slot,
        .current = NONE,
        .ties = FW_LG_EMPTY,
        .state = FW_LG_READY,
    };
    if (slot != FW_NO_SLOT)
        self->slots[slot] = at;
    stream->next_seq = capture->seq + 1;
    stream->account.captured++;
    stream->account.in_flight++;
    stream->account.ready++;
    fw_lg_queue_in(self, at);
    return FW_OK;
}

void fw_lg_forget_frame(fw_ledger *self, uint32_t frame) {
    fw_lg_frame *it = &self->frames[frame];
    fw_map_take(&self->keys, key_of(it->stream, it->seq));
    it->fresh.next = self->free_frame;
    self->free_frame = frame;
}

bool fw_ledger_drop_oldest(fw_ledger *self, fw_time now, uint32_t stream) {
    fw_lg_clock(self, now);
    uint32_t frame = stream < self->stream_count ? fw_lg_oldest(self, stream) : NONE;
    if (frame == NONE)
        return false;
    self->streams[stream].account.dropped++;
    self->streams[stream].account.dropped_oldest++;
    fw_lg_settle(self, frame);
    return true;
}

void fw_ledger_drop_newest(fw_ledger *self, uint32_t stream) {
    if (stream >= self->stream_count)
        return;
    fw_account *account = &self->streams[stream].account;
    account->captured++;
    account->dropped++;
    account->dropped_newest++;
}

void fw_ledger_on_end(fw_ledger *self, fw_time now, uint32_t stream) {
    fw_lg_clock(self, now);
    if (stream >= self->stream_count)
        return;
    self->streams[stream].ended = true;
    fw_lg_check_end(self, stream);
}

/* ---- The account ---- */

void fw_ledger_count(const fw_ledger *self, uint32_t stream, fw_account *account) {
    *account = (fw_account){ 0 };
    if (stream < self->stream_count) {
        *account = self->streams[stream].account;
        return;
    }
    /* An account is numbers of one type and nothing else. */
    uint64_t sum[sizeof *account / sizeof(uint64_t)] = { 0 }, one[sizeof *account / sizeof(uint64_t)];
    for (uint32_t i = 0; stream == FW_ALL_STREAMS && i < self->stream_count; i++) {
        memcpy(one, &self->streams[i].account, sizeof one);
        for (size_t j = 0; j < sizeof one / sizeof *one; j++)
            sum[j] += one[j];
    }
    memcpy(account, sum, sizeof *account);
}

void fw_ledger_total(const fw_ledger *self, fw_ledger_totals *totals) {
    *totals = self->totals;
}

uint32_t fw_lg_find_worker(const fw_ledger *self, fw_worker worker) {
    uint32_t at = (uint32_t)worker;
    if (at >= self->worker_room || !self->workers[at].used || self->workers[at].generation != worker >> 32)
        return NONE;
    return at;
}

bool fw_ledger_look(const fw_ledger *self, fw_worker worker, fw_ledger_worker *look) {
    uint32_t at = fw_lg_find_worker(self, worker);
    *look = (fw_ledger_worker){ 0 };
    if (at == NONE)
        return false;
    const fw_lg_worker *it = &self->workers[at];
    *look = (fw_ledger_worker){
        .instance = it->instance,
        .connected = it->being == FW_LG_HERE,
        .observer = it->observer,
        .late = it->lost > 0,
        .credit = it->credit,
        .unfinished = it->unfinished,
        .started = it->started,
        .holds = it->holders,
        .pinned = it->pinned,
        .done = it->done,
    };
    return true;
}

bool fw_ledger_look_frame(const fw_ledger *self, fw_key key, fw_ledger_frame *look) {
    uint32_t at = fw_lg_find_frame(self, key);
    *look = (fw_ledger_frame){ 0 };
    if (at == NONE)
        return false;
    const fw_lg_frame *it = &self->frames[at];
    *look = (fw_ledger_frame){
        .state = it->state,
        .worker = it->current != NONE ? fw_lg_handle(self, self->ties[it->current].worker) : 0,
        .attempts = it->attempts,
        .proven = it->proven,
        .holders = it->holders,
        .suspect = it->suspicions > 0,
    };
    return true;
}
