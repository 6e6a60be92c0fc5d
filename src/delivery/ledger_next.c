#include "delivery/ledger_inside.h"

#include <string.h>

#include "base/clock.h"

FW_LG_LIST(turn, streams, in_turn)
FW_LG_LIST(suspect_turn, streams, in_suspect_turn)

/* ---- The ring of actions ---- */

void fw_lg_act(fw_ledger *self, const fw_action *action) {
    if (self->action_count == self->action_room) {
        uint32_t old = self->action_room;
        if (!fw_lg_grow(self, &self->actions, &self->action_room, sizeof *self->actions))
            return;
        /* What had wrapped round goes on behind what had not: the room has doubled at least. */
        memcpy(self->actions + old, self->actions, self->action_head * sizeof *self->actions);
    }
    self->actions[(self->action_head + self->action_count++) & (self->action_room - 1)] = *action;
}

/* A frame that is answered already needs no word, and who went away is told when it says hello. Only from here on is a
 * suspect said to run: what happened before `go` is no proof. */
static bool still_true(fw_ledger *self, const fw_action *action) {
    uint32_t worker = fw_lg_find_worker(self, action->worker), frame = fw_lg_find_frame(self, action->key);
    if (worker == NONE || frame == NONE || self->workers[worker].being != FW_LG_HERE)
        return false;
    uint32_t tie = fw_lg_find_tie(self, frame, worker);
    if (tie == NONE || !self->ties[tie].open)
        return false;
    if (action->kind == FW_ACTION_RECALL)
        return true;
    if (self->frames[frame].current != tie || !self->ties[tie].started)
        return false;
    self->ties[tie].go = true;
    return true;
}

static bool take_action(fw_ledger *self, fw_action *action) {
    while (self->action_count > 0) {
        *action = self->actions[self->action_head];
        self->action_head = (self->action_head + 1) & (self->action_room - 1);
        self->action_count--;
        if ((action->kind != FW_ACTION_GO && action->kind != FW_ACTION_RECALL) || still_true(self, action))
            return true;
    }
    return false;
}

/* ---- Deadlines ---- */

static bool due(const fw_ledger *self, fw_lg_wait wait, fw_time delay) {
    uint32_t worker = self->waits[wait].head;
    return worker != NONE && fw_after(self->workers[worker].since, delay) <= self->now;
}

static bool check_time(fw_ledger *self) {
    if (self->timed.head != NONE && self->ties[self->timed.head].deadline <= self->now)
        fw_lg_missed(self, self->timed.head);
    else if (due(self, FW_LG_HELLO, self->options.grace))
        fw_lg_silent(self, self->waits[FW_LG_HELLO].head);
    else if (self->buckets[0].count > 0 && due(self, FW_LG_START, self->options.deadline))
        fw_lg_lose_unstarted(self, self->waits[FW_LG_START].head);
    else
        return false;
    return true;
}

/* One for each idle worker, and one more each time that passes without an answer: who is asked may not listen. */
static fw_time next_move(const fw_ledger *self) {
    return self->buckets[0].count > self->moves ? 0 : fw_after(self->moved, self->options.patience);
}

fw_time fw_ledger_wakes(const fw_ledger *self) {
    fw_time wakes = self->timed.head != NONE ? self->ties[self->timed.head].deadline : FW_FOREVER;
    const fw_time delays[FW_LG_NOTHING] = { self->options.grace, self->options.deadline, self->options.patience };
    /* Frames are taken from one worker only when another is free. */
    const bool wanted[FW_LG_NOTHING] = { true, self->buckets[0].count > 0, self->buckets[0].count > 0 };
    for (size_t i = 0; i < FW_LG_NOTHING; i++) {
        uint32_t worker = self->waits[i].head;
        if (worker == NONE || !wanted[i])
            continue;
        fw_time then = fw_after(self->workers[worker].since, delays[i]);
        if (i == FW_LG_BUSY && then < next_move(self))
            then = next_move(self);
        if (then < wakes)
            wakes = then;
    }
    return wakes;
}

/* ---- Who gets which frame ---- */

