#include "delivery/ledger_inside.h"

#include <stdlib.h>

#include "base/status.h"

FW_LG_LIST(fresh, frames, fresh)
FW_LG_LIST(turn, streams, in_turn)
FW_LG_LIST(suspect_turn, streams, in_suspect_turn)

/* ---- Heaps of frames, the least seq first ---- */

fw_status fw_lg_heap_reserve(fw_lg_heap *self, uint32_t room) {
    if (room <= self->room)
        return FW_OK;
    uint32_t larger = self->room < 16 ? 16 : self->room;
    while (larger < room)
        larger *= 2;
    uint32_t *items = realloc(self->items, larger * sizeof *items);
    if (items == NULL)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    self->items = items;
    self->room = larger;
    return FW_OK;
}

static void sift_up(fw_ledger *self, fw_lg_heap *heap, uint32_t place, uint32_t frame) {
    uint64_t seq = self->frames[frame].seq;
    while (place > 0) {
        uint32_t above = (place - 1) / 2;
        if (self->frames[heap->items[above]].seq <= seq)
            break;
        heap->items[place] = heap->items[above];
        self->frames[heap->items[place]].place = place;
        place = above;
    }
    heap->items[place] = frame;
    self->frames[frame].place = place;
}

static void heap_add(fw_ledger *self, fw_lg_heap *heap, uint32_t frame) {
    sift_up(self, heap, heap->count++, frame);
}

static void heap_remove(fw_ledger *self, fw_lg_heap *heap, uint32_t frame) {
    uint32_t place = self->frames[frame].place;
    uint32_t last = heap->items[--heap->count];
    if (last == frame)
        return;
    /* The last one goes where the hole is, after it has sunk to where the last one may stand. */
    uint64_t seq = self->frames[last].seq;
    for (;;) {
        uint32_t below = 2 * place + 1;
        if (below >= heap->count)
            break;
        if (below + 1 < heap->count && self->frames[heap->items[below + 1]].seq < self->frames[heap->items[below]].seq)
            below++;
        if (self->frames[heap->items[below]].seq >= seq)
            break;
        heap->items[place] = heap->items[below];
        self->frames[heap->items[place]].place = place;
        place = below;
    }
    sift_up(self, heap, place, last);
}

/* ---- Queues ---- */

/* Frames that were never leased come in order of seq, after all that were: leases are given oldest first. */
void fw_lg_queue_in(fw_ledger *self, uint32_t frame) {
    fw_lg_frame *it = &self->frames[frame];
    fw_lg_stream *stream = &self->streams[it->stream];
    if (it->suspicions > 0) {
        it->queue = FW_LG_SUSPECT;
        self->totals.suspects++;
        stream->account.suspects++;
        heap_add(self, &stream->suspects, frame);
        if (stream->suspects.count == 1)
            suspect_turn_append(self, &self->suspect_turns, it->stream);
        return;
    }
    if (stream->again.count + stream->fresh.count == 0)
        turn_append(self, &self->turns, it->stream);
    if (it->cause == FW_LG_FIRST) {
        it->queue = FW_LG_FRESH;
        fresh_append(self, &stream->fresh, frame);
    } else {
        it->queue = FW_LG_AGAIN;
        heap_add(self, &stream->again, frame);
    }
}

void fw_lg_queue_out(fw_ledger *self, uint32_t frame) {
    fw_lg_frame *it = &self->frames[frame];
    fw_lg_stream *stream = &self->streams[it->stream];
    if (it->queue == FW_LG_SUSPECT) {
        self->totals.suspects--;
        stream->account.suspects--;
        heap_remove(self, &stream->suspects, frame);
        if (stream->suspects.count == 0)
            suspect_turn_remove(self, &self->suspect_turns, it->stream);
    } else {
        if (it->queue == FW_LG_FRESH)
            fresh_remove(self, &stream->fresh, frame);
        else
            heap_remove(self, &stream->again, frame);
        if (stream->again.count + stream->fresh.count == 0)
            turn_remove(self, &self->turns, it->stream);
    }
    it->queue = FW_LG_NOWHERE;
}

