#include "sim.h"

#include <string.h>

static uint32_t row(const world *w, const frame *f) {
    return (uint32_t)(f - w->frames);
}

static uint32_t column(const world *w, const proc *p) {
    return (uint32_t)(p - w->procs);
}

static pair *between(world *w, frame *f, proc *p) {
    return &w->pairs[row(w, f)][column(w, p)];
}

frame *book_find(world *w, uint64_t serial) {
    frame *f = &w->frames[serial % FRAMES];
    return serial != 0 && f->serial == serial ? f : NULL;
}

static frame *by_key(world *w, uint32_t stream, uint64_t seq) {
    frame *f = stream < w->stream_count ? book_find(w, w->serials[stream][seq % FRAMES]) : NULL;
    return f != NULL && f->seq == seq ? f : NULL;
}

static fw_key key_of(const world *w, const frame *f) {
    return (fw_key){ w->epochs[f->stream], f->seq };
}

/* ---- Pairs ---- */

static void untie(world *w, frame *f, proc *p) {
    pair *it = between(w, f, p);
    if (it->tied && f->settled && !it->open && it->holds == 0) {
        it->tied = false;
        p->told.ties--;
    }
}

static void tie(world *w, frame *f, proc *p) {
    pair *it = between(w, f, p);
    p->told.ties += !it->tied;
    it->tied = true;
}

static void close_pair(world *w, frame *f, proc *p) {
    pair *it = between(w, f, p);
    if (!it->open)
        return;
    if (it->go && it->started && w->now >= it->sign + w->options.deadline)
        it->missed = true;
    it->open = false;
    f->open--;
    p->told.unfinished--;
    p->told.started -= it->started;
    p->told.guarded -= it->guarded;
    if (p->told.unfinished == 0)
        p->told.lost = p->told.mixed = false;
    untie(w, f, p);
}

static void set_holds(world *w, frame *f, proc *p, uint8_t holds, uint8_t pins) {
    pair *it = between(w, f, p);
    int held = (holds > 0) - (it->holds > 0), pinned = (pins > 0) - (it->pins > 0);
    it->holds = holds;
    it->pins = pins;
    f->holders += (uint32_t)held;
    p->told.holders += (uint32_t)held;
    p->told.pinned += (uint32_t)pinned;
    uint32_t before = f->pinners, watched = f->watchers;
    f->pinners += (uint32_t)pinned;
    if (p->told.observer)
        f->watchers += (uint32_t)pinned;
    w->pinned += ((f->pinners > 0) - (before > 0)) * f->size;
    w->watched += ((f->watchers > 0) - (watched > 0)) * f->size;
    untie(w, f, p);
}

static void unhold(world *w, frame *f, proc *p) {
    const pair *it = between(w, f, p);
    uint8_t holds = (uint8_t)(it->holds - 1);
    set_holds(w, f, p, holds, it->pins < holds ? it->pins : holds);
}

/* Has this ended its process, or missed its deadline, after `go`? Rather once too often. */
bool book_proven(const world *w, const pair *it, const told *t) {
    bool late = it->open && it->started && w->now >= it->sign + w->options.deadline;
    bool silent = t->away && w->now >= t->away_since + w->options.grace && !t->proof;
    return it->go && (it->missed || late || t->ended || t->presumed || silent);
}

uint32_t book_most_proven(const world *w, const frame *f) {
    uint32_t proven = f->proven;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        proven += book_proven(w, &w->pairs[row(w, f)][i], &w->procs[i].told);
    return proven;
}

/* The process has no part in anything any more: its column is used again. */
void book_forget(world *w, proc *p) {
    for (uint32_t i = 0; i < FRAMES; i++) {
        pair *it = &w->pairs[i][column(w, p)];
        if (w->frames[i].serial != 0 && !w->frames[i].settled)
            w->frames[i].proven += book_proven(w, it, &p->told);
        *it = (pair){ 0 };
    }
}

