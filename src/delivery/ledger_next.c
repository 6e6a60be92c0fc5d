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

static fw_time due_at(const fw_ledger *self, uint32_t worker, fw_time delay) {
    return fw_after(self->workers[worker].since, delay);
}

/* Who starts nothing loses what an idle worker takes. */
static bool take_from_slow(fw_ledger *self) {
    uint32_t at = self->waits[FW_LG_START].head;
    for (int i = 0; i < FW_LG_LOOK && self->idle > 0 && at != NONE; i++) {
        if (due_at(self, at, self->options.deadline) > self->now)
            break;
        if (fw_lg_lose_unstarted(self, at, false))
            return true;
        at = self->workers[at].in_wait.next;
    }
    return false;
}

static bool check_time(fw_ledger *self) {
    uint32_t away = self->waits[FW_LG_HELLO].head;
    if (self->timed.head != NONE && self->ties[self->timed.head].deadline <= self->now)
        fw_lg_missed(self, self->timed.head);
    else if (away != NONE && due_at(self, away, self->options.grace) <= self->now)
        fw_lg_silent(self, away);
    else
        return take_from_slow(self);
    return true;
}

/* A frame that waits behind a long one, and that an idle worker takes. */
static uint32_t find_move(const fw_ledger *self) {
    uint32_t worker = self->waits[FW_LG_BUSY].head;
    for (int i = 0; i < FW_LG_LOOK && self->idle > 0 && worker != NONE; i++) {
        if (due_at(self, worker, self->options.patience) > self->now)
            break;
        for (uint32_t at = self->workers[worker].ties.head; at != NONE; at = self->ties[at].of_worker.next) {
            const fw_lg_tie *it = &self->ties[at];
            if (it->open && !it->started && !it->lost && !it->recalled &&
                fw_lg_idle_for(self, self->frames[it->frame].stream))
                return at;
        }
        worker = self->workers[worker].in_wait.next;
    }
    return NONE;
}

/* One for each idle worker, and one more each time that passes without an answer: who is asked may not listen. */
static fw_time next_move(const fw_ledger *self) {
    return self->idle > self->moves ? self->now : fw_after(self->moved, self->options.patience);
}

/* When the first of a list becomes due that is not yet. */
static fw_time becomes_due(const fw_ledger *self, fw_lg_wait wait, fw_time delay) {
    uint32_t worker = self->waits[wait].head;
    for (int i = 0; i < FW_LG_LOOK && worker != NONE; i++) {
        if (due_at(self, worker, delay) > self->now)
            return due_at(self, worker, delay);
        worker = self->workers[worker].in_wait.next;
    }
    return FW_FOREVER;
}

static void earlier(fw_time *time, fw_time other) {
    if (other < *time)
        *time = other;
}

fw_time fw_ledger_wakes(const fw_ledger *self) {
    fw_time wakes = self->timed.head != NONE ? self->ties[self->timed.head].deadline : FW_FOREVER;
    earlier(&wakes, becomes_due(self, FW_LG_HELLO, self->options.grace));
    if (self->idle == 0) /* frames are taken from one worker only for another */
        return wakes;
    earlier(&wakes, becomes_due(self, FW_LG_START, self->options.deadline));
    earlier(&wakes, becomes_due(self, FW_LG_BUSY, self->options.patience));
    if (find_move(self) != NONE)
        earlier(&wakes, next_move(self));
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

/* The stream gives its oldest frame of the kind, and goes behind the others. */
static bool lease_suspect(fw_ledger *self, uint32_t at, uint32_t worker, fw_action *action) {
    if (!lease(self, self->streams[at].suspects.items[0], worker, action))
        return false;
    if (self->streams[at].suspects.count > 0) {
        suspect_turn_remove(self, &self->suspect_turns, at);
        suspect_turn_append(self, &self->suspect_turns, at);
    }
    return true;
}

static bool lease_next(fw_ledger *self, uint32_t at, uint32_t worker, fw_action *action) {
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
    for (uint32_t at = self->suspect_turns.head; at != NONE; at = self->streams[at].in_suspect_turn.next) {
        uint32_t worker = fw_lg_choose(self, at);
        if (worker != NONE && self->workers[worker].unfinished == 0)
            return lease_suspect(self, at, worker, action);
        if (worker != NONE && self->reserved == NONE) {
            self->reserved = worker;
            fw_lg_place(self, worker, false);
        }
    }
    for (uint32_t at = self->turns.head; at != NONE && self->able > 0; at = self->streams[at].in_turn.next) {
        uint32_t worker = fw_lg_choose(self, at);
        if (worker != NONE)
            return lease_next(self, at, worker, action);
    }
    return false;
}

static bool move(fw_ledger *self) {
    uint32_t tie = next_move(self) <= self->now ? find_move(self) : NONE;
    if (tie == NONE)
        return false;
    self->moved = self->now;
    fw_lg_recall(self, tie, true);
    return true;
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
