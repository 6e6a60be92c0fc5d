#include "delivery/ledger_inside.h"

/* ---- What becomes of a lease ---- */

void fw_lg_recall(fw_ledger *self, uint32_t tie, bool moving) {
    fw_lg_tie *it = &self->ties[tie];
    fw_lg_uncount(self, tie);
    it->recalled = true;
    it->moving = moving;
    fw_lg_recount(self, tie);
    fw_lg_place(self, it->worker, false);
    fw_lg_act(self, &(fw_action){ .kind = FW_ACTION_RECALL,
                                  .stream = self->frames[it->frame].stream,
                                  .worker = fw_lg_handle(self, it->worker),
                                  .key = fw_lg_key(self, it->frame) });
}

void fw_lg_lose(fw_ledger *self, uint32_t tie, fw_lg_cause cause) {
    fw_lg_tie *it = &self->ties[tie];
    fw_lg_stop_deadline(self, tie);
    fw_lg_uncount(self, tie);
    it->lost = true;
    it->moving = false;
    fw_lg_recount(self, tie);
    fw_lg_place(self, it->worker, false);
    if (self->frames[it->frame].current == tie)
        fw_lg_put_back(self, it->frame, cause, fw_lg_handle(self, it->worker));
}

bool fw_lg_lose_unstarted(fw_ledger *self, uint32_t worker, bool all) {
    bool any = false;
    for (uint32_t at = self->workers[worker].ties.head, next; at != NONE; at = next) {
        next = self->ties[at].of_worker.next;
        const fw_lg_tie *it = &self->ties[at];
        if (!it->open || it->started || it->lost || !(all || fw_lg_idle_for(self, self->frames[it->frame].stream)))
            continue;
        any = true;
        fw_lg_lose(self, at, FW_LG_LOST);
        if (!it->recalled)
            fw_lg_recall(self, at, false);
    }
    return any;
}

void fw_lg_adopt(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    uint32_t frame = it->frame;
    fw_lg_queue_out(self, frame);
    fw_lg_uncount(self, tie);
    it->lost = it->recalled = it->moving = false;
    fw_lg_recount(self, tie);
    self->frames[frame].current = tie;
    fw_lg_set_state(self, frame, it->started ? FW_LG_STARTED : FW_LG_LEASED);
    if (it->started)
        fw_lg_set_deadline(self, tie);
    fw_lg_place(self, it->worker, false);
}

void fw_lg_go(fw_ledger *self, uint32_t tie) {
    const fw_lg_tie *it = &self->ties[tie];
    fw_lg_act(self, &(fw_action){ .kind = FW_ACTION_GO,
                                  .stream = self->frames[it->frame].stream,
                                  .worker = fw_lg_handle(self, it->worker),
                                  .key = fw_lg_key(self, it->frame) });
}

/* ---- Blame ---- */

static void count_start(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    if (!it->counted)
        self->frames[it->frame].attempts++;
    it->counted = true;
}

/* A suspect has a queue of its own: out of the one and into the other. */
static void suspect(fw_ledger *self, uint32_t frame, uint32_t more) {
    fw_lg_frame *it = &self->frames[frame];
    bool queued = it->queue != FW_LG_NOWHERE;
    if (queued)
        fw_lg_queue_out(self, frame);
    it->suspicions += more;
    if (queued)
        fw_lg_queue_in(self, frame);
}

void fw_lg_blame(fw_ledger *self, uint32_t tie, bool presumed) {
    fw_lg_tie *it = &self->ties[tie];
    fw_lg_frame *frame = &self->frames[it->frame];
    if (it->blamed || frame->state == FW_LG_SETTLED)
        return;
    count_start(self, tie);
    it->blamed = true;
    it->presumed = presumed;
    suspect(self, it->frame, 1);
    if (!it->go)
        return;
    it->charged = true;
    frame->proven++;
    if (frame->state == FW_LG_READY && frame->proven >= self->options.attempts)
        fw_lg_die(self, it->frame, FW_LG_DIED, fw_lg_handle(self, it->worker));
}

