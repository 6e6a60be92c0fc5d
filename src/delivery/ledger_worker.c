#include "delivery/ledger_inside.h"

void fw_lg_check_worker(fw_ledger *self, uint32_t worker) {
    fw_lg_worker *it = &self->workers[worker];
    if (!it->used || it->being == FW_LG_HERE || it->being == FW_LG_AWAY || it->tie_count > 0)
        return;
    fw_map_take(&self->instances, it->instance);
    fw_lg_drop_set(self, worker);
    it->used = false;
    it->in_bucket.next = self->free_worker;
    self->free_worker = worker;
}

/* Every change of being and of credit goes through here, so that the connected ones are counted. */
static void set_being(fw_ledger *self, uint32_t worker, fw_lg_being being, bool credited) {
    fw_lg_worker *it = &self->workers[worker];
    self->totals.workers -= it->being == FW_LG_HERE && it->credited;
    it->being = (uint8_t)being;
    it->credited = credited && !it->observer;
    self->totals.workers += it->being == FW_LG_HERE && it->credited;
    fw_lg_place(self, worker, false);
}

/* ---- Coming ---- */

static uint32_t add_worker(fw_ledger *self, uint64_t instance) {
    if (self->free_worker == NONE) {
        uint32_t room = self->worker_room;
        if (!fw_lg_grow(self, &self->workers, &self->worker_room, sizeof *self->workers))
            return NONE;
        for (uint32_t i = self->worker_room; i-- > room;) {
            self->workers[i].in_bucket.next = self->free_worker;
            self->free_worker = i;
        }
    }
    uint32_t at = self->free_worker;
    if (fw_map_put(&self->instances, instance, (void *)((uintptr_t)at + 1)) != FW_OK) {
        self->status = FW_NO_MEMORY;
        return NONE;
    }
    fw_lg_worker *it = &self->workers[at];
    self->free_worker = it->in_bucket.next;
    *it = (fw_lg_worker){
        .instance = instance,
        .generation = it->generation + 1 != 0 ? it->generation + 1 : 1,
        .ties = FW_LG_EMPTY,
        .being = FW_LG_LEFT,
        .bucket = FW_LG_NO_BUCKET,
        .wait = FW_LG_NOTHING,
        .set = NONE,
        .used = true,
    };
    return at;
}

/* It has this frame, says its hello. What was on the way when the connection was lost may not have come. */
static void agree(fw_ledger *self, uint32_t tie, bool started) {
    const fw_lg_frame *frame = &self->frames[self->ties[tie].frame];
    const fw_lg_tie *it = &self->ties[tie];
    /* One that missed its deadline here is not taken back on the word of a connection. */
    if (it->lost && !it->blamed && frame->state == FW_LG_READY && (frame->suspicions == 0 || it->guarded))
        fw_lg_adopt(self, tie);
    if (started && !it->started) {
        fw_lg_start(self, tie);
        return;
    }
    if (it->started && it->guarded && frame->current == tie)
        fw_lg_go(self, tie);
    /* A suspect's `go` may be what was lost: it waits for that or for a recall. */
    else if ((it->lost || it->recalled || frame->state == FW_LG_SETTLED) && (!it->started || it->guarded))
        fw_lg_recall(self, tie, it->moving);
}

/* It is not dead after all. */
static void forgive(fw_ledger *self, uint32_t worker) {
    fw_lg_worker *it = &self->workers[worker];
    self->totals.deaths -= it->presumed_dead;
    it->presumed_dead = false;
    for (uint32_t at = it->ties.head; at != NONE; at = self->ties[at].of_worker.next)
        fw_lg_pardon(self, at);
}

static void resume(fw_ledger *self, uint32_t worker, const fw_hello *hello) {
    fw_lg_list *list = &self->workers[worker].ties;
    for (uint32_t at = list->head; at != NONE; at = self->ties[at].of_worker.next) {
        self->ties[at].seen = false;
        self->ties[at].reads = 0;
    }
    for (size_t i = 0; i < hello->held_count; i++) {
        uint32_t frame = fw_lg_find_frame(self, hello->held[i].key);
        uint32_t tie = frame != NONE ? fw_lg_find_tie(self, frame, worker) : NONE;
        if (tie == NONE || !self->ties[tie].open)
            self->totals.unknown++;
        else {
            self->ties[tie].seen = true;
            agree(self, tie, hello->held[i].started);
        }
    }
    for (size_t i = 0; i < hello->read_count; i++) {
        uint32_t slot = hello->reads[i].slot;
        uint32_t frame = slot < self->slot_room ? self->slots[slot] : NONE;
        if (frame == NONE || self->frames[frame].gen != hello->reads[i].gen)
            continue;
        uint32_t tie = fw_lg_find_tie(self, frame, worker);
        if (tie != NONE && self->ties[tie].reads < self->ties[tie].holds)
            self->ties[tie].reads++;
    }
    for (uint32_t at = list->head, next; at != NONE; at = next) {
        next = self->ties[at].of_worker.next;
        fw_lg_tie *it = &self->ties[at];
        bool gone = it->open && !it->seen;
        if (gone && !it->lost)
            fw_lg_lose(self, at, FW_LG_LOST);
        fw_lg_unhold(self, at, it->holds - it->reads);
        if (gone)
            fw_lg_close_tie(self, at);
    }
}