/* Everything that a worker's handle stood for is over. */
static bool forgotten(const proc *p) {
    return p->told.handle == 0 || (!p->told.here && !p->told.away && p->told.ties == 0);
}

/* ---- Frames ---- */

bool book_capture(world *w, uint32_t stream, uint64_t size, fate destiny) {
    frame *f = &w->frames[(w->serial + 1) % FRAMES];
    if (w->ended[stream] || (f->serial != 0 && (!f->settled || !f->let_go || f->open > 0 || f->holders > 0)))
        return false;
    uint32_t slot = 0;
    while (slot < FRAMES && w->owner[slot] != 0)
        slot++;
    w->serial++;
    *f = (frame){ .serial = w->serial,
                  .seq = w->next_seq[stream]++,
                  .gen = ++w->gens,
                  .size = size,
                  .stream = stream,
                  .slot = slot,
                  .fate = destiny };
    memset(w->pairs[row(w, f)], 0, sizeof w->pairs[row(w, f)]);
    w->owner[slot] = f->serial;
    w->serials[stream][f->seq % FRAMES] = f->serial;
    w->memory_used += size;
    w->account[stream].captured++;
    w->account[stream].in_flight++;
    note(w, "frame %u/%llu in slot %u", stream, (unsigned long long)f->seq, slot);
    fw_capture capture = { .seq = f->seq, .frame = f, .slot = slot, .gen = f->gen, .size = size };
    if (fw_ledger_on_frame(w->ledger, w->now, stream, &capture) != FW_OK)
        failed(w, "a frame was not taken");
    return true;
}

/* By a result, by dying, or dropped. */
static void settle(world *w, frame *f) {
    if (f->settled)
        failed(w, "frame %u/%llu is settled twice", f->stream, (unsigned long long)f->seq);
    f->settled = true;
    w->account[f->stream].in_flight--;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        untie(w, f, &w->procs[i]);
}

void book_drop(world *w, uint32_t stream, bool oldest) {
    fw_account account;
    fw_ledger_count(w->ledger, stream, &account);
    frame *first = NULL;
    for (uint32_t i = 0; i < FRAMES && oldest; i++) {
        frame *f = &w->frames[i];
        fw_ledger_frame look;
        if (f->serial == 0 || f->settled || f->stream != stream || (first != NULL && first->seq < f->seq))
            continue;
        if (fw_ledger_look_frame(w->ledger, key_of(w, f), &look) && look.state == FW_FRAME_READY)
            first = f;
    }
    note(w, "stream %u drops its %s", stream, first != NULL ? "oldest" : "newest");
    if (oldest && fw_ledger_drop_oldest(w->ledger, w->now, stream) != (first != NULL))
        failed(w, "stream %u: the oldest of %llu ready ones is dropped", stream, (unsigned long long)account.ready);
    if (first != NULL) {
        settle(w, first);
    } else {
        w->account[stream].captured++;
        fw_ledger_drop_newest(w->ledger, stream);
    }
    w->account[stream].dropped++;
}

void book_end(world *w, uint32_t stream) {
    w->ended[stream] = true;
    fw_ledger_on_end(w->ledger, w->now, stream);
    fw_ledger_on_end(w->ledger, w->now, stream);
}

/* ---- What the hub hears ---- */