void fw_lg_pardon(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    if (!it->presumed)
        return;
    if (self->frames[it->frame].state != FW_LG_SETTLED) {
        suspect(self, it->frame, UINT32_MAX); /* -1 */
        self->frames[it->frame].proven -= it->charged;
    }
    it->presumed = it->blamed = it->charged = false;
}

uint32_t fw_lg_judge(fw_ledger *self, uint32_t worker, bool presumed) {
    const fw_lg_worker *it = &self->workers[worker];
    uint32_t oldest = NONE, first = NONE;
    for (uint32_t at = it->ties.head; at != NONE; at = self->ties[at].of_worker.next) {
        if (!self->ties[at].open)
            continue;
        if (oldest == NONE)
            oldest = at;
        if (first == NONE && self->ties[at].started)
            first = at;
    }
    /* `start` may have died with the process: without one, it was the oldest. */
    uint32_t culprit = first != NONE ? first : oldest;
    uint32_t named = NONE;
    for (uint32_t at = it->ties.head; at != NONE; at = self->ties[at].of_worker.next) {
        if (!self->ties[at].open)
            continue;
        if (at == culprit || self->ties[at].started) {
            if (named == NONE && self->frames[self->ties[at].frame].state != FW_LG_SETTLED)
                named = self->ties[at].frame;
            fw_lg_blame(self, at, presumed);
        }
        if (!self->ties[at].lost)
            fw_lg_lose(self, at, FW_LG_DIED);
    }
    return named;
}

void fw_lg_missed(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    uint32_t worker = it->worker;
    self->totals.missed++;
    fw_lg_act(self, &(fw_action){ .kind = FW_ACTION_LATE,
                                  .stream = self->frames[it->frame].stream,
                                  .worker = fw_lg_handle(self, worker),
                                  .key = fw_lg_key(self, it->frame) });
    /* While the connection is lost nothing can be heard: no blame. */
    if (self->workers[worker].being == FW_LG_HERE)
        fw_lg_blame(self, tie, false);
    fw_lg_lose(self, tie, FW_LG_MISSED);
    (void)fw_lg_lose_unstarted(self, worker, true);
}

/* ---- What workers say ---- */

static uint32_t find_open(fw_ledger *self, fw_time now, fw_worker who, fw_key key) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who), frame = fw_lg_find_frame(self, key);
    uint32_t tie = worker != NONE && frame != NONE ? fw_lg_find_tie(self, frame, worker) : NONE;
    if (tie != NONE && self->ties[tie].open)
        return tie;
    self->totals.unknown++;
    return NONE;
}

/* Nobody else has been given what this worker lost, and it is at it. */
static bool free_to_go_on(const fw_ledger *self, uint32_t tie) {
    const fw_lg_tie *it = &self->ties[tie];
    return it->lost && self->frames[it->frame].state == FW_LG_READY && self->workers[it->worker].being == FW_LG_HERE;
}

void fw_lg_start(fw_ledger *self, uint32_t tie) {
    fw_lg_tie *it = &self->ties[tie];
    uint32_t frame = it->frame;
    if (it->started) {
        if (it->guarded && self->frames[frame].current == tie)
            fw_lg_go(self, tie);
        return;
    }
    fw_lg_uncount(self, tie);
    it->started = true;
    it->recalled = it->moving = false;
    fw_lg_recount(self, tie);
    if (self->frames[frame].state != FW_LG_SETTLED)
        count_start(self, tie);
    if (free_to_go_on(self, tie))
        fw_lg_adopt(self, tie);
    else if (!it->lost)
        fw_lg_set_deadline(self, tie);
    bool current = self->frames[frame].current == tie;
    if (current)
        fw_lg_set_state(self, frame, FW_LG_STARTED);
    fw_lg_place(self, it->worker, true);
    if (it->guarded && !current)
        fw_lg_recall(self, tie, false);
    else if (it->guarded)
        fw_lg_go(self, tie);
}