static bool lease(fw_ledger *self, uint32_t frame, uint32_t worker, fw_action *action) {
    uint32_t tie = fw_lg_make_tie(self, frame, worker);
    if (tie == NONE)
        return false;
    fw_lg_frame *it = &self->frames[frame];
    fw_account *account = &self->streams[it->stream].account;
    switch ((fw_lg_cause)it->cause) {
    case FW_LG_FIRST:
    case FW_LG_RECALLED:
        break;
    case FW_LG_RETURNED:
        account->by_return++;
        break;
    case FW_LG_LOST:
        account->by_loss++;
        break;
    case FW_LG_DIED:
        account->by_death++;
        break;
    case FW_LG_MISSED:
        account->by_deadline++;
        break;
    }
    account->redelivered += it->cause > FW_LG_RECALLED;
    bool guarded = it->suspicions > 0;
    fw_lg_queue_out(self, frame);
    fw_lg_set_state(self, frame, FW_LG_LEASED);
    it->current = tie;
    fw_lg_open_tie(self, tie, guarded);

    const fw_lg_worker *who = &self->workers[worker];
    bool hold = who->shares && it->slot != FW_NO_SLOT;
    bool copy = hold && (!fw_lg_may_pin(self, frame) || (self->ties[tie].pins == 0 && who->pinned >= who->credit + 2));
    if (hold)
        fw_lg_hold(self, tie, copy);
    fw_lg_place(self, worker, false);
    *action = (fw_action){
        .kind = FW_ACTION_LEASE,
        .stream = it->stream,
        .worker = fw_lg_handle(self, worker),
        .key = fw_lg_key(self, frame),
        .frame = it->frame,
        .attempt = it->attempts + 1,
        .guarded = guarded,
        .hold = hold,
        .copy = copy,
    };
    return true;
}

/* The next stream in turn gives its oldest frame of the kind. */
static bool lease_suspect(fw_ledger *self, uint32_t worker, fw_action *action) {
    uint32_t stream = self->suspect_turns.head;
    if (!lease(self, self->streams[stream].suspects.items[0], worker, action))
        return false;
    if (self->streams[stream].suspects.count > 0) {
        suspect_turn_remove(self, &self->suspect_turns, stream);
        suspect_turn_append(self, &self->suspect_turns, stream);
    }
    return true;
}

static bool lease_next(fw_ledger *self, uint32_t worker, fw_action *action) {
    uint32_t at = self->turns.head;
    fw_lg_stream *stream = &self->streams[at];
    uint32_t frame = stream->again.count > 0 ? stream->again.items[0] : stream->fresh.head;
    if (!lease(self, frame, worker, action))
        return false;
    if (stream->again.count + stream->fresh.count > 0) {
        turn_remove(self, &self->turns, at);
        turn_append(self, &self->turns, at);
    }
    return true;
}

static bool dispatch(fw_ledger *self, fw_action *action) {
    if (self->totals.suspects == 0 && self->reserved != NONE) {
        uint32_t worker = self->reserved;
        self->reserved = NONE;
        fw_lg_place(self, worker, false);
    }
    while (self->bucket_mask != 0) {
        uint32_t worker = self->buckets[__builtin_ctzll(self->bucket_mask)].head;
        if (self->totals.suspects > 0) {
            if (self->workers[worker].unfinished == 0)
                return lease_suspect(self, worker, action);
            if (self->reserved == NONE) {
                self->reserved = worker;
                fw_lg_place(self, worker, false);
                continue;
            }
        }
        return self->turns.count > 0 && lease_next(self, worker, action);
    }
    return false;
}

/* Something waits behind a long frame while a worker has nothing: ask for it. */
static bool move(fw_ledger *self) {
    if (self->buckets[0].count == 0 || next_move(self) > self->now || !due(self, FW_LG_BUSY, self->options.patience))
        return false;
    for (uint32_t at = self->workers[self->waits[FW_LG_BUSY].head].ties.head; at != NONE;
         at = self->ties[at].of_worker.next) {
        const fw_lg_tie *it = &self->ties[at];
        if (it->open && !it->started && !it->lost && !it->recalled) {
            self->moved = self->now;
            fw_lg_recall(self, at, true);
            return true;
        }
    }
    return false;
}

bool fw_ledger_next(fw_ledger *self, fw_time now, fw_action *action) {
    fw_lg_clock(self, now);
    if (self->status != FW_OK)
        return false;
    do {
        if (take_action(self, action))
            return true;
        while (check_time(self))
            ;
        if (self->action_count == 0 && dispatch(self, action))
            return true;
    } while (self->action_count > 0 || move(self));
    return false;
}
