#include "sim.h"

static void take_lease(world *w, const fw_action *action, proc *p, frame *f) {
    pair *it = book_pair(w, f, p);
    check_lease(w, action, p, f);
    f->proven += book_proven(w, it, &p->told);
    book_tie(w, f, p);
    bool copy = !book_may_pin(w, f) || (it->pins == 0 && p->told.pinned >= p->told.credit + 2);
    if (action->hold != p->told.shares || action->copy != (action->hold && copy))
        failed(w, "a lease's memory: hold %d, copy %d", action->hold, action->copy);
    uint8_t holds = it->holds, pins = it->pins;
    *it = (pair){ .tied = true, .ever = true, .open = true, .guarded = action->guarded, .holds = holds, .pins = pins };
    f->open++;
    p->told.unfinished++;
    p->told.guarded += action->guarded;
    p->told.active = w->now;
    it->order = ++w->leases;
    if (action->hold)
        book_set_holds(w, f, p, (uint8_t)(holds + 1), (uint8_t)(pins + !action->copy));
}

static void take_dead(world *w, const fw_action *action, frame *f) {
    uint32_t proven = book_most_proven(w, f);
    if (proven < w->options.attempts)
        failed(w, "frame %u/%llu is dead after %u proven attempts", f->stream, (unsigned long long)f->seq, proven);
    if (action->attempt < w->options.attempts)
        failed(w, "a dead frame was started %u times", action->attempt);
    w->account[f->stream].dead++;
    book_settled(w, f);
}

static void take_let_go(world *w, frame *f) {
    if (f->let_go || !f->settled || f->holders > 0 || world_reads(w, f->slot, f->gen))
        failed(w, "the memory of frame %u/%llu is let go: %s", f->stream, (unsigned long long)f->seq,
               f->let_go     ? "again"
               : !f->settled ? "unsettled"
                             : "while it is held or read");
    f->let_go = true;
    w->owner[f->slot] = 0;
    w->memory_used -= f->size;
}

static void take(world *w, const fw_action *action) {
    proc *p = NULL;
    for (uint32_t i = 0; i < w->proc_limit && p == NULL; i++)
        if (action->worker != 0 && w->procs[i].used && w->procs[i].told.handle == action->worker)
            p = &w->procs[i];
    frame *f = NULL;
    for (uint32_t i = 0; i < FRAMES && f == NULL; i++)
        if (w->frames[i].serial != 0 && w->epochs[w->frames[i].stream] == action->key.epoch &&
            w->frames[i].seq == action->key.seq && !(w->frames[i].let_go && w->frames[i].open == 0))
            f = &w->frames[i];
    if (action->frame != NULL && action->frame != f) {
        failed(w, "an action names a frame that is not there");
        return;
    }
    switch (action->kind) {
    case FW_ACTION_LEASE:
        if (p != NULL && f != NULL)
            take_lease(w, action, p, f);
        break;
    case FW_ACTION_GO:
    case FW_ACTION_RECALL: {
        pair *it = p != NULL && f != NULL ? book_pair(w, f, p) : NULL;
        if (it == NULL || !it->open || !p->told.here) {
            failed(w, "go or recall where there is no lease");
            return;
        }
        if (action->kind == FW_ACTION_RECALL) {
            fw_ledger_frame look;
            fw_ledger_look_frame(w->ledger, action->key, &look);
            note(w, "frame %u/%llu is asked back from %u", f->stream, (unsigned long long)f->seq,
                 (unsigned)(p - w->procs));
            it->recalled = true;
            it->moving = look.worker == action->worker;
            break;
        }
        if (!it->started || !it->guarded || f->settled)
            failed(w, "go, to who did not ask");
        it->go = true;
        break;
    }
    case FW_ACTION_DEAD:
        take_dead(w, action, f);
        break;
    case FW_ACTION_LET_GO:
        take_let_go(w, f);
        break;
    case FW_ACTION_DIED:
        if (action->proven ? w->died-- == 0 : p == NULL || !p->told.away)
            failed(w, "a death that was not told is reported");
        break;
    case FW_ACTION_LATE:
        if (f == NULL || p == NULL || w->now < book_pair(w, f, p)->sign + w->options.deadline)
            failed(w, "a deadline that is to come is said to be missed");
        break;
    case FW_ACTION_END:
        if (w->end_said[action->stream] || !w->ended[action->stream] || w->account[action->stream].in_flight > 0)
            failed(w, "the end of stream %u is not true", action->stream);
        w->end_said[action->stream] = true;
        break;
    }
    if (p == NULL && action->kind == FW_ACTION_LEASE)
        failed(w, "a lease for nobody");
    else if (p != NULL && f != NULL)
        world_act(w, action, p, f);
}

/* Deadlines, as they stand before the ledger looks at the clock. */
static void watch_time(world *w) {
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        proc *p = &w->procs[i];
        told *t = &p->told;
        if (!p->used || t->unfinished == 0) {
            t->starts_nothing = 0;
            continue;
        }
        if (t->started > 0 || !t->here)
            t->starts_nothing = 0;
        else if (t->starts_nothing == 0)
            t->starts_nothing = w->settled; /* at some time since then */
        if (t->starts_nothing != 0 && w->now >= t->starts_nothing + w->options.deadline) {
            t->lost = true;
            t->mixed |= w->picky; /* it keeps what no idle worker takes */
        }
        if (t->silent || (t->away && w->now >= t->away_since + w->options.grace))
            t->lost = true;
        for (uint32_t j = 0; j < FRAMES && t->started > 0; j++) {
            frame *f = &w->frames[j];
            const pair *it = &w->pairs[j][i];
            fw_ledger_frame look;
            if (!it->open || !it->started || w->now < it->sign + w->options.deadline)
                continue;
            t->lost = true;
            if (t->here && fw_ledger_look_frame(w->ledger, book_key(w, f), &look) && look.worker == t->handle)
                f->suspect = true;
        }
    }
}

void book_settle(world *w) {
    fw_action action;
    watch_time(w);
    while (w->failure[0] == 0 && fw_ledger_next(w->ledger, w->now, &action))
        take(w, &action);
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        told *t = &w->procs[i].told;
        if (!w->procs[i].used || !t->away || w->now < t->away_since + w->options.grace)
            continue;
        t->away = false;
        t->silent = true;
        t->presumed = !t->proof;
    }
    w->settled = w->now;
}