static void hello(world *w, proc *p) {
    told *t = &p->told;
    bool anew = forgotten(p) || t->left || t->ended;
    for (uint32_t i = 0; i < p->said_count; i++) {
        bool had = false;
        for (uint32_t j = 0; j < FRAMES && !had; j++) {
            frame *f = &w->frames[j];
            pair *it = between(w, f, p);
            had = f->serial != 0 && it->open && w->epochs[f->stream] == p->said[i].key.epoch &&
                  f->seq == p->said[i].key.seq;
            if (had && p->said[i].started && !it->started) {
                it->started = true;
                t->started++;
                it->sign = w->now;
            }
            /* The same frame may stand twice in what a worker has, where a return went twice. */
            if (!had)
                continue;
            it->recalled = false;
            fw_ledger_frame look;
            if (it->started && fw_ledger_look_frame(w->ledger, key_of(w, f), &look) && look.state == FW_FRAME_READY) {
                it->missed |= it->go && w->now >= it->sign + w->options.deadline;
                it->sign = w->now; /* it may go on with it */
            }
        }
        w->unknown += !had;
    }
    for (uint32_t j = 0; j < FRAMES; j++) {
        frame *f = &w->frames[j];
        if (f->serial == 0)
            continue;
        pair *it = between(w, f, p);
        bool said = false;
        for (uint32_t i = 0; i < p->said_count; i++)
            said |= w->epochs[f->stream] == p->said[i].key.epoch && f->seq == p->said[i].key.seq;
        if (it->open && !said)
            close_pair(w, f, p);
        uint8_t reads = 0;
        for (uint32_t i = 0; i < p->said_read_count; i++)
            reads = (uint8_t)(reads + (p->said_reads[i].slot == f->slot && p->said_reads[i].gen == f->gen));
        while (it->holds > reads)
            unhold(w, f, p);
    }
    fw_hello words = { p->instance, p->observer, p->said, p->said_count, p->said_reads, p->said_read_count };
    t->handle = fw_ledger_on_hello(w->ledger, w->now, &words);
    t->here = true;
    t->mixed = t->lost;
    t->away = t->silent = t->presumed = t->left = t->ended = t->credited = t->shares = false;
    t->credit = 0;
    t->proof = t->proof && !anew;
    t->observer = p->observer;
    t->connection = p->connection;
    t->active = w->now;
}

/* Whoever dies makes what it had started a suspect, or else the oldest frame it had. */
static void find_suspects(world *w, proc *p) {
    frame *oldest = NULL;
    if (p->told.left || p->told.ended)
        return;
    for (uint32_t i = 0; i < FRAMES; i++) {
        frame *f = &w->frames[i];
        pair *it = between(w, f, p);
        if (f->serial == 0 || !it->open)
            continue;
        f->suspect |= it->started;
        if (oldest == NULL || it->order < between(w, oldest, p)->order)
            oldest = f;
    }
    if (oldest != NULL && p->told.started == 0)
        oldest->suspect = true;
}

static void gone(world *w, proc *p, fw_gone how) {
    told *t = &p->told;
    w->unknown += forgotten(p);
    if (how == FW_GONE_CONNECTION) {
        if (t->here) {
            t->here = t->credited = false;
            t->away = true;
            t->away_since = w->now;
        }
    } else if (!forgotten(p)) {
        find_suspects(w, p);
        for (uint32_t i = 0; i < FRAMES; i++) {
            frame *f = &w->frames[i];
            if (f->serial == 0)
                continue;
            pair *it = between(w, f, p);
            if (it->open && it->go && !f->settled && !t->left && !t->presumed && !it->missed &&
                w->now < it->sign + w->options.deadline)
                f->certain++;
            if (it->holds > 0)
                set_holds(w, f, p, 0, 0);
            close_pair(w, f, p);
        }
        w->died += !t->left && !t->ended;
        t->here = t->away = t->silent = t->presumed = t->left = t->credited = false;
        t->ended = true;
    }
    fw_ledger_on_gone(w->ledger, w->now, t->handle, how);
}