fw_worker fw_ledger_find(const fw_ledger *self, uint64_t instance) {
    void *known = fw_map_get(&self->instances, instance);
    return known != NULL ? fw_lg_handle(self, (uint32_t)((uintptr_t)known - 1)) : 0;
}

fw_worker fw_ledger_on_hello(fw_ledger *self, fw_time now, const fw_hello *hello) {
    fw_lg_clock(self, now);
    void *known = fw_map_get(&self->instances, hello->instance);
    uint32_t at = known != NULL ? (uint32_t)((uintptr_t)known - 1) : add_worker(self, hello->instance);
    if (at == NONE)
        return 0;
    fw_lg_worker *it = &self->workers[at];
    forgive(self, at);
    if (it->being == FW_LG_LEFT || it->being == FW_LG_ENDED) {
        it->proof = false;
        it->observer = hello->observer;
    }
    it->shares = false;
    set_being(self, at, FW_LG_HERE, false);
    if (!fw_lg_set_streams(self, at, hello->streams, hello->stream_count)) {
        set_being(self, at, FW_LG_AWAY, false);
        return 0;
    }
    resume(self, at, hello);
    return fw_lg_handle(self, at);
}

void fw_ledger_on_credit(fw_ledger *self, fw_time now, fw_worker who, uint32_t credit) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who);
    if (worker == NONE) {
        self->totals.unknown++;
        return;
    }
    fw_lg_worker *it = &self->workers[worker];
    it->credit = credit < self->options.credit ? credit : self->options.credit;
    set_being(self, worker, (fw_lg_being)it->being, true);
}

void fw_ledger_on_door(fw_ledger *self, fw_time now, fw_worker who) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who);
    if (worker == NONE)
        self->totals.unknown++;
    else
        self->workers[worker].shares = true;
}

void fw_ledger_set_proof(fw_ledger *self, fw_worker who, bool proof) {
    uint32_t worker = fw_lg_find_worker(self, who);
    if (worker != NONE)
        self->workers[worker].proof = proof;
}

/* ---- Going ---- */

void fw_ledger_on_bye(fw_ledger *self, fw_time now, fw_worker who) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who);
    if (worker == NONE) {
        self->totals.unknown++;
        return;
    }
    fw_lg_worker *it = &self->workers[worker];
    if (it->being == FW_LG_LEFT || it->being == FW_LG_ENDED)
        return;
    forgive(self, worker);
    set_being(self, worker, FW_LG_LEFT, false);
    for (uint32_t at = it->ties.head, next; at != NONE; at = next) {
        next = self->ties[at].of_worker.next;
        if (!self->ties[at].open)
            continue;
        if (!self->ties[at].lost)
            fw_lg_lose(self, at, FW_LG_RETURNED);
        fw_lg_close_tie(self, at);
    }
    fw_lg_check_worker(self, worker);
}

static void tell(fw_ledger *self, uint32_t worker, bool proven, uint32_t blamed) {
    fw_action died = {
        .kind = FW_ACTION_DIED, .worker = fw_lg_handle(self, worker), .proven = proven, .blamed = blamed != NONE
    };
    if (blamed != NONE) {
        died.stream = self->frames[blamed].stream;
        died.key = fw_lg_key(self, blamed);
    }
    fw_lg_act(self, &died);
}

void fw_lg_silent(fw_ledger *self, uint32_t worker) {
    fw_lg_worker *it = &self->workers[worker];
    set_being(self, worker, FW_LG_SILENT, false);
    uint32_t blamed = NONE;
    if (!it->proof) {
        it->presumed_dead = true;
        self->totals.deaths++;
        blamed = fw_lg_judge(self, worker, true);
    } else {
        for (uint32_t at = it->ties.head, next; at != NONE; at = next) {
            next = self->ties[at].of_worker.next;
            if (self->ties[at].open && !self->ties[at].lost)
                fw_lg_lose(self, at, FW_LG_LOST);
        }
    }
    tell(self, worker, false, blamed);
    fw_lg_check_worker(self, worker);
}

static void ended(fw_ledger *self, uint32_t worker) {
    fw_lg_worker *it = &self->workers[worker];
    bool left = it->being == FW_LG_LEFT;
    if (it->being == FW_LG_ENDED)
        return;
    set_being(self, worker, FW_LG_ENDED, false);
    if (!left) {
        self->totals.deaths += !it->presumed_dead;
        it->presumed_dead = false;
        for (uint32_t at = it->ties.head; at != NONE; at = self->ties[at].of_worker.next)
            self->ties[at].presumed = false;
        tell(self, worker, true, fw_lg_judge(self, worker, false));
    }
    for (uint32_t at = it->ties.head, next; at != NONE; at = next) {
        next = self->ties[at].of_worker.next;
        /* Either may be the last that needs the tie. */
        bool open = self->ties[at].open;
        fw_lg_unhold(self, at, self->ties[at].holds);
        if (open)
            fw_lg_close_tie(self, at);
    }
    fw_lg_check_worker(self, worker);
}

void fw_ledger_on_gone(fw_ledger *self, fw_time now, fw_worker who, fw_gone gone) {
    fw_lg_clock(self, now);
    uint32_t worker = fw_lg_find_worker(self, who);
    if (worker == NONE) {
        self->totals.unknown++;
        return;
    }
    if (gone == FW_GONE_PROCESS)
        ended(self, worker);
    else if (self->workers[worker].being == FW_LG_HERE)
        set_being(self, worker, FW_LG_AWAY, false);
}
