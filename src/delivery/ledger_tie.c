#include "delivery/ledger_inside.h"

#include <assert.h>

#include "base/clock.h"

FW_LG_LIST(of_frame, ties, of_frame)
FW_LG_LIST(of_worker, ties, of_worker)
FW_LG_LIST(timed, ties, timed)

uint32_t fw_lg_find_tie(const fw_ledger *self, uint32_t frame, uint32_t worker) {
    /* The latest first: it is the one most is heard from. */
    for (uint32_t at = self->frames[frame].ties.tail; at != NONE; at = self->ties[at].of_frame.prev)
        if (self->ties[at].worker == worker)
            return at;
    return NONE;
}

static void free_tie(fw_ledger *self, uint32_t tie) {
    uint32_t frame = self->ties[tie].frame, worker = self->ties[tie].worker;
    of_frame_remove(self, &self->frames[frame].ties, tie);
    self->ties[tie].of_frame.next = self->free_tie;
    self->free_tie = tie;
    if (self->frames[frame].ties.count == 0 && self->frames[frame].state == FW_LG_SETTLED)
        fw_lg_forget_frame(self, frame);
    self->workers[worker].tie_count--;
    fw_lg_check_worker(self, worker);
}

static bool in_use(const fw_lg_tie *it) {
    return it->open || it->holds > 0;
}

uint32_t fw_lg_make_tie(fw_ledger *self, uint32_t frame, uint32_t worker) {
    uint32_t tie = fw_lg_find_tie(self, frame, worker);
    if (tie != NONE)
        return tie;
    if (self->frames[frame].ties.count >= FW_LG_FORMER) {
        uint32_t old = self->frames[frame].ties.head;
        while (old != NONE && in_use(&self->ties[old]))
            old = self->ties[old].of_frame.next;
        if (old != NONE)
            free_tie(self, old);
    }
    if (self->free_tie == NONE) {
        uint32_t room = self->tie_room;
        if (!fw_lg_grow(self, &self->ties, &self->tie_room, sizeof *self->ties))
            return NONE;
        for (uint32_t i = self->tie_room; i-- > room;) {
            self->ties[i].of_frame.next = self->free_tie;
            self->free_tie = i;
        }
    }
    tie = self->free_tie;
    self->free_tie = self->ties[tie].of_frame.next;
    self->ties[tie] = (fw_lg_tie){ .frame = frame, .worker = worker };
    of_frame_append(self, &self->frames[frame].ties, tie);
    self->workers[worker].tie_count++;
    return tie;
}

void fw_lg_check_tie(fw_ledger *self, uint32_t tie) {
    const fw_lg_tie *it = &self->ties[tie];
    if (!in_use(it) && self->frames[it->frame].state == FW_LG_SETTLED)
        free_tie(self, tie);
}

static void count(fw_ledger *self, const fw_lg_tie *it, uint32_t one) {
    fw_lg_worker *worker = &self->workers[it->worker];
    if (!it->open)
        return;
    bool pending = !it->started && !it->lost;
    worker->unfinished += one;
    worker->started += it->started ? one : 0;
    worker->lost += it->lost ? one : 0;
    worker->pending += pending ? one : 0;
    worker->waiting += pending && !it->recalled ? one : 0;
    worker->guarded += it->guarded ? one : 0;
    self->moves += pending && it->moving ? one : 0;
}

void fw_lg_uncount(fw_ledger *self, uint32_t tie) {
    count(self, &self->ties[tie], UINT32_MAX); /* -1 */
}

void fw_lg_recount(fw_ledger *self, uint32_t tie) {
    count(self, &self->ties[tie], 1);
}

void fw_lg_open_tie(fw_ledger *self, uint32_t tie, bool guarded) {
    fw_lg_tie *it = &self->ties[tie];
    assert(!it->open);
    fw_lg_list *list = &self->workers[it->worker].ties;
    if (in_use(it))
        of_worker_remove(self, list, tie);
    of_worker_append(self, list, tie);
    *it = (fw_lg_tie){
        .frame = it->frame,
        .worker = it->worker,
        .of_frame = it->of_frame,
        .of_worker = it->of_worker,
        .holds = it->holds,
        .pins = it->pins,
        .open = true,
        .ever = true,
        .guarded = guarded,
    };
    fw_lg_recount(self, tie);
}

void fw_lg_close_tie(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    uint32_t worker = it->worker;
    fw_lg_stop_deadline(self, tie);
    fw_lg_uncount(self, tie);
    it->open = false;
    if (it->holds == 0)
        of_worker_remove(self, &self->workers[worker].ties, tie);
    fw_lg_place(self, worker, false);
    fw_lg_check_tie(self, tie);
}