static void result(world *w, proc *p, const message *m, fw_key key, frame *f) {
    pair *it = f != NULL ? between(w, f, p) : NULL;
    fw_reception expected = FW_UNKNOWN;
    if (forgotten(p) || key.epoch == 0 || key.seq >= w->next_seq[m->stream])
        expected = FW_UNKNOWN;
    else if (f == NULL || f->settled)
        expected = FW_DUPLICATE;
    else if (it->ever)
        expected = FW_ACCEPTED;
    if (fw_ledger_would_accept(w->ledger, p->told.handle, key) != expected)
        failed(w, "a result would not be received as %d", expected);
    w->unknown += expected == FW_UNKNOWN;
    if (expected == FW_DUPLICATE)
        w->account[m->stream].duplicates++;
    if (expected == FW_ACCEPTED) {
        w->account[f->stream].done++;
        w->account[f->stream].errors += m->flag;
    }
    if (it != NULL && expected != FW_UNKNOWN)
        close_pair(w, f, p);
    if (expected == FW_ACCEPTED)
        settle(w, f);
    if (fw_ledger_on_result(w->ledger, w->now, p->told.handle, key, m->flag) != expected)
        failed(w, "a result is not received as %d", expected);
}

/* start, progress and return. */
static void word(world *w, proc *p, const message *m, fw_key key, frame *f) {
    pair *it = f != NULL ? between(w, f, p) : NULL;
    if (forgotten(p) || it == NULL || !it->open) {
        w->unknown++;
    } else if (m->kind == M_RETURN) {
        fw_ledger_frame look;
        fw_ledger_look_frame(w->ledger, key, &look);
        w->recalled += it->moving && !it->started && look.worker == p->told.handle;
        close_pair(w, f, p);
    } else {
        if (it->go && it->started && w->now >= it->sign + w->options.deadline)
            it->missed = true;
        if (m->kind == M_PROGRESS || !it->started)
            it->sign = w->now;
        p->told.started += !it->started;
        it->started = true;
        it->recalled = it->moving = false;
    }
    if (m->kind == M_START)
        fw_ledger_on_start(w->ledger, w->now, p->told.handle, key);
    else if (m->kind == M_PROGRESS)
        fw_ledger_on_progress(w->ledger, w->now, p->told.handle, key);
    else
        fw_ledger_on_return(w->ledger, w->now, p->told.handle, key);
}

static void release(world *w, proc *p, const message *m) {
    frame *f = m->slot < FRAMES ? book_find(w, w->owner[m->slot]) : NULL;
    if (!forgotten(p) && f != NULL && f->gen == m->gen && between(w, f, p)->holds > 0)
        unhold(w, f, p);
    else
        w->stale++;
    fw_ledger_on_release(w->ledger, w->now, p->told.handle, m->slot, m->gen);
}

static void bye(world *w, proc *p) {
    told *t = &p->told;
    w->unknown += forgotten(p);
    if (!forgotten(p) && !t->ended && !t->left) {
        for (uint32_t i = 0; i < FRAMES; i++)
            if (w->frames[i].serial != 0)
                close_pair(w, &w->frames[i], p);
        t->here = t->away = t->silent = t->presumed = t->credited = false;
        t->left = true;
    }
    fw_ledger_on_bye(w->ledger, w->now, t->handle);
}