void fw_ledger_on_start(fw_ledger *self, fw_time now, fw_worker worker, fw_key key) {
    uint32_t tie = find_open(self, now, worker, key);
    if (tie != NONE)
        fw_lg_start(self, tie);
}

void fw_ledger_on_progress(fw_ledger *self, fw_time now, fw_worker worker, fw_key key) {
    uint32_t tie = find_open(self, now, worker, key);
    if (tie == NONE)
        return;
    if (!self->ties[tie].started) /* its `start` was lost */
        fw_lg_start(self, tie);
    if (!self->ties[tie].lost)
        fw_lg_set_deadline(self, tie);
    else if (free_to_go_on(self, tie))
        fw_lg_adopt(self, tie);
}

void fw_ledger_on_return(fw_ledger *self, fw_time now, fw_worker worker, fw_key key) {
    uint32_t tie = find_open(self, now, worker, key);
    if (tie == NONE)
        return;
    bool moved = self->ties[tie].moving;
    self->streams[self->frames[self->ties[tie].frame].stream].account.recalled += moved;
    fw_lg_lose(self, tie, moved ? FW_LG_RECALLED : FW_LG_RETURNED);
    fw_lg_close_tie(self, tie);
}

/* The tie of a result that is not unknown, or NONE: the frame is settled and forgotten, or it was never there. */
static fw_reception receive(const fw_ledger *self, fw_worker who, fw_key key, uint32_t *tie_p) {
    *tie_p = NONE;
    uint32_t worker = fw_lg_find_worker(self, who), frame = fw_lg_find_frame(self, key);
    if (worker == NONE)
        return FW_UNKNOWN;
    if (frame == NONE) {
        const void *stream = fw_map_get(&self->epochs, key.epoch);
        bool past = stream != NULL && key.seq < self->streams[(uintptr_t)stream - 1].next_seq;
        return past ? FW_DUPLICATE : FW_UNKNOWN;
    }
    uint32_t tie = fw_lg_find_tie(self, frame, worker);
    if (tie != NONE && self->ties[tie].ever)
        *tie_p = tie;
    if (self->frames[frame].state == FW_LG_SETTLED)
        return FW_DUPLICATE;
    return *tie_p != NONE ? FW_ACCEPTED : FW_UNKNOWN;
}

fw_reception fw_ledger_would_accept(const fw_ledger *self, fw_worker worker, fw_key key) {
    uint32_t tie;
    return receive(self, worker, key, &tie);
}

fw_reception fw_ledger_on_result(fw_ledger *self, fw_time now, fw_worker worker, fw_key key, bool error) {
    fw_lg_clock(self, now);
    uint32_t tie;
    fw_reception reception = receive(self, worker, key, &tie);
    if (reception == FW_UNKNOWN) {
        self->totals.unknown++;
        return reception;
    }
    fw_account *account = &self->streams[(uintptr_t)fw_map_get(&self->epochs, key.epoch) - 1].account;
    if (reception == FW_DUPLICATE)
        account->duplicates++;
    else {
        account->done++;
        account->errors += error;
        self->workers[self->ties[tie].worker].done++;
        count_start(self, tie);
    }
    if (tie == NONE)
        return reception;
    uint32_t frame = self->ties[tie].frame;
    /* The tie stays until the frame is settled: both ends of it need the other. */
    bool open = self->ties[tie].open;
    if (reception == FW_ACCEPTED && open) {
        if (self->frames[frame].current == tie)
            self->frames[frame].current = NONE;
        fw_lg_close_tie(self, tie);
    }
    if (reception == FW_ACCEPTED)
        fw_lg_settle(self, frame);
    else if (open)
        fw_lg_close_tie(self, tie);
    return reception;
}