uint32_t fw_lg_oldest(const fw_ledger *self, uint32_t stream_index) {
    const fw_lg_stream *stream = &self->streams[stream_index];
    uint32_t suspect = stream->suspects.count > 0 ? stream->suspects.items[0] : NONE;
    uint32_t other = stream->again.count > 0 ? stream->again.items[0] : stream->fresh.head;
    if (suspect == NONE || other == NONE)
        return suspect != NONE ? suspect : other;
    return self->frames[suspect].seq < self->frames[other].seq ? suspect : other;
}

/* ---- States ---- */

static uint64_t *counter(fw_account *account, uint8_t state) {
    switch ((fw_lg_state)state) {
    case FW_LG_READY:
        return &account->ready;
    case FW_LG_LEASED:
        return &account->leased;
    case FW_LG_STARTED:
        return &account->started;
    case FW_LG_SETTLED:
        break;
    }
    return NULL;
}

void fw_lg_set_state(fw_ledger *self, uint32_t frame, fw_lg_state state) {
    fw_lg_frame *it = &self->frames[frame];
    fw_account *account = &self->streams[it->stream].account;
    uint64_t *from = counter(account, it->state), *to = counter(account, (uint8_t)state);
    if (from != NULL)
        --*from;
    if (to != NULL)
        ++*to;
    it->state = (uint8_t)state;
}

void fw_lg_put_back(fw_ledger *self, uint32_t frame, fw_lg_cause cause, fw_worker worker) {
    fw_lg_frame *it = &self->frames[frame];
    it->current = NONE;
    it->cause = (uint8_t)cause;
    fw_lg_set_state(self, frame, FW_LG_READY);
    fw_lg_queue_in(self, frame);
    if (it->proven >= self->options.attempts)
        fw_lg_die(self, frame, cause, worker);
}

void fw_lg_die(fw_ledger *self, uint32_t frame, fw_lg_cause cause, fw_worker worker) {
    const fw_lg_frame *it = &self->frames[frame];
    fw_account *account = &self->streams[it->stream].account;
    bool deadline = cause == FW_LG_MISSED;
    account->dead++;
    account->dead_by_deadline += deadline;
    account->dead_by_death += !deadline;
    fw_lg_act(self, &(fw_action){ .kind = FW_ACTION_DEAD,
                                  .stream = it->stream,
                                  .worker = worker,
                                  .key = fw_lg_key(self, frame),
                                  .frame = it->frame,
                                  .attempt = it->attempts,
                                  .deadline = deadline });
    fw_lg_settle(self, frame);
}

void fw_lg_settle(fw_ledger *self, uint32_t frame) {
    fw_lg_frame *it = &self->frames[frame];
    uint32_t stream = it->stream;
    if (it->queue != FW_LG_NOWHERE)
        fw_lg_queue_out(self, frame);
    fw_lg_set_state(self, frame, FW_LG_SETTLED);
    self->streams[stream].account.in_flight--;
    it->current = NONE;
    if (it->holders > 0)
        self->streams[stream].account.held++;
    else
        fw_lg_let_go(self, frame);

    /* The last tie takes the frame's record with it: hence one more list entry is read before. */
    uint32_t next = it->ties.head;
    if (next == NONE)
        fw_lg_forget_frame(self, frame);
    while (next != NONE) {
        uint32_t tie = next;
        next = self->ties[tie].of_frame.next;
        const fw_lg_tie *having = &self->ties[tie];
        if (having->open && (!having->started || (having->guarded && !having->go)) &&
            (!having->recalled || having->moving))
            fw_lg_recall(self, tie, false);
        fw_lg_check_tie(self, tie);
    }
    fw_lg_check_end(self, stream);
}

void fw_lg_let_go(fw_ledger *self, uint32_t frame) {
    fw_lg_frame *it = &self->frames[frame];
    if (it->slot != FW_NO_SLOT)
        self->slots[it->slot] = NONE;
    it->slot = FW_NO_SLOT;
    fw_lg_act(self,
              &(fw_action){
                  .kind = FW_ACTION_LET_GO, .stream = it->stream, .key = fw_lg_key(self, frame), .frame = it->frame });
}

void fw_lg_check_end(fw_ledger *self, uint32_t stream) {
    fw_lg_stream *it = &self->streams[stream];
    if (!it->ended || it->end_said || it->account.in_flight > 0)
        return;
    it->end_said = true;
    fw_lg_act(self, &(fw_action){ .kind = FW_ACTION_END, .stream = stream, .key = { .epoch = it->epoch } });
}