void book_tell(world *w, proc *p, const message *m) {
    told *t = &p->told;
    frame *f = by_key(w, m->stream, m->seq);
    fw_key key = { m->stream < w->stream_count ? w->epochs[m->stream] : 0, m->seq };
    static const char *const names[] = { "hello",  "credit", "door",    "supervised", "start", "progress",
                                         "result", "return", "release", "bye",        "gone",  "proof" };
    note(w, "%u says %s %u/%llu", (unsigned)(p - w->procs), names[m->kind], m->stream, (unsigned long long)m->seq);
    t->active = w->now;
    switch ((kind)m->kind) {
    case M_HELLO:
        hello(w, p);
        break;
    case M_CREDIT:
        w->unknown += forgotten(p);
        if (!forgotten(p)) {
            t->credit = m->credit < w->options.credit ? m->credit : w->options.credit;
            t->credited = true;
        }
        fw_ledger_on_credit(w->ledger, w->now, t->handle, m->credit);
        break;
    case M_DOOR:
        w->unknown += forgotten(p);
        if (!forgotten(p))
            t->shares = t->proof = true;
        fw_ledger_on_door(w->ledger, w->now, t->handle);
        fw_ledger_set_proof(w->ledger, t->handle, true);
        break;
    case M_SUPERVISED:
        if (!forgotten(p))
            t->proof = true;
        fw_ledger_set_proof(w->ledger, t->handle, true);
        break;
    case M_START:
    case M_PROGRESS:
    case M_RETURN:
        word(w, p, m, key, f);
        break;
    case M_RESULT:
        result(w, p, m, key, f);
        break;
    case M_RELEASE:
        release(w, p, m);
        break;
    case M_BYE:
        bye(w, p);
        break;
    case M_GONE:
        gone(w, p, FW_GONE_CONNECTION);
        break;
    case M_PROOF:
        gone(w, p, FW_GONE_PROCESS);
        break;
    case M_LEASE:
    case M_GO:
    case M_RECALL:
        break;
    }
}

static bool may_pin(const world *w, const frame *f) {
    uint64_t memory = w->options.memory, spare = (memory + 3) / 4 > f->size ? (memory + 3) / 4 : f->size;
    return memory == 0 || f->pinners > 0 || w->pinned + f->size + spare <= memory;
}

bool book_watch(world *w, proc *observer, frame *f) {
    bool may = !forgotten(observer) && !observer->told.ended && observer->told.observer && !f->let_go && may_pin(w, f);
    if (may && w->options.memory > 0 && f->watchers == 0)
        may = w->watched + f->size <= w->options.memory / 4;
    if (fw_ledger_hold(w->ledger, w->now, observer->told.handle, key_of(w, f)) != may) {
        failed(w, "an observer's hold is %s", may ? "refused" : "given");
        return false;
    }
    if (may) {
        const pair *it = between(w, f, observer);
        tie(w, f, observer);
        set_holds(w, f, observer, (uint8_t)(it->holds + 1), (uint8_t)(it->pins + 1));
    }
    return may;
}

/* ---- What comes out ---- */

static void take_lease(world *w, const fw_action *action, proc *p, frame *f) {
    pair *it = between(w, f, p);
    check_lease(w, action, p, f);
    f->proven += book_proven(w, it, &p->told);
    tie(w, f, p);
    bool copy = !may_pin(w, f) || (it->pins == 0 && p->told.pinned >= p->told.credit + 2);
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
        set_holds(w, f, p, (uint8_t)(holds + 1), (uint8_t)(pins + !action->copy));
}

static void take_dead(world *w, const fw_action *action, frame *f) {
    uint32_t proven = book_most_proven(w, f);
    if (proven < w->options.attempts)
        failed(w, "frame %u/%llu is dead after %u proven attempts", f->stream, (unsigned long long)f->seq, proven);
    if (action->attempt < w->options.attempts)
        failed(w, "a dead frame was started %u times", action->attempt);
    w->account[f->stream].dead++;
    settle(w, f);
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
        pair *it = p != NULL && f != NULL ? between(w, f, p) : NULL;
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
        if (f == NULL || p == NULL || w->now < between(w, f, p)->sign + w->options.deadline)
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
        if (t->starts_nothing != 0 && w->now >= t->starts_nothing + w->options.deadline)
            t->lost = true;
        if (t->silent || (t->away && w->now >= t->away_since + w->options.grace))
            t->lost = true;
        for (uint32_t j = 0; j < FRAMES && t->started > 0; j++) {
            frame *f = &w->frames[j];
            const pair *it = &w->pairs[j][i];
            fw_ledger_frame look;
            if (!it->open || !it->started || w->now < it->sign + w->options.deadline)
                continue;
            t->lost = true;
            if (t->here && fw_ledger_look_frame(w->ledger, key_of(w, f), &look) && look.worker == t->handle)
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