void fw_lg_set_deadline(fw_ledger *self, uint32_t tie) {
    fw_lg_stop_deadline(self, tie);
    self->ties[tie].deadline = fw_after(self->now, self->options.deadline);
    timed_append(self, &self->timed, tie);
}

void fw_lg_stop_deadline(fw_ledger *self, uint32_t tie) {
    if (self->ties[tie].deadline == 0)
        return;
    self->ties[tie].deadline = 0;
    timed_remove(self, &self->timed, tie);
}

/* ---- Holds ---- */

bool fw_lg_may_pin(const fw_ledger *self, uint32_t frame) {
    const fw_lg_frame *it = &self->frames[frame];
    uint64_t memory = self->options.memory;
    if (memory == 0 || it->pinners > 0)
        return true;
    uint64_t spare = memory / 4 + (memory % 4 != 0);
    if (spare < it->size)
        spare = it->size;
    return it->size <= memory && spare <= memory - it->size && self->totals.pinned <= memory - it->size - spare;
}

static void set_pins(fw_ledger *self, fw_lg_tie *it, uint32_t pins) {
    fw_lg_frame *frame = &self->frames[it->frame];
    bool was = it->pins > 0, is = pins > 0;
    it->pins = pins;
    if (was == is)
        return;
    fw_lg_worker *worker = &self->workers[it->worker];
    worker->pinned += is ? 1 : UINT32_MAX;
    frame->pinners += is ? 1 : UINT32_MAX;
    if (frame->pinners == (is ? 1 : 0))
        self->totals.pinned += is ? frame->size : -frame->size;
    if (!worker->observer)
        return;
    frame->watchers += is ? 1 : UINT32_MAX;
    if (frame->watchers == (is ? 1 : 0))
        self->totals.watched += is ? frame->size : -frame->size;
}

void fw_lg_hold(fw_ledger *self, uint32_t tie, bool copy) {
    fw_lg_tie *it = &self->ties[tie];
    if (!in_use(it))
        of_worker_append(self, &self->workers[it->worker].ties, tie);
    if (it->holds++ == 0) {
        self->workers[it->worker].holders++;
        self->frames[it->frame].holders++;
    }
    if (!copy)
        set_pins(self, it, it->pins + 1);
}

void fw_lg_unhold(fw_ledger *self, uint32_t tie, uint32_t ended) {
    fw_lg_tie *it = &self->ties[tie];
    fw_lg_frame *frame = &self->frames[it->frame];
    assert(ended <= it->holds);
    if (ended == 0)
        return;
    it->holds -= ended;
    if (it->pins > it->holds)
        set_pins(self, it, it->holds);
    if (it->holds > 0)
        return;
    self->workers[it->worker].holders--;
    if (!it->open)
        of_worker_remove(self, &self->workers[it->worker].ties, tie);
    if (--frame->holders == 0 && frame->state == FW_LG_SETTLED) {
        self->streams[frame->stream].account.held--;
        fw_lg_let_go(self, it->frame);
    }
    fw_lg_check_tie(self, tie);
}

bool fw_ledger_hold(fw_ledger *self, fw_time now, fw_worker observer, fw_key key) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, observer), frame = fw_lg_find_frame(self, key);
    if (worker == NONE || frame == NONE || !self->workers[worker].observer || self->frames[frame].slot == FW_NO_SLOT ||
        self->workers[worker].being == FW_LG_ENDED)
        return false;
    const fw_lg_frame *it = &self->frames[frame];
    uint64_t quarter = self->options.memory / 4;
    bool more = it->watchers == 0 && self->totals.watched > 0 && self->options.memory > 0;
    if (!fw_lg_may_pin(self, frame) || (more && (it->size > quarter || self->totals.watched > quarter - it->size)))
        return false;
    uint32_t tie = fw_lg_make_tie(self, frame, worker);
    if (tie == NONE)
        return false;
    fw_lg_hold(self, tie, false);
    return true;
}

void fw_ledger_on_release(fw_ledger *self, fw_time now, fw_worker who, uint32_t slot, uint64_t gen) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who);
    uint32_t frame = slot < self->slot_room ? self->slots[slot] : NONE;
    uint32_t tie = NONE;
    if (worker != NONE && frame != NONE && self->frames[frame].gen == gen)
        tie = fw_lg_find_tie(self, frame, worker);
    if (tie == NONE || self->ties[tie].holds == 0) {
        self->totals.stale++;
        return;
    }
    fw_lg_unhold(self, tie, 1);
}
